"""The simulated P1 port: its bytes say what its oracle says, through both clock changes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from fastcrc import crc16

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.p1 import P1Codec
from firmware_bridge.simulator.oracle import encode_lines, read_lines
from firmware_bridge.simulator.p1_meter import P1Meter, telegrams
from shared.units import MS_PER_HOUR

LONDON = ZoneInfo("Europe/London")

OUTAGE_LOG = "1-0:99.97.0"
"""A history of outages, no register: it is passed on as it is printed, if at all."""


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize(
    "start_ms",
    [utc_ms(2026, 3, 28, 22), utc_ms(2026, 10, 24, 22), utc_ms(2026, 6, 20, 8)],
    ids=["clocks forward", "clocks back", "midsummer"],
)
def test_oracle_equals_what_the_codec_reads_from_the_bytes(start_ms: int) -> None:
    """Meters, times and every register, though neither is made from the other."""
    codec = P1Codec(LONDON)

    for content, lines in telegrams(11, start_ms, start_ms + 8 * MS_PER_HOUR, 10):
        (telegram,) = codec.feed(content)

        assert isinstance(telegram, Telegram)
        decoded = [(s.meter, s.medium, s.meter_time_ms, s.registers) for s in telegram.samples]
        assert decoded == [(s.meter, s.medium, s.taken_at_ms, s.registers) for s in lines]
        assert telegram.samples[0].unknown.keys() <= {OUTAGE_LOG}


def test_repeated_hour_is_printed_first_as_summer_then_as_winter_time() -> None:
    """The same digits, told apart by the flag alone."""
    first = P1Meter(1, utc_ms(2026, 10, 25, 0)).emit(utc_ms(2026, 10, 25, 0) + 1_800_000)
    second = P1Meter(1, utc_ms(2026, 10, 25, 1)).emit(utc_ms(2026, 10, 25, 1) + 1_800_000)

    assert b"0-0:1.0.0(261025013000S)" in first.telegram
    assert b"0-0:1.0.0(261025013000W)" in second.telegram


def test_telegram_has_a_real_ones_shape() -> None:
    """Its size, its line ends, its checksum, and a fictional serial."""
    content = P1Meter(12_345, utc_ms(2026, 6, 1, 12)).emit(utc_ms(2026, 6, 1, 13)).telegram

    body, _, checksum = content.rpartition(b"!")
    assert 700 <= len(content) <= 900
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert crc16.arc(body + b"!") == int(checksum, 16)
    assert b"SIM-E-2345".hex().upper().encode() in content


def test_low_rate_runs_from_half_past_midnight_to_half_past_seven_local_time() -> None:
    """In summer that is 23:30 to 06:30 UTC; the indicator and the registers agree."""
    midnight_ms = utc_ms(2026, 7, 1, 0)
    meter = P1Meter(1, midnight_ms - 3 * MS_PER_HOUR)

    shown = {
        minutes: meter.emit(midnight_ms + minutes * 60_000).shown[0].registers
        for minutes in (-31, -30, -29, 389, 390, 391)
    }

    assert [registers["tariff_index"] for registers in shown.values()] == [2, 1, 1, 1, 2, 2]
    assert shown[-30]["import_t1_mwh"] == shown[-31]["import_t1_mwh"]
    assert shown[391]["import_t1_mwh"] == shown[390]["import_t1_mwh"]


def test_oracle_lines_come_back_from_their_file() -> None:
    """A last line cut short by a crash is left out."""
    start_ms = utc_ms(2026, 6, 1, 12)
    lines = [line for _, some in telegrams(1, start_ms, start_ms + 60_000) for line in some]

    content = encode_lines(lines)

    assert read_lines(content) == lines
    assert read_lines(content[:-9]) == lines[:-1]
