"""What the data sets of IEC 62056-21 say: codes, units, clocks, past periods, heat."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.iec62056 import Iec62056Codec
from firmware_bridge.meters.iec62056_dialogue import data_block
from firmware_bridge.meters.iec62056_readout import ReadoutDecoder
from shared.readings import Medium, Sample

ZONE = ZoneInfo("Europe/Berlin")


def decode(*lines: str) -> list[Telegram | Refused]:
    """Decode one checked data block."""
    content = "".join(f"{line}\r\n" for line in lines) + "!\r\n"
    return Iec62056Codec(ZONE).feed(b"/EXM5TYPE\r\n" + data_block(content.encode("ascii")))


def sample_of(*lines: str) -> Sample:
    """Decode a block that is good."""
    (telegram,) = decode(*lines)
    assert isinstance(telegram, Telegram)
    (sample,) = telegram.samples
    return sample


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour, minute, second = parts
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize(
    ("line", "register", "value"),
    [
        ("1.8.0(001234.567*kWh)", "import_mwh", 1_234_567_000),
        ("1-0:1.8.0*255(001234.5674*kWh)", "import_mwh", 1_234_567_400),
        ("1-1:1.8.1(0001234*KWH)", "import_t1_mwh", 1_234_000_000),
        ("2.8.2(12,5*kWh)", "export_t2_mwh", 12_500_000),
        ("15.8.0(00012.000*kWh)", "absolute_mwh", 12_000_000),
        ("3.8.1(1.5*kvarh)", "reactive_import_t1_mvarh", 1_500_000),
        ("1.7.0(01.234*kW)", "power_import_w", 1_234),
        ("32.7(230.1*V)", "voltage_l1_mv", None),
        ("1-0:1.8.0(010192.57kWh)", "import_mwh", 10_192_570_000),
        ("32.7.0(230.1*V)", "voltage_l1_mv", 230_100),
        ("51.7.0(00.37*A)", "current_l2_ma", 370),
        ("14.7.0(50.02*Hz)", "frequency_mhz", 50_020),
        ("13.7.0(0.97)", "power_factor_milli", 970),
        ("1.6.0(03.214*kW)(2606201730)", "demand_peak_w", 3_214),
    ],
)
def test_code_in_any_of_its_forms_is_its_register(
    line: str, register: str, value: int | None
) -> None:
    """Full, short, tariffed, with a comma; two groups are another code."""
    assert sample_of("2.8.0(1*kWh)", line).registers.get(register) == value


@pytest.mark.parametrize(("printed", "net"), [("-01.5*kW", (0, 1_500)), ("00.250*kW", (250, 0))])
def test_signed_power_is_import_or_export(printed: str, net: tuple[int, int]) -> None:
    """16.7.0 is the sum of the phases with its sign."""
    registers = sample_of(f"16.7.0({printed})").registers

    assert (registers["power_import_w"], registers["power_export_w"]) == net


def test_everything_else_is_kept_raw_the_present_before_the_past() -> None:
    """Error register, owner's number, past months, codes without a unit."""
    sample = sample_of(
        "F.F(00000000)", "1.8.0*02(000100.0*kWh)", "1.8.0&01(000090.0*kWh)", "C.1.0(777)",
        "0.0.0(OWNER)", "1.8.0(000123.4*kWh)", "1.8.3(000123)", "0.1.0(15)(2605010000)",
    )  # fmt: skip

    assert sample.meter == "777"
    assert sample.registers == {"import_mwh": 123_400_000}
    assert list(sample.unknown.items()) == [
        ("F.F", "00000000"),
        ("0.0.0", "OWNER"),
        ("1.8.3", "000123"),
        ("0.1.0", "15 2605010000"),
        ("1.8.0*02", "000100.0*kWh"),
        ("1.8.0&01", "000090.0*kWh"),
    ]


def test_readout_of_very_many_codes_says_how_many_more_there_are() -> None:
    """Bounded, and counted."""
    past = [f"1.8.{tariff}*{month:02d}(1*kWh)" for tariff in range(9) for month in range(15)]

    unknown = sample_of("1.8.0(1*kWh)", *past).unknown

    assert len(unknown) == 65
    assert unknown["+"] == "71 more codes"


