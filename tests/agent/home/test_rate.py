"""The price now, and when it is cheapest next."""

from agent.home.rate import view_rate
from tests.support.home_inputs import at_ms, flat_tariff, home_inputs, night_tariff


def test_the_next_cheap_half_hour_of_a_night_tariff_is_named() -> None:
    """In the evening the night rate of half past midnight is the next."""
    rate = view_rate(home_inputs(tariff=night_tariff()))

    assert rate is not None
    assert rate.price_millionths_per_kwh == 276_045
    assert rate.is_varying
    assert rate.next_cheap_at_ms == at_ms("2026-11-21T00:30:00+00:00")
    assert rate.next_cheap_millionths_per_kwh == 92_400
    assert rate.next_cheap_text == "Cheapest from Sat 21 Nov 00:30: 9.2p a kWh"


def test_within_the_cheap_hours_it_is_now() -> None:
    """Nothing has to be waited for."""
    rate = view_rate(home_inputs(at_ms("2026-11-20T02:12:00+00:00"), tariff=night_tariff()))

    assert rate is not None
    assert rate.is_cheap_now
    assert rate.next_cheap_at_ms == at_ms("2026-11-20T02:00:00+00:00")


def test_a_flat_tariff_has_no_cheap_half_hour() -> None:
    """All are alike, so none is named."""
    rate = view_rate(home_inputs(tariff=flat_tariff()))

    assert rate is not None
    assert (rate.next_cheap_at_ms, rate.next_cheap_text) == (None, "")
    assert not rate.is_varying


def test_a_price_that_is_not_known_is_none() -> None:
    """Neither a home without a tariff nor one of another year has a price of 0."""
    later = view_rate(home_inputs(tariff=flat_tariff(starts="2027-01-01")))

    assert view_rate(home_inputs(tariff=None)) is None
    assert later is not None
    assert later.price_millionths_per_kwh is None
