"""What the lines of a P1 telegram mean, and what happens to lines that mean nothing."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.p1_findings import MAX_REFUSED_VALUES, MAX_UNKNOWN, MAX_UNKNOWN_CHARS
from firmware_bridge.meters.p1_telegram import MAX_TEXT_CHARS, UNNAMED, TelegramDecoder
from shared.readings import Medium, Quality

ZONE = ZoneInfo("Europe/Amsterdam")


def decode(*lines: str, head: str = "/EXM5 TEST", checked: bool = True) -> list[Telegram | Refused]:
    """Decode lines as one telegram."""
    raw = "\r\n".join([head, "", *lines, ""]).encode("latin-1")
    return TelegramDecoder(ZONE).decode(raw, checked=checked)


def telegram_of(*lines: str, head: str = "/EXM5 TEST", checked: bool = True) -> Telegram:
    """Decode lines that must make a telegram and nothing else."""
    (found,) = decode(*lines, head=head, checked=checked)
    assert isinstance(found, Telegram)
    return found


def test_unchecked_telegram_says_so() -> None:
    """The quality carries that no checksum vouched for it."""
    sample = telegram_of("1-0:1.7.0(00.100*kW)", checked=False).samples[0]

    assert sample.quality == Quality.UNCHECKED


def test_telegram_without_a_clock_has_no_time() -> None:
    """DSMR 2.2 and 3 print none."""
    assert telegram_of("1-0:1.7.0(00.100*kW)").samples[0].meter_time_ms is None


@pytest.mark.parametrize("clock", ["700101010000W", "241301000000W", "nonsense", "2407011234"])
def test_clock_that_is_none_is_refused_and_the_rest_kept(clock: str) -> None:
    """A clock in 1970 or no date at all leaves a sample without the meter's time."""
    telegram, refused = decode(f"0-0:1.0.0({clock})", "1-0:1.7.0(00.100*kW)")

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].meter_time_ms is None
    assert isinstance(refused, Refused)
    assert refused.reason == "bad-time"


@pytest.mark.parametrize(
    "value", ["00.1x0*kW", "9" * 25 + "*kW", "1_0*kW", "1.2.3*kW", "9" * 20 + "*kW", " 1*kW"]
)
def test_impossible_value_is_refused_and_the_rest_kept(value: str) -> None:
    """The good line beside it still counts."""
    telegram, refused = decode(f"1-0:1.7.0({value})", "1-0:2.7.0(00.200*kW)")

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].registers == {"power_export_w": 200}
    assert isinstance(refused, Refused)
    assert refused.reason == "bad-value"


def test_negative_counter_is_impossible_but_negative_power_is_not() -> None:
    """A register that only counts up is never below zero."""
    telegram, refused = decode("1-0:1.8.0(-1.000*kWh)", "1-0:1.7.0(-0.250*kW)")

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].registers == {"power_import_w": -250}
    assert isinstance(refused, Refused)


def test_telegram_of_impossible_values_alone_is_refused() -> None:
    """Nothing usable is left."""
    (refused,) = decode("1-0:1.7.0(x*kW)")

    assert isinstance(refused, Refused)
    assert refused.reason == "bad-value"


def test_telegram_without_a_known_value_is_refused() -> None:
    """It is counted, with its reason, and shown by its own codes, with the meter's clock."""
    lines = ("0-0:1.0.0(260921151320S)", "0-0:96.1.1(ABC)", "1-0:200.7.0(12*kX)")
    telegram, refused = decode(*lines)

    assert isinstance(telegram, Telegram)
    (sample,) = telegram.samples
    assert (sample.meter, sample.registers) == ("ABC", {})
    assert sample.unknown == {"1-0:200.7.0": "12*kX"}
    assert sample.meter_time_ms is not None
    assert isinstance(refused, Refused)
    assert refused.reason == "no-values"
    assert "1-0:200.7.0 = 12*kX" in refused.detail


def test_refusals_of_one_telegram_are_bounded() -> None:
    """Noise in the shape of a telegram does not flood the quarantine."""
    lines = [f"1-0:1.8.{tariff}(x*kWh)" for tariff in range(5)] * 5

    assert len(decode(*lines)) == MAX_REFUSED_VALUES


def test_unknown_codes_are_kept_within_bounds() -> None:
    """Nothing is silently dropped, and nothing grows without end."""
    lines = [f"1-0:200.{number}.0({'7' * (2_000 if number == 0 else 5)})" for number in range(60)]

    sample = telegram_of("1-0:1.7.0(00.100*kW)", *lines).samples[0]

    assert len(sample.unknown) == MAX_UNKNOWN
    assert sample.unknown["1-0:200.0.0"] == "7" * MAX_UNKNOWN_CHARS


@pytest.mark.parametrize(
    "line",
    ["1-0:1.8.0(00001.000)", "1-0:1.8.0(00001.000*MJ)", "1-0:1.8.0*01(00001.000*kWh)", "F.F(00)"],
)
def test_value_whose_meaning_is_not_certain_is_unknown(line: str) -> None:
    """No unit, another unit, a past billing period, another code: never a wrong total."""
    sample = telegram_of("1-0:1.7.0(00.100*kW)", line).samples[0]

    assert sample.registers == {"power_import_w": 100}
    assert len(sample.unknown) == 1


