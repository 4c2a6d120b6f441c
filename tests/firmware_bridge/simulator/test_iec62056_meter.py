"""The simulated optical meter: its bytes say what its oracle says, through both clock changes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.iec62056 import Iec62056Codec
from firmware_bridge.simulator.iec62056_meter import telegrams
from firmware_bridge.simulator.iec62056_port import Answers, Reply
from shared.units import MS_PER_HOUR

LONDON = ZoneInfo("Europe/London")


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize("checked", [False, True], ids=["mode D", "mode C"])
@pytest.mark.parametrize(
    "start_ms",
    [utc_ms(2026, 3, 28, 22), utc_ms(2026, 10, 24, 22), utc_ms(2026, 6, 20, 8)],
    ids=["clocks forward", "clocks back", "midsummer"],
)
def test_oracle_equals_what_the_codec_reads_from_the_bytes(start_ms: int, checked: bool) -> None:
    """Meters, times and every register, though neither is made from the other."""
    codec = Iec62056Codec(LONDON)
    end_ms = start_ms + 8 * MS_PER_HOUR
    found = []
    wanted = []

    for content, lines in telegrams(11, start_ms, end_ms, 10, checked=checked):
        found += codec.feed(content)
        wanted += [(line.meter, line.medium, line.taken_at_ms, line.registers) for line in lines]
    found += codec.feed(b"")

    decoded = []
    for telegram in found:
        assert isinstance(telegram, Telegram)
        (sample,) = telegram.samples
        assert sample.unknown == {"F.F": "00000000"}
        decoded.append((sample.meter, sample.medium, sample.meter_time_ms, sample.registers))
    assert decoded == wanted


def test_answers_follow_the_dialogue() -> None:
    """Identification at 300 baud, the block at the speed chosen, again when asked, then silence."""
    answers = Answers(lambda: b"BLOCK")

    identification = answers.receive(b"/?!\r\n")
    block = answers.receive(b"\x06050\r\n")
    again = answers.receive(b"\x15")
    answers.receive(b"\x01B0\x03q")

    assert identification == [Reply(300, b"/HLK5SIM-HOUSEHOLD\r\n")]
    assert block == again == [Reply(9_600, b"BLOCK")]
    assert answers.baud == 300
    assert answers.receive(b"\x06050\r\n\x15") == []
