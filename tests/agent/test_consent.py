"""Consent: the narrower of then and now, whatever the order of choices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.consent import Consent, Granularity, check_granularity, narrowest
from shared.errors import BadInputError

WIDEST_FIRST = [
    Granularity.LIVE,
    Granularity.TEN_SECONDS,
    Granularity.HALF_HOURLY,
    Granularity.DAILY,
    Granularity.NONE,
]
granularities = st.sampled_from(WIDEST_FIRST)


@given(granularities, granularities)
def test_the_narrower_lets_less_out(one: Granularity, other: Granularity) -> None:
    """The order runs from live to none, and does not care who asks first."""
    assert (
        narrowest(one, other)
        is WIDEST_FIRST[max(WIDEST_FIRST.index(one), WIDEST_FIRST.index(other))]
    )


def test_without_a_choice_half_hours_may_leave() -> None:
    """The default is half-hourly."""
    assert Consent([]).now is Granularity.HALF_HOURLY


def test_the_first_choice_held_before_it_was_made() -> None:
    """A sample older than every choice is held to the first one."""
    consent = Consent([(1_000, Granularity.DAILY), (2_000, Granularity.LIVE)])

    assert consent.for_sample(5) is Granularity.DAILY


@given(granularities, granularities, st.integers(0, 2_000))
def test_a_sample_is_held_to_the_narrower_of_then_and_now(
    first: Granularity, second: Granularity, at_ms: int
) -> None:
    """A choice holds from its instant on, and reaches back only to narrow."""
    consent = Consent([(0, first)])

    consent.choose(1_000, second)

    then = first if at_ms < 1_000 else second
    assert consent.for_sample(at_ms) is narrowest(then, second)
    assert consent.now is second
    assert consent.since_ms == 1_000


def test_of_two_choices_at_one_instant_the_later_holds() -> None:
    """Pressing twice quickly means the second press."""
    consent = Consent([(0, Granularity.LIVE)])

    consent.choose(5, Granularity.NONE)
    consent.choose(5, Granularity.LIVE)

    assert consent.now is Granularity.LIVE


def test_an_unknown_word_is_refused_with_those_there_are() -> None:
    """The error lists every granularity."""
    with pytest.raises(BadInputError, match="hourly") as caught:
        check_granularity("hourly")

    assert all(one.value in caught.value.hint for one in Granularity)


@given(
    st.lists(st.tuples(st.integers(0, 20), granularities), max_size=4),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_what_holds_for_a_span_holds_for_each_sample(
    choices: list[tuple[int, Granularity]], first_ms: int, span_ms: int
) -> None:
    """One answer for a whole span is the answer for all of it; a choice within it gives none."""
    consent = Consent(choices)

    held = consent.for_all(first_ms, first_ms + span_ms)

    each = {consent.for_sample(at_ms) for at_ms in range(first_ms, first_ms + span_ms + 1)}
    is_parted = any(first_ms < since_ms <= first_ms + span_ms for since_ms, _ in choices)
    assert is_parted if held is None else each == {held}
