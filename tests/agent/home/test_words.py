"""Figures as the household reads them."""

from zoneinfo import ZoneInfo

import pytest

from agent.home.words import (
    format_age,
    format_clock,
    format_count,
    format_energy,
    format_money,
    format_small_money,
    format_span,
    format_threshold,
    format_volume,
    split_power,
)
from tests.support.home_inputs import LONDON, at_ms


@pytest.mark.parametrize(
    ("power_w", "number", "unit"),
    [
        (0, "0", "W"),
        (432, "432", "W"),
        (999, "999", "W"),
        (1_436, "1.44", "kW"),
        (11_250, "11.3", "kW"),
    ],
)
def test_power_turns_to_kilowatts_at_a_kilowatt(power_w: int, number: str, unit: str) -> None:
    """Watts are read below a kilowatt, kilowatts above, with fewer decimals the larger."""
    assert split_power(power_w) == (number, unit)


def test_power_is_written_without_its_sign() -> None:
    """The direction is a word on the page, so an exported kilowatt is written as a kilowatt."""
    assert split_power(-1_500) == ("1.50", "kW")


@pytest.mark.parametrize(("power_w", "text"), [(460, "460 W"), (1_242, "1.2 kW"), (3_000, "3 kW")])
def test_threshold_is_short(power_w: int, text: str) -> None:
    """A label of the gauge keeps one decimal where it says something."""
    assert format_threshold(power_w) == text


@pytest.mark.parametrize(
    ("energy_mwh", "text"),
    [
        (0, "0.00 kWh"),
        (5_000, "0.01 kWh"),
        (9_994_999, "9.99 kWh"),
        (13_856_500, "13.9 kWh"),
        (1_234_500_000, "1,235 kWh"),
    ],
)
def test_energy_keeps_three_figures(energy_mwh: int, text: str) -> None:
    """Decimals go as energy grows; halves round up."""
    assert format_energy(energy_mwh) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (2_960_058, "GBP", "£2.96"),
        (2_965_000, "GBP", "£2.97"),
        (-1_250_000, "GBP", "\N{MINUS SIGN}£1.25"),
        (-4_000, "GBP", "£0.00"),
        (1_234_567_890_000, "EUR", "€1,234,567.89"),
        (1_500_000, "CHF", "CHF 1.50"),
    ],
)
def test_money_is_printed_to_the_penny(amount: int, currency: str, text: str) -> None:
    """Money rounds half up to the penny, with the currency's sign or code before it."""
    assert format_money(amount, currency) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(396_401, "GBP", "39.6p"), (1_100_000, "GBP", "£1.10"), (82_000, "EUR", "€0.082")],
)
def test_small_money_keeps_tenths_of_a_penny(amount: int, currency: str, text: str) -> None:
    """A half hour's cost is not rounded away."""
    assert format_small_money(amount, currency) == text


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [
        (-5, "0 s"),
        (42_000, "42 s"),
        (180_000, "3 min"),
        (7_200_000, "2 h"),
        (12_000_000, "3 h 20 min"),
        (86_400_000, "1 day"),
        (190_800_000, "2 days 5 h"),
    ],
)
def test_span_is_written_by_its_largest_units(span_ms: int, text: str) -> None:
    """Two units say enough."""
    assert format_span(span_ms) == text


def test_age_of_a_second_is_just_now() -> None:
    """A meter that speaks every second does not flicker through seconds."""
    assert (format_age(900), format_age(8_000)) == ("just now", "8 s ago")


def test_clock_names_the_day_only_where_it_is_another() -> None:
    """Today's times are bare; others carry their date."""
    now_ms = at_ms("2026-11-20T18:12:00+00:00")

    today = format_clock(at_ms("2026-11-20T07:05:00+00:00"), now_ms, LONDON)
    before = format_clock(at_ms("2026-11-19T23:55:00+00:00"), now_ms, LONDON)

    assert (today, before) == ("07:05", "Thu 19 Nov 23:55")


def test_clock_names_the_offset_in_the_hour_that_comes_twice() -> None:
    """On the autumn Sunday 01:30 happens twice and must be told apart."""
    first_ms = at_ms("2026-10-25T01:30:00+01:00")
    second_ms = at_ms("2026-10-25T01:30:00+00:00")

    texts = [format_clock(at, at, LONDON) for at in (first_ms, second_ms)]

    assert texts == ["01:30 BST", "01:30 GMT"]


def test_clock_follows_the_zone() -> None:
    """The same instant reads an hour later in Amsterdam."""
    now_ms = at_ms("2026-11-20T18:12:00+00:00")

    assert format_clock(now_ms, now_ms, ZoneInfo("Europe/Amsterdam")) == "19:12"


def test_volume_and_counts() -> None:
    """Gas reads in cubic metres, and one sample is not "1 samples"."""
    assert format_volume(3_745) == "3.75 m³"
    assert (format_count(1, "sample"), format_count(1_204, "sample")) == (
        "1 sample",
        "1,204 samples",
    )
