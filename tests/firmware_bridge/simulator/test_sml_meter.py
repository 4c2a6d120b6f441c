"""The simulated SML port: its bytes say what its oracle says, with a clock and without."""

from datetime import UTC, datetime

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.sml import SmlCodec
from firmware_bridge.simulator.p1_meter import telegrams as p1_telegrams
from firmware_bridge.simulator.sml_meter import SmlMeter, listed, telegrams, unsigned
from shared.units import MS_PER_HOUR


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize("has_clock", [False, True], ids=["seconds index", "clock"])
@pytest.mark.parametrize(
    "start_ms", [utc_ms(2026, 10, 24, 22), utc_ms(2026, 6, 20, 8)], ids=["clocks back", "midsummer"]
)
def test_oracle_equals_what_the_codec_reads_from_the_bytes(start_ms: int, has_clock: bool) -> None:
    """Meter and every register, though neither is made from the other; time where there is one."""
    codec = SmlCodec()
    stream = telegrams(11, start_ms, start_ms + 8 * MS_PER_HOUR, 10, has_clock=has_clock)

    for content, (line,) in stream:
        (telegram,) = codec.feed(content)

        assert isinstance(telegram, Telegram)
        (sample,) = telegram.samples
        assert (sample.meter, sample.medium) == (line.meter, line.medium)
        assert sample.registers == line.registers
        assert sample.meter_time_ms == (line.taken_at_ms if has_clock else None)
        assert not sample.unknown


def test_household_is_the_one_behind_the_p1_port() -> None:
    """The same seed uses and feeds in the same energy, whatever the protocol."""
    start_ms = utc_ms(2026, 6, 20, 10)
    shown = telegrams(4, start_ms, start_ms + MS_PER_HOUR)
    through_p1 = p1_telegrams(4, start_ms, start_ms + MS_PER_HOUR)

    for (_, (sml,)), (_, (p1, *_)) in zip(shown, through_p1, strict=True):
        assert sml.taken_at_ms == p1.taken_at_ms
        assert sml.must_log == p1.must_log
        for register in ("import_t1_mwh", "import_t2_mwh", "export_t1_mwh", "power_import_w"):
            assert sml.registers[register] == p1.registers[register]


def test_meter_without_its_pin_shows_whole_kilowatt_hours() -> None:
    """And no power: that is what German meters do until the PIN is entered."""
    start_ms = utc_ms(2026, 6, 20, 10)
    emission = SmlMeter(2, start_ms, has_pin=False).emit(start_ms + 10_000)

    (telegram,) = SmlCodec().feed(emission.telegram)

    assert isinstance(telegram, Telegram)
    registers = telegram.samples[0].registers
    assert registers == emission.shown[0].registers
    assert sorted(registers) == ["export_mwh", "import_mwh"]
    assert all(value % 1_000_000 == 0 for value in registers.values())


def test_file_has_a_real_ones_shape() -> None:
    """Its size, a multiple of four, and a fictional number."""
    start_ms = utc_ms(2026, 6, 1, 12)
    meter = SmlMeter(12_345, start_ms)

    content = meter.emit(start_ms + 1_000).telegram

    assert meter.electricity_id == "1SIM0000002345"
    assert 350 <= len(content) <= 500
    assert len(content) % 4 == 0


def test_list_of_more_than_fifteen_has_a_length_of_two_bytes() -> None:
    """As the standard encodes it."""
    content = listed(*[unsigned(1, 1)] * 21)

    assert content[:2] == b"\xf1\x05"
    assert len(content) == 2 + 21 * 2
