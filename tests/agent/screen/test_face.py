"""What is written on a screen: short, never 0 for what is not known, never new for what is old."""

import dataclasses

import msgspec

from agent.home.inputs import HomeInputs, Message, PrepaymentState
from agent.home.shown import build_shown
from agent.screen.face import DASH, Face, Line, Press, build_face
from tests.support.home_inputs import (
    LONDON,
    NOW_MS,
    electricity_meter,
    gas_meter,
    home_inputs,
    hub_state,
)


def face(inputs: HomeInputs | None = None, **changes: object) -> Face:
    """The face of a home, with what the test changes."""
    one = inputs or home_inputs()
    return build_face(build_shown(dataclasses.replace(one, **changes)), LONDON)  # type: ignore[arg-type]


def texts(one: Face) -> list[str]:
    """The lines' words."""
    return [line.text for line in one.lines]


def test_an_ordinary_evening() -> None:
    """Power, its light, its price, and the periods."""
    one = face()

    assert (one.number, one.unit, one.light_word, one.clock) == ("1.44", "kW", "high", "18:12")
    assert one.note.endswith("p/h")
    assert [figure.name for figure in one.figures] == ["Today", "Yesterday", "Week", "Month"]
    assert one.figures[0].money.startswith("£")
    assert not one.is_old


def test_the_figures_are_the_models_own() -> None:
    """No display computes a figure of its own."""
    shown = build_shown(home_inputs())

    assert face().figures[3][1:] == (shown.periods.month.cost_text, shown.periods.month.energy_text)
    assert face().number == shown.power.number


def test_what_is_not_known_is_a_dash() -> None:
    """A hub that was just plugged in shows no 0 anywhere."""
    one = face(meters=[], electricity_slots={}, gas_slots={}, tariff=None, gas_tariff=None)

    assert (one.number, one.unit, one.light, one.light_word) == (DASH, "", None, "no meter")
    assert {figure[1:] for figure in one.figures} == {(DASH, DASH)}
    assert "0" not in "".join([one.number, one.note, *texts(one)])


def test_old_power_is_said_to_be_old() -> None:
    """Without light, without price, with its age."""
    one = face(meters=[electricity_meter(age_ms=720_000)])

    assert (one.state, one.light, one.light_word, one.note) == (
        "stale",
        None,
        "stale",
        "12 min ago",
    )
    assert one.is_old
    assert one.lines[0] == Line("The meter is silent", Press.NOTICE)


def test_export_has_its_own_word_and_no_price() -> None:
    """It is not bought."""
    one = face(meters=[electricity_meter(-2_310)])

    assert (one.direction, one.light_word, one.note) == ("exporting", "exporting", "")


def test_gas_keeps_its_own_clock() -> None:
    """As of its reading; old is said to be, and not yet is not 0."""
    fresh = face(meters=[electricity_meter(), gas_meter(NOW_MS - 720_000)])
    stale = face(meters=[electricity_meter(), gas_meter(NOW_MS - 4 * 3_600_000)])
    not_yet = face(meters=[electricity_meter(), gas_meter(NOW_MS - 86_400_000)])

    assert any(text.startswith("Gas £") and "as of 18:00" in text for text in texts(fresh))
    assert any("stale, as of 14:12" in text for text in texts(stale))
    assert any(text.startswith("Gas: not yet today") for text in texts(not_yet))


def test_the_most_pressing_line_comes_first() -> None:
    """A message before a notice, that before the budget, that before the rest."""
    one = face(
        messages=[Message(1, "Power off on 3 May", NOW_MS)],
        is_clock_trusted=False,
        budget_millionths=900_000_000,
    )

    assert [line.press for line in one.lines[:3]] == [Press.MESSAGE, Press.NOTICE, Press.BUDGET]
    assert texts(one)[:2] == ["Power off on 3 May", "The clock is not set"]


def test_a_message_that_was_read_is_not_shown() -> None:
    """The screen has no room for it; the page has."""
    one = face(messages=[Message(1, "Power off", NOW_MS, NOW_MS)])

    assert "Power off" not in texts(one)


def test_a_budget_is_a_bar() -> None:
    """How full, and where it should be by now; over it, it presses."""
    (within,) = [line for line in face(budget_millionths=900_000_000).lines if line.permille]
    (over,) = [line for line in face(budget_millionths=20_000_000).lines if line.permille]

    assert within.text.endswith("of £900.00")
    assert (within.press, within.mark_permille) == (Press.BUDGET, 658)
    assert over.press is Press.NOTICE
    assert over.permille is not None
    assert over.permille > 1_000


def test_a_budget_without_a_price_is_a_dash() -> None:
    """Not an empty bar."""
    one = face(tariff=None, budget_millionths=900_000_000)

    assert Line(f"Budget 900.00: {DASH}", Press.BUDGET) in one.lines


def test_credit_is_told_with_what_the_meter_told() -> None:
    """Nothing of what it left out; old is said to be."""
    told = PrepaymentState(NOW_MS - 1, "GBP", -1_250_000, 8_750_000, None)
    old = PrepaymentState(NOW_MS - 172_800_000, "GBP", 5_000_000, None, 2_000_000)

    assert "Credit −£1.25, emergency £8.75" in texts(face(prepayment=told))
    assert "Credit £5.00, debt £2.00, stale, 2 days ago" in texts(face(prepayment=old))


def test_a_lost_cloud_is_no_alarm() -> None:
    """The home needs none."""
    one = face(hub=hub_state(cloud_connected=False))

    assert Line("No cloud: readings are kept here", Press.PLAIN) in one.lines


def test_at_least_is_a_sign() -> None:
    """A screen has no room for the words."""
    shown = build_shown(home_inputs())
    today = shown.periods.today
    periods = msgspec.structs.replace(
        shown.periods, today=msgspec.structs.replace(today, cost_text="at least £1.23")
    )
    one = build_face(msgspec.structs.replace(shown, periods=periods), LONDON)

    assert one.figures[0].money == "≥ £1.23"