def test_empty_value_is_missing() -> None:
    """Empty parentheses are no value and no fault."""
    assert telegram_of("1-0:1.7.0()", "1-0:2.7.0(00.200*kW)").samples[0].registers == {
        "power_export_w": 200
    }


def test_first_of_a_repeated_code_counts() -> None:
    """A later line does not overwrite it."""
    lines = ("1-0:1.7.0(00.100*kW)", "1-0:1.7.0(00.200*kW)", "1-1:1.7.0(00.300*kW)")

    assert telegram_of(*lines).samples[0].registers == {"power_import_w": 100}


@pytest.mark.parametrize(
    ("lines", "meter"),
    [
        (["0-0:96.1.0(BBB)", "0-0:96.1.1(AAA)"], "AAA"),
        (["0-0:96.1.1()", "0-0:42.0.0(CCC)"], "CCC"),
        (["0-0:96.1.1(00000000000000)", "1-0:0.0.0*255(12345)"], "12345"),
        ([], "EXM5-TEST"),
    ],
)
def test_meter_is_named_by_its_best_serial(lines: list[str], meter: str) -> None:
    """In order: 96.1.1, 96.1.0, 42.0.0, 96.1.255, 0.0.0, the identification."""
    assert telegram_of("1-0:1.7.0(00.100*kW)", *lines).samples[0].meter == meter


def test_meter_without_any_name_is_unnamed() -> None:
    """A bare slash names nothing."""
    assert telegram_of("1-0:1.7.0(00.100*kW)", head="/").samples[0].meter == UNNAMED


def test_unreadable_line_of_an_unchecked_telegram_is_refused() -> None:
    """Without a checksum a damaged line shows only in not being one."""
    telegram, refused = decode("1-0:1.7.0(00.1", "1-0:2.7.0(00.200*kW)", checked=False)

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].registers == {"power_export_w": 200}
    assert isinstance(refused, Refused)
    assert "1-0:1.7.0(00.1" in refused.detail


def test_text_is_read_from_hexadecimal_and_bounded() -> None:
    """Or taken as it is where it is none; control characters are left out."""
    texts = telegram_of(
        "1-0:1.7.0(00.100*kW)",
        "0-0:96.13.0(48690A2121)",
        f"0-0:96.13.1({'x' * 5_000})",
    ).texts

    assert texts == ("Hi!!", "x" * MAX_TEXT_CHARS)


@pytest.mark.parametrize(
    ("kind", "value", "medium", "registers"),
    [
        ("003", "00001.234*m3", Medium.GAS, {"gas_l": 1_234}),
        ("007", "00001.234*m3", Medium.WATER, {"water_l": 1_234}),
        ("004", "240.860*GJ", Medium.HEAT, {"heat_mj": 240_860}),
        ("012", "17*MJ", Medium.HEAT, {"heat_mj": 17}),
    ],
)
def test_submeter_is_what_its_device_type_says(
    kind: str, value: str, medium: Medium, registers: dict[str, int]
) -> None:
    """On any channel, at its own capture time; a telegram may hold nothing else."""
    (sample,) = telegram_of(
        f"0-4:24.1.0({kind})", "0-4:96.1.0(SUB1)", f"0-4:24.2.1(240701120000S)({value})"
    ).samples

    assert (sample.meter, sample.medium, sample.registers) == ("SUB1", medium, registers)
    assert sample.meter_time_ms == 1_719_828_000_000


@pytest.mark.parametrize("kind", ["", "(002)", "(abc)", "(0003)", f"({'3' * 5_000})"])
def test_submeter_of_no_known_type_is_unknown(kind: str) -> None:
    """Cubic metres alone do not tell gas from water."""
    lines = [f"0-1:24.1.0{kind}"] if kind else []

    (sample,) = telegram_of(
        "1-0:1.7.0(00.100*kW)", *lines, "0-1:24.2.1(240701120000S)(00001.234*m3)"
    ).samples

    assert "0-1:24.2.1" in sample.unknown


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ("(241340000000S)(00001.234*m3)", "bad-time"),
        ("(240701120000S)(0000x.234*m3)", "bad-value"),
        ("(240701120000S)(-0001.234*m3)", "bad-value"),
    ],
)
def test_impossible_submeter_reading_is_refused(reading: str, reason: str) -> None:
    """The electricity beside it is kept."""
    telegram, refused = decode("1-0:1.7.0(00.100*kW)", "0-1:24.1.0(003)", f"0-1:24.2.1{reading}")

    assert isinstance(telegram, Telegram)
    assert len(telegram.samples) == 1
    assert isinstance(refused, Refused)
    assert refused.reason == reason


