"""The budget for a month, and how far into it the home is."""

import dataclasses
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.home.budget import BudgetView, parse_budget, view_budget
from agent.home.periods import PeriodFigure, view_periods
from agent.home.shown import build_shown
from agent.home.view import build_view
from shared.calendar import day_start_ms
from shared.errors import OperatorError
from tests.support.home_inputs import LONDON, at_ms, home_inputs

LIMIT = 60_000_000


def month(cost_millionths: int | None) -> PeriodFigure:
    """A month that has cost this so far."""
    figure = view_periods(home_inputs()).month
    text = "–" if cost_millionths is None else f"£{cost_millionths / 1e6:.2f}"
    return PeriodFigure(
        "This month",
        figure.start_ms,
        figure.end_ms,
        figure.energy_mwh,
        cost_millionths,
        is_least_cost=False,
        missing_slots=0,
        energy_text=figure.energy_text,
        cost_text=text,
        note="since Monday 2 November",
    )


def against(cost_millionths: int | None, limit: int = LIMIT) -> BudgetView:
    """Set a cost against a budget, on an evening when 66 % of the month is over."""
    view = view_budget(home_inputs(budget_millionths=limit), month(cost_millionths))
    assert view is not None
    return view


def test_no_budget_is_none() -> None:
    """Not one of 0."""
    assert view_budget(home_inputs(), month(1)) is None


def test_it_is_set_against_the_months_own_cost() -> None:
    """The same figure that the display shows for the month, with its standing charge."""
    shown = build_shown(home_inputs(budget_millionths=LIMIT))

    assert shown.budget is not None
    assert shown.budget.spent_millionths == shown.periods.month.cost_millionths


@pytest.mark.parametrize(
    ("spent", "state", "used"),
    [
        (0, "within", 0),
        (39_000_000, "within", 650),
        (42_000_000, "ahead", 700),
        (60_000_000, "ahead", 1_000),
        (60_000_001, "over", 1_000),
        (90_000_000, "over", 1_500),
        (-5_000_000, "within", 0),
    ],
)
def test_the_state_compares_it_with_the_month(spent: int, state: str, used: int) -> None:
    """Further into the budget than into the month is ahead; more than all of it is over."""
    view = against(spent)

    assert (view.state, view.used_permille, view.month_permille) == (state, used, 658)


def test_it_is_said_in_words() -> None:
    """With what the month's figure itself notes."""
    view = against(31_500_000)

    assert view.text == "£31.50 of £60.00: 53 % used, 66 % of the month gone"
    assert view.note == "since Monday 2 November"


def test_a_cost_that_is_not_known_is_not_zero() -> None:
    """Without a price, or before the first reading of the month."""
    view = against(None)

    assert (view.state, view.spent_millionths, view.used_permille) == ("unknown", None, None)
    assert view.text == "£60.00 for the month; what it has cost is not known"


def test_without_a_tariff_there_is_no_currency() -> None:
    """The amount is shown as it was set."""
    view = build_shown(home_inputs(budget_millionths=LIMIT, tariff=None)).budget

    assert view is not None
    assert (view.state, view.limit_text) == ("unknown", "60.00")


@pytest.mark.parametrize(
    ("now", "gone"),
    [
        ("2026-11-01T00:00:00+00:00", 0),
        ("2026-11-30T23:59:59+00:00", 999),
        ("2026-02-15T00:00:00+00:00", 500),
        ("2026-12-31T12:00:00+00:00", 983),
    ],
)
def test_a_month_is_as_long_as_it_is(now: str, gone: int) -> None:
    """Twenty-eight days or thirty-one."""
    view = view_budget(home_inputs(now_ms=at_ms(now), budget_millionths=LIMIT), month(1))

    assert view is not None
    assert view.month_permille == gone


def test_a_month_with_a_clock_change_has_its_own_hours() -> None:
    """Half of October is half an hour after its sixteenth noon."""
    half_ms = (
        day_start_ms(date(2026, 10, 1), LONDON) + day_start_ms(date(2026, 11, 1), LONDON)
    ) // 2
    view = view_budget(home_inputs(now_ms=half_ms, budget_millionths=LIMIT), month(1))

    assert view is not None
    assert view.month_permille == 500


@pytest.mark.parametrize(
    ("text", "millionths"),
    [("45.50", 45_500_000), (" 45,5 ", 45_500_000), ("100000", 100_000_000_000), ("1", 1_000_000)],
)
def test_an_amount_is_read_as_it_is_typed(text: str, millionths: int) -> None:
    """With a point or a comma."""
    assert parse_budget(text) == millionths


def test_an_empty_amount_means_no_budget() -> None:
    """That is how a household takes it back."""
    assert parse_budget("  ") is None


@pytest.mark.parametrize(
    "text",
    ["0", "-5", "100000.01", "1e9", "1e999999", "nan", "inf", "£45", "4 5", "1,000.50", "x" * 900],
)
def test_what_is_no_budget_is_refused(text: str) -> None:
    """With what was written, shortened."""
    with pytest.raises(OperatorError) as refused:
        parse_budget(text)

    assert len(refused.value.message) < 90


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    """Nothing else happens."""
    try:
        amount = parse_budget(text)
    except OperatorError:
        return
    assert amount is None or 1_000_000 <= amount <= 100_000_000_000


def test_the_page_shows_the_models_budget() -> None:
    """No display computes a figure of its own."""
    inputs = dataclasses.replace(home_inputs(), budget_millionths=LIMIT)

    assert build_view(inputs).budget == build_shown(inputs).budget
