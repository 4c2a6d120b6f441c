"""The view as a whole."""

import msgspec

from agent.home.view import CLOCK_NOTICE, HomeView, build_view
from shared.tariffs import Flat
from tests.support.home_inputs import flat_tariff, home_inputs, hub_state


def test_view_survives_json() -> None:
    """What the page reads is the view itself."""
    view = build_view(home_inputs())

    assert msgspec.json.decode(msgspec.json.encode(view), type=HomeView) == view


def test_same_inputs_give_the_same_view() -> None:
    """The view is a function of its inputs."""
    assert build_view(home_inputs()) == build_view(home_inputs())


def test_view_carries_no_float() -> None:
    """Integers inside and text outside: nothing between."""

    def floats(value: object) -> list[float]:
        if isinstance(value, dict):
            return [found for part in value.values() for found in floats(part)]
        if isinstance(value, list):
            return [found for part in value for found in floats(part)]
        return [value] if isinstance(value, float) else []

    assert floats(msgspec.to_builtins(build_view(home_inputs()))) == []


def test_view_of_a_hub_that_knows_nothing_yet() -> None:
    """The first second of a hub: nothing is known, and nothing is 0."""
    view = build_view(
        home_inputs(meters=[], electricity_slots={}, gas_slots={}, tariff=None, gas_tariff=None)
    )

    assert view.power.net_w is None
    assert view.usage.today.energy_mwh is None
    assert view.cost.total_millionths is None
    assert view.gas is None
    assert {half.import_mwh for half in view.half_hours} == {None}


def test_untrusted_clock_is_noticed() -> None:
    """Figures of today are doubtful where today is."""
    assert build_view(home_inputs(is_clock_trusted=False)).notices == [CLOCK_NOTICE]
    assert build_view(home_inputs()).notices == []


def test_a_limit_of_the_cloud_is_said_with_how_it_ends() -> None:
    """The page shows what leaves, what was allowed, and how to lift the limit."""
    limited = build_view(
        home_inputs(hub=hub_state(granularity="daily", chosen_granularity="10s", is_limited=True))
    )

    assert limited.granularity_text == "Daily totals"
    assert limited.granularity == "10s"
    assert limited.limit_text == (
        "The cloud limits it. You allowed: Every ten seconds. Choosing anew here lifts the limit."
    )
    assert build_view(home_inputs()).limit_text == ""


def test_a_lost_choice_is_said_with_how_it_ends() -> None:
    """Nothing leaves, and the page says why."""
    lost = build_view(
        home_inputs(
            hub=hub_state(granularity="none", chosen_granularity="none", is_choice_lost=True)
        )
    )

    assert lost.limit_text == (
        "What you allowed was lost to a damaged disk. Nothing leaves until you choose anew."
    )


def test_why_the_cloud_is_not_connected_is_shown() -> None:
    """A hub that was revoked can say so."""
    reason = "localhost:443 refused the hub: HTTP 403 hub 'hub-1' is revoked"
    view = build_view(home_inputs(hub=hub_state(cloud_connected=False, disconnect_reason=reason)))

    (line,) = [one for one in view.health if one.name == "Cloud"]
    assert line.hint.endswith(reason)


def test_granularity_is_put_in_words() -> None:
    """The page names what leaves the home; a word of a later version is shown as it is."""
    known = build_view(home_inputs())
    unknown = build_view(home_inputs(hub=hub_state(granularity="weekly")))

    assert (known.granularity, known.granularity_text) == ("half-hourly", "Half-hourly totals")
    assert known.granularity in [choice.value for choice in known.granularity_choices]
    assert unknown.granularity_text == "weekly"


def test_free_energy_is_a_price_too() -> None:
    """A price of 0 is priced; only the lack of one is unpriced."""
    tariff = flat_tariff(price=0)
    assert isinstance(tariff.versions[0].prices, Flat)

    view = build_view(home_inputs(tariff=tariff))

    assert view.power.cost_per_hour_millionths == 0
    assert view.half_hours[0].cost_text == "0.0p"
