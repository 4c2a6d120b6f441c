"""Consent: the narrower of then and now, whatever the order of choices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.consent import (
    MAX_LIMIT_SPANS,
    Consent,
    LimitState,
    decode_limit_state,
    encode_limit_state,
)
from shared.consent import Granularity, check_granularity, narrowest
from shared.errors import BadInputError
from shared.protocol import ConsentLimit

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


def limited(to: str = "daily", revision: int = 5, since_ms: int = 1_000) -> Consent:
    """A household that allows ten seconds, limited by the cloud."""
    consent = Consent([(0, Granularity.TEN_SECONDS)])
    state = consent.after(ConsentLimit(to, revision), since_ms)
    assert state is not None
    consent.limits = state
    return consent


@given(granularities, granularities)
def test_the_narrower_of_choice_and_limit_holds(chosen: Granularity, limit: Granularity) -> None:
    """A limit never lets out more than the household allows."""
    consent = Consent([(0, chosen)])
    consent.limits = consent.after(ConsentLimit(limit, 5), 1_000) or LimitState()

    assert consent.now is narrowest(chosen, limit)
    assert consent.for_sample(500) is narrowest(chosen, limit)
    assert (consent.chosen, consent.limit) == (chosen, limit)


def test_a_word_the_hub_does_not_know_lets_nothing_out() -> None:
    """A limit of a later version is obeyed at its strictest."""
    assert limited("weekly").now is Granularity.NONE


def test_no_word_of_the_cloud_widens_a_limit() -> None:
    """A store put back to before it says none, or sets a wider one anew: the narrower holds."""
    consent = limited("daily", revision=5)

    none = consent.after(None, 2_000)
    wider = consent.after(ConsentLimit("10s", 6), 2_000)
    assert wider is not None
    consent.limits = wider

    assert none is None
    assert consent.now is Granularity.DAILY
    assert consent.limits.revision == 6
    consent.choose(3_000, Granularity.TEN_SECONDS)
    assert (consent.now, consent.limits.lifted) == (Granularity.TEN_SECONDS, 6)


def test_what_was_taken_under_a_limit_stays_held_back() -> None:
    """A limit that has ended lets out what is taken from then on."""
    consent = limited(since_ms=1_000)

    consent.choose(2_000, Granularity.TEN_SECONDS)

    held = [consent.for_sample(at_ms) for at_ms in (999, 1_000, 1_999, 2_000)]
    assert held == ["10s", "daily", "daily", "10s"]
    assert consent.for_all(500, 1_500) is None
    assert consent.for_all(1_000, 1_999) is Granularity.DAILY


def test_a_choice_lifts_the_limit_and_all_before_it() -> None:
    """The same limit, or an older one, is passed over from then on; a newer one holds again."""
    consent = limited(revision=5)
    consent.choose(2_000, Granularity.LIVE)

    again = [consent.after(ConsentLimit("none", revision), 3_000) for revision in (4, 5)]
    newer = consent.after(ConsentLimit("none", 6), 3_000)

    assert consent.limits.lifted == 5
    assert consent.limit is None
    assert again == [None, None]
    assert newer is not None
    assert newer.spans[-1] == (3_000, Granularity.NONE)


def test_a_limit_is_not_replaced_by_an_older_one() -> None:
    """Receipts come late and out of order."""
    consent = limited("daily", revision=5)

    assert consent.after(ConsentLimit("live", 4), 2_000) is None
    assert consent.after(ConsentLimit("none", 5), 2_000) is None


def test_changes_of_the_limit_are_bounded_on_the_narrow_side() -> None:
    """Limits set and lifted for ever fill nothing; what is forgotten stays held back."""
    consent = Consent([(0, Granularity.LIVE)])
    for number in range(1, 3 * MAX_LIMIT_SPANS):
        word = "daily" if number == 1 else "10s"
        limits = consent.after(ConsentLimit(word, number), number * 1_000)
        assert limits is not None
        consent.limits = limits
        if number < 3 * MAX_LIMIT_SPANS - 1:
            consent.choose(number * 1_000 + 800, Granularity.LIVE)

    assert len(consent.limits.spans) == MAX_LIMIT_SPANS
    assert consent.for_sample(1_500) is Granularity.DAILY
    assert consent.for_sample(3 * MAX_LIMIT_SPANS * 1_000) is Granularity.TEN_SECONDS


def test_the_limits_state_survives_being_written() -> None:
    """What is read back is what was kept; nothing kept is no limit."""
    state = limited().limits

    assert decode_limit_state(encode_limit_state(state)) == state
    assert decode_limit_state(None) == LimitState()


@pytest.mark.parametrize("written", [b"", b"{", b"\xff", b'{"spans": [[0, "weekly"]]}'])
def test_a_record_that_rotted_lets_nothing_out(written: bytes) -> None:
    """Until the household says anew what may leave."""
    consent = Consent([(0, Granularity.LIVE)], decode_limit_state(written))

    assert consent.now is Granularity.NONE
    consent.choose(1_000, Granularity.LIVE)
    assert consent.for_sample(1_000) is Granularity.LIVE