@pytest.mark.parametrize(
    ("time", "date"),
    [
        ("101530", "260620"),
        ("10:15:30", "26-06-20"),
        ("10:15:30", "20260620"),
        ("1101530", "1260620"),
        ("2081530", "2260620"),
    ],
)
def test_clock_in_any_of_its_forms_is_utc(time: str, date: str) -> None:
    """With and without separators, and with the season before it (2 is UTC)."""
    sample = sample_of(f"0.9.1({time})", f"0.9.2({date})", "1.8.0(1*kWh)")

    assert sample.meter_time_ms == utc_ms(2026, 6, 20, 8, 15, 30)


@pytest.mark.parametrize(("season", "hour"), [("1", 0), ("0", 1)])
def test_season_tells_the_hours_that_repeat_apart(season: str, hour: int) -> None:
    """Half past two happens twice when the clocks go back."""
    sample = sample_of(f"0.9.1({season}023000)", f"0.9.2({season}261025)", "1.8.0(1*kWh)")

    assert sample.meter_time_ms == utc_ms(2026, 10, 25, hour, 30, 0)


@pytest.mark.parametrize(
    "printed", ["260620101530", "260620101530S", "1260620101530", "20260620101530"]
)
def test_clock_of_one_data_set_is_read(printed: str) -> None:
    """Date and time in one, as P1 prints it or with its season."""
    sample = sample_of(f"0-0:1.0.0({printed})", "1.8.0(1*kWh)")

    assert sample.meter_time_ms == utc_ms(2026, 6, 20, 8, 15, 30)


@pytest.mark.parametrize("clock", [("0.9.1(256199)", "0.9.2(260620)"), ("0.9.4(x)",)])
def test_clock_that_is_none_is_refused_and_the_values_kept(clock: tuple[str, ...]) -> None:
    """The hub's own time is taken instead."""
    telegram, refused = decode(*clock, "1.8.0(1*kWh)")

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].meter_time_ms is None
    assert isinstance(refused, Refused)
    assert refused.reason == "bad-time"


def test_meter_without_a_clock_has_no_time() -> None:
    """Most simple meters."""
    assert sample_of("1.8.0(1*kWh)").meter_time_ms is None


@pytest.mark.parametrize(
    "line", ["1.8.0(-1*kWh)", "1.8.0(00?4.1*kWh)", "1.8.0(----.-*kWh)", "broken line"]
)
def test_impossible_value_is_refused_and_the_others_kept(line: str) -> None:
    """A roller error prints question marks."""
    telegram, refused = decode(line, "2.8.0(2*kWh)")

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].registers == {"export_mwh": 2_000_000}
    assert isinstance(refused, Refused)
    assert refused.reason == "bad-value"


def test_empty_value_is_missing() -> None:
    """Not zero, and no fault."""
    assert "import_mwh" not in sample_of("1.8.0(*kWh)", "2.8.0(1*kWh)").registers


def test_block_without_a_register_says_so() -> None:
    """Identity alone is no reading; what was read is shown by its own codes, if it is checked."""
    telegram, refused = decode("F.F(0)", "C.1.0(5)")
    unchecked = ReadoutDecoder(ZONE).decode("F.F(0)", "", b"", checked=False)

    assert isinstance(telegram, Telegram)
    (sample,) = telegram.samples
    assert (sample.meter, sample.registers, sample.unknown) == ("5", {}, {"F.F": "0"})
    assert [type(one) for one in unchecked] == [Refused]
    assert isinstance(refused, Refused)
    assert refused.reason == "no-values"
    assert "F.F = 0" in refused.detail


def test_faults_are_reported_up_to_a_bound() -> None:
    """A block of rubbish with a right check character."""
    assert len(decode(*["rubbish"] * 50)) == 8


@pytest.mark.parametrize(
    ("printed", "heat_mj"), [("0057.344*MWh", 206_438), ("12.5*GJ", 12_500), ("0010*kWh", 36)]
)
def test_heat_meter_is_read_in_megajoules(printed: str, heat_mj: int) -> None:
    """Several data sets on a line, without a code of three groups."""
    sample = sample_of(f"6.8({printed})6.26(01428.26*m3)9.21(65432101)")

    assert sample.medium is Medium.HEAT
    assert sample.meter == "65432101"
    assert sample.registers == {"heat_mj": heat_mj}
    assert sample.unknown == {"6.26": "01428.26*m3"}


@pytest.mark.parametrize("printed", ["57.344", "-1*MWh"])
def test_heat_that_cannot_be_is_not_taken(printed: str) -> None:
    """No unit, or below zero."""
    refused = decode(f"6.8({printed})")[-1]

    assert isinstance(refused, Refused)
    assert refused.reason in ("no-values", "bad-value")
