"""The simulated stick: its bytes say what its oracle says, through both clock changes."""

from datetime import UTC, datetime

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.raven import RavenCodec
from firmware_bridge.simulator.raven_meter import telegrams
from shared.readings import Sample
from shared.units import MS_PER_HOUR, SLOT_MS


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000


def read(codec: RavenCodec, content: bytes) -> list[Sample]:
    """Return the samples with registers; refuse nothing."""
    found = codec.feed(content)
    assert all(isinstance(entry, Telegram) for entry in found)
    samples = [s for entry in found if isinstance(entry, Telegram) for s in entry.samples]
    return [sample for sample in samples if sample.registers]


@pytest.mark.parametrize(
    "start_ms",
    [utc_ms(2026, 3, 28, 22), utc_ms(2026, 10, 24, 22), utc_ms(2026, 6, 20, 8)],
    ids=["clocks forward", "clocks back", "midsummer"],
)
def test_oracle_equals_what_the_codec_reads_from_the_bytes(start_ms: int) -> None:
    """Meters, times and every register, though neither is made from the other."""
    codec = RavenCodec()

    for content, lines in telegrams(11, start_ms, start_ms + 8 * MS_PER_HOUR, 10):
        decoded = [(s.meter, s.medium, s.meter_time_ms, s.registers) for s in read(codec, content)]
        assert decoded == [(s.meter, s.medium, s.taken_at_ms, s.registers) for s in lines]

    assert codec.feed(b"") == []


def test_every_slot_is_closed_by_a_summation_that_must_be_logged() -> None:
    """The telegram on the boundary, or one second late, holds the register."""
    start_ms = utc_ms(2026, 6, 1, 12)

    lines = [one for _, some in telegrams(1, start_ms, start_ms + 6 * SLOT_MS) for one in some]

    closing = [one for one in lines if one.taken_at_ms % SLOT_MS in (0, 1_000)]
    assert len(closing) == 6
    assert all("import_mwh" in one.registers and one.must_log for one in closing)