def test_valve_that_is_no_position_is_missing() -> None:
    """Digits without end are noise, not a closed valve; the reading beside them is kept."""
    lines = ("0-1:24.1.0(003)", "0-1:24.2.1(240701120000S)(00001.234*m3)")

    valves = [
        telegram_of(*lines, f"0-1:24.4.0({valve})").samples[0].registers.get("valve_index")
        for valve in ("1", "0", "I", "9" * 5_000)
    ]

    assert valves == [1, 0, None, None]


_CODES = ("1-0:1.8.1", "1-0:1.7.0", "1-0:16.7.0", "0-0:1.0.0", "0-1:24.1.0", "0-1:24.2.1",
          "0-1:24.3.0", "0-1:24.4.0", "0-1:96.1.0", "0-0:96.13.0", "1-0:1.6.0")  # fmt: skip
_DIGITS = st.one_of(
    st.sampled_from(["003", "200101120000W", "9" * 4_300, "9" * 5_000, "0" * 5_000]),
    st.text("0123456789.-+", max_size=30),
)


@example([("0-1:24.1.0", "3" * 5_000, "1")])
@given(st.lists(st.tuples(st.sampled_from(_CODES), _DIGITS, _DIGITS), max_size=8))
def test_digits_of_any_length_never_raise(lines: list[tuple[str, str, str]]) -> None:
    """Wherever a number may stand, one too long for Python to read is noise like any other."""
    printed = [f"{code}({first})({then}*m3)" for code, first, then in lines]
    printed += [f"{code}({first})" for code, first, _ in lines]

    reading = "0-1:24.2.1(240701120000S)(00001.234*m3)"
    found = decode(*printed, reading, checked=False)

    assert all(isinstance(one, Telegram | Refused) for one in found)


def test_two_submeters_of_one_serial_are_kept_apart() -> None:
    """The second is named by its channel."""
    samples = telegram_of(
        "0-0:96.1.1(MAIN1)",
        "0-1:24.1.0(003)", "0-1:96.1.0(SAME)", "0-1:24.2.1(240701120000S)(00001.000*m3)",
        "0-2:24.1.0(003)", "0-2:96.1.0(SAME)", "0-2:24.2.1(240701120000S)(00002.000*m3)",
    ).samples  # fmt: skip

    assert [sample.meter for sample in samples] == ["SAME", "MAIN1-mbus2"]


@pytest.mark.parametrize(
    ("line", "registers"),
    [
        ("1-0:16.7.0*255(000000.53*kW)", {"power_import_w": 530, "power_export_w": 0}),
        ("1-0:16.7.0*255(-00219*W)", {"power_import_w": 0, "power_export_w": 219}),
        ("1-0:56.7.0*255(-00219*W)", {"power_import_l2_w": 0, "power_export_l2_w": 219}),
    ],
)
def test_signed_power_is_import_or_export(line: str, registers: dict[str, int]) -> None:
    """Meters that print one signed value have both registers, one of them zero."""
    assert telegram_of(line).samples[0].registers == registers


def test_signed_power_that_is_none_is_refused_or_unknown() -> None:
    """As any other value."""
    telegram, refused = decode(
        "1-0:1.8.0(1*kWh)", "1-0:16.7.0(x*kW)", "1-0:36.7.0(1)", "0-1:96.3.10(1)"
    )

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].unknown == {"1-0:36.7.0": "1", "0-1:96.3.10": "1"}
    assert isinstance(refused, Refused)


def test_cache_of_codes_stays_bounded() -> None:
    """A stream of ever new spellings of codes does not grow the decoder."""
    decoder = TelegramDecoder(ZONE)

    for number in range(2_000):
        line = f"{number:05d}-0:1.7.0(00.100*kW)\r\n1-0:{number % 7 + 1}.8.0(1*kWh)\r\n"
        decoder.decode(b"/E\r\n" + line.encode(), checked=True)

    assert len(decoder._entries) < 20


def test_history_of_peaks_and_log_of_failures_are_kept_as_printed() -> None:
    """They hold no present register, and are not dropped for that."""
    peaks = "(2)(1-0:1.6.0)(1-0:1.6.0)" + "(200501000000S)(200423192538S)(03.695*kW)" * 13

    sample = telegram_of(
        "1-0:1.7.0(00.100*kW)",
        f"0-0:98.1.0{peaks}",
        "1-0:99.97.0(1)(0-0:96.7.19)(000104180320W)(0000237126*s)",
    ).samples[0]

    assert sample.unknown["0-0:98.1.0"].count("03.695*kW") == 13
    assert sample.unknown["1-0:99.97.0"].endswith("0000237126*s")


def test_limit_of_import_is_read_where_that_of_export_stands_beside_it() -> None:
    """As Luxembourg prints them."""
    sample = telegram_of("1-1:31.4.0(200*A)(-200*A)").samples[0]

    assert sample.registers == {"current_limit_l1_ma": 200_000}


def test_every_message_of_a_luxembourg_meter_is_read() -> None:
    """It has six places for them; empty ones say nothing."""
    telegram = telegram_of("1-0:1.7.0(00.1*kW)", "0-0:96.13.2()", "0-0:96.13.5(48656C6C6F)")

    assert telegram.texts == ("Hello",)
    assert not telegram.samples[0].unknown
