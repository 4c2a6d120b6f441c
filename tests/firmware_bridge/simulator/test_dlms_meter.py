"""The simulated DLMS push: its bytes say what its oracle says, plain and encrypted."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.dlms import DlmsCodec
from firmware_bridge.simulator.dlms_meter import DlmsMeter, MeterKeys, telegrams
from firmware_bridge.simulator.p1_meter import telegrams as p1_telegrams
from shared.units import MS_PER_HOUR

LONDON = ZoneInfo("Europe/London")
KEYS = MeterKeys()


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000


def codec_for(keys: MeterKeys | None) -> DlmsCodec:
    """Return a codec with a meter's keys."""
    if keys is None:
        return DlmsCodec(LONDON)
    return DlmsCodec(LONDON, keys.key, keys.authentication_key)


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
@pytest.mark.parametrize(
    "start_ms",
    [utc_ms(2026, 3, 28, 22), utc_ms(2026, 10, 24, 22), utc_ms(2026, 6, 20, 8)],
    ids=["clocks forward", "clocks back", "midsummer"],
)
def test_oracle_equals_what_the_codec_reads_from_the_bytes(
    start_ms: int, keys: MeterKeys | None
) -> None:
    """Meters, times and every register, though neither is made from the other."""
    codec = codec_for(keys)

    for content, lines in telegrams(11, start_ms, start_ms + 6 * MS_PER_HOUR, 10, keys):
        (telegram,) = codec.feed(content)

        assert isinstance(telegram, Telegram)
        decoded = [(s.meter, s.medium, s.meter_time_ms, s.registers) for s in telegram.samples]
        assert decoded == [(s.meter, s.medium, s.taken_at_ms, s.registers) for s in lines]
        assert not telegram.samples[0].unknown
        assert telegram.samples[0].quality == 0


def test_household_is_the_same_as_behind_p1() -> None:
    """One home, two protocols: every register both show, at the same instants."""
    start_ms = utc_ms(2026, 6, 20, 8)

    for (_, ours), (_, theirs) in zip(
        telegrams(3, start_ms, start_ms + MS_PER_HOUR),
        p1_telegrams(3, start_ms, start_ms + MS_PER_HOUR),
        strict=True,
    ):
        assert ours[0].meter == theirs[0].meter
        assert ours[0].registers.items() <= theirs[0].registers.items()
        assert ours[0].must_log == theirs[0].must_log


def test_push_has_a_real_ones_shape() -> None:
    """Three segments, and nothing of the serials to be read when it is encrypted."""
    start_ms = utc_ms(2026, 6, 1, 12)
    plain = DlmsMeter(2_345, start_ms).emit(start_ms + 1_000).telegram
    sealed = DlmsMeter(2_345, start_ms, KEYS).emit(start_ms + 1_000).telegram

    assert plain.count(b"\x7e\x7e") == 2
    assert b"SIM-E-2345" in plain
    assert b"SIM-G-2345" in plain
    assert b"SIM-E-2345" not in sealed
    assert b"SIM-G-2345" not in sealed
    assert b"\xdb\x08SIM" in sealed


def test_no_two_pushes_are_encrypted_alike() -> None:
    """The invocation counter rises with every push: GCM must never repeat one."""
    start_ms = utc_ms(2026, 6, 1, 12)

    heads = [push[12:30] for push, _ in telegrams(1, start_ms, start_ms + 120_000, 10, KEYS)]

    assert len(set(heads)) == len(heads) == 12
