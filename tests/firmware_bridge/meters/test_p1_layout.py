"""What is read by a telegram's layout is what would be read of it line by line."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.meters.civil_time import CivilTime
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.p1_layout import Layout, learn_layout
from firmware_bridge.meters.p1_telegram import LEARN_EVERY, TelegramDecoder
from firmware_bridge.simulator.p1_meter import telegrams

ZONE = ZoneInfo("Europe/Amsterdam")
TIMES = CivilTime(ZONE)
START_MS = 1_767_225_600_000

CLOCK = "0-0:1.0.0(260102030405W)"
IMPORT = "1-0:1.8.1(000123.456*kWh)"
POWER = "1-0:1.7.0(01.193*kW)"
GAS = ("0-1:24.1.0(003)", "0-1:96.1.0(3132)", "0-1:24.2.1(260102030000W)(00012.345*m3)")
LINES = (CLOCK, "0-0:96.1.1(4142)", IMPORT, POWER, *GAS)


def raw_of(*lines: str) -> bytes:
    """Make a telegram of lines, up to its `!`."""
    return "\r\n".join(["/EXM5 TEST", "", *lines, ""]).encode("latin-1")


def telegram_of(raw: bytes) -> Telegram:
    """Read a telegram line by line; it must be one without a refusal."""
    (found,) = TelegramDecoder(ZONE).decode(raw, checked=True)
    assert isinstance(found, Telegram)
    return found


def layout_of(*lines: str) -> Layout | None:
    """Learn the layout of a telegram of lines."""
    raw = raw_of(*lines)
    return learn_layout(raw, telegram_of(raw), TIMES)


def read(layout: Layout | None, *lines: str) -> Telegram | None:
    """Read a telegram of lines by a layout that must have been learned."""
    assert layout is not None
    return layout.read(raw_of(*lines), TIMES)


def changed(line: str, lines: tuple[str, ...] = LINES) -> tuple[str, ...]:
    """Put a line in the place of the one of the same code."""
    code = line.split("(", 1)[0]
    return tuple(line if one.startswith(f"{code}(") else one for one in lines)


def test_numbers_and_clock_are_read_where_they_stand() -> None:
    """All else is as it was in the telegram that the layout was learned from."""
    later = changed("0-0:1.0.0(260102030406W)", changed("1-0:1.8.1(000123.457*kWh)"))

    found = read(layout_of(*LINES), *later)

    assert found == telegram_of(raw_of(*later))
    assert found is not None
    assert found.samples[0].registers == {"import_t1_mwh": 123_457_000, "power_import_w": 1_193}


@pytest.mark.parametrize(
    ("known", "line"),
    [
        (IMPORT, "1-0:1.8.1(00123.4567*kWh)"),
        (IMPORT, "1-0:1.8.1(-00123.456*kWh)"),
        (IMPORT, "1-0:1.8.1(-0123.456*kWh)"),
        (IMPORT, "1-0:1.8.1(00012x.456*kWh)"),
        (IMPORT, "1-0:1.8.1(000123.456*kWj)"),
        (IMPORT, "1-0:1.8.2(000123.456*kWh)"),
        (POWER, "1-0:1.7.0(001.193*kW)"),
        (GAS[2], "0-1:24.2.1(260102030000W)(00012.346*m3)"),
        (CLOCK, "0-0:1.0.0(261302030405W)"),
        (CLOCK, "0-0:1.0.0(26010203040xW)"),
    ],
)
def test_what_differs_in_anything_else_is_left_to_be_read_line_by_line(
    known: str, line: str
) -> None:
    """A digit more, a sign, another unit or code, a new reading of gas, a clock that is none."""
    lines = [line if one == known else one for one in LINES]

    assert read(layout_of(*LINES), *lines) is None


def test_a_register_is_the_first_that_was_told_of_it() -> None:
    """A line behind one that tells the same register says nothing, whatever it comes to say."""
    lines = ("1-0:16.7.0(-00.100*kW)", CLOCK, POWER, IMPORT)
    later = changed("1-0:1.7.0(02.000*kW)", lines)
    decoder = TelegramDecoder(ZONE)

    found = [decoder.decode(raw_of(*one), checked=True) for one in (lines, lines, later)]

    assert found[2] == [telegram_of(raw_of(*later))]
    assert isinstance(found[2][0], Telegram)
    assert found[2][0].samples[0].registers["power_import_w"] == 0


@pytest.mark.parametrize(
    "lines", [("0-0:96.13.0(48656C6C6F)",), (CLOCK, *GAS), ("1-0:200.7.0(1)", CLOCK)]
)
def test_a_telegram_without_a_plain_register_has_no_layout(lines: tuple[str, ...]) -> None:
    """There would be nothing to read by it."""
    found = TelegramDecoder(ZONE).decode(raw_of(*lines), checked=True)

    assert isinstance(found[0], Telegram)
    assert learn_layout(raw_of(*lines), found[0], TIMES) is None


def test_a_telegram_that_does_not_come_back_has_no_layout() -> None:
    """What was read of another one is not believed."""
    other = telegram_of(raw_of(*changed("1-0:1.7.0(02.000*kW)")))

    assert learn_layout(raw_of(*LINES), other, TIMES) is None


def test_a_telegram_without_a_clock_has_a_layout_too() -> None:
    """DSMR 3 prints none, and a meter with a checksum may not either."""
    found = read(layout_of(IMPORT, POWER), IMPORT, "1-0:1.7.0(02.000*kW)")

    assert found is not None
    assert found.samples[0].meter_time_ms is None
    assert found.samples[0].registers["power_import_w"] == 2_000


def test_what_one_telegram_said_stays_as_it_was_said() -> None:
    """The next one has registers of its own."""
    layout = layout_of(*LINES)
    first = read(layout, *LINES)
    second = read(layout, *changed("1-0:1.7.0(02.000*kW)"))

    assert first == telegram_of(raw_of(*LINES))
    assert second != first


def test_a_message_and_unknown_codes_are_told_with_each_telegram() -> None:
    """As long as a meter prints them."""
    lines = (*LINES, "0-0:96.13.0(48656C6C6F)", "1-0:200.7.0(12*kX)")

    found = read(layout_of(*lines), *changed("1-0:1.7.0(02.000*kW)", lines))

    assert found is not None
    assert found.texts == ("Hello",)
    assert found.samples[0].unknown == {"1-0:200.7.0": "12*kX"}


def test_a_simulated_day_reads_as_it_does_line_by_line() -> None:
    """New readings of gas, changing tariffs: the layout is learned anew and nothing is missed."""
    day = [raw for raw, _ in telegrams(1, START_MS, START_MS + 24 * 3_600_000)][::24]
    decoder = TelegramDecoder(ZONE)

    for raw in day:
        body = raw[: raw.rindex(b"!")]
        assert decoder.decode(body, checked=True) == [telegram_of(body)]


ANY_LINES = st.sampled_from(
    [
        *(f"1-0:1.7.0({number}*kW)" for number in ("00.100", "00.200", "0.1", "1", "-0.100")),
        *(f"1-0:1.8.1(00000{digit}.000*kWh)" for digit in range(3)),
        *(f"1-0:1.8.1(00000{digit}000*Wh)" for digit in range(3)),
        *(f"1-0:16.7.0({number}*kW)" for number in ("00.300", "-00.300")),
        *(f"1-0:1.6.0(26010203040{digit}W)(00.00{digit}*kW)" for digit in range(3)),
        *(f"0-0:1.0.0(26010203040{digit}{flag})" for digit in range(3) for flag in ("W", "S", "")),
        *(f"0-1:24.2.1(26010203{hour}0000W)(0000{hour}.000*m3)" for hour in ("04", "05")),
        *("0-1:24.1.0(003)", "0-1:24.1.0(007)", "0-0:96.1.1(4142)", "0-0:96.1.1(4143)"),
        *("0-0:17.0.0(1.000*kW)", "0-0:17.0.0(2*A)", "1-0:1.7.0(x*kW)", "1-0:200.7.0(1)", "junk"),
    ]
)


@given(
    st.lists(st.lists(ANY_LINES, min_size=1, max_size=6), min_size=1, max_size=4),
    st.lists(st.integers(0, 3), min_size=2, max_size=LEARN_EVERY + 4),
)
def test_what_was_decoded_before_changes_no_answer(
    kinds: list[list[str]], order: list[int]
) -> None:
    """Whatever a meter printed before, a telegram says what a decoder reads that never saw one."""
    raws = [raw_of(*lines) for lines in kinds]
    decoder = TelegramDecoder(ZONE)

    for place in order:
        raw = raws[place % len(raws)]
        assert decoder.decode(raw, checked=True) == TelegramDecoder(ZONE).decode(raw, checked=True)
