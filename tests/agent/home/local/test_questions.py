"""What may be asked of the hub's own API, and what is refused with a fix."""

import pytest

from agent.home.local.questions import MAX_METERS, Question, read_question
from shared.calendar import Resolution
from shared.errors import BadInputError
from shared.readings import Medium
from tests.support.home_inputs import LONDON, at_ms

MARCH = {"from": "2026-03-01", "to": "2026-04-01"}


def read(*meters: str, **given: str) -> Question:
    return read_question({**MARCH, **given}, meters, LONDON, intervals_max=100)


def test_dates_are_local_days() -> None:
    """March in London has a day of 23 hours and ends an hour early in UTC."""
    asked = read()

    assert len(asked.intervals) == 31
    assert asked.span == (at_ms("2026-03-01T00:00:00+00:00"), at_ms("2026-03-31T23:00:00+00:00"))
    assert (asked.medium, asked.resolution) == (Medium.ELECTRICITY, Resolution.DAY)
    assert asked.meters is None


def test_meters_and_medium_are_read() -> None:
    """Named meters stand for themselves alone."""
    asked = read("G1", "G2", medium="gas", resolution="month")

    assert asked.meters == frozenset({"G1", "G2"})
    assert (asked.medium, len(asked.intervals)) == (Medium.GAS, 1)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"from": ""}, "from is missing"),
        ({"from": "yesterday"}, "'yesterday'"),
        ({"from": "2026-03-01T00:00:00"}, "no offset"),
        ({"to": "2026-03-01"}, "not after"),
        ({"from": "1900-01-01"}, "century"),
        ({"from": "2002-01-01", "to": "2026-01-01"}, "3660 days"),
        ({"medium": "coal"}, "'coal'"),
        ({"resolution": "fortnight"}, "'fortnight'"),
        ({"resolution": "half-hour"}, "more than 100"),
        ({"from": "9" * 10_000}, "from"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(given: dict[str, str], names: str) -> None:
    """Each refusal names the parameter, and says what to write."""
    with pytest.raises(BadInputError) as refused:
        read(**given)

    assert names in refused.value.message
    assert refused.value.hint
    assert len(refused.value.message) < 200


def test_too_many_meters_are_refused() -> None:
    """Nobody has so many."""
    with pytest.raises(BadInputError, match="more than 16"):
        read(*(f"M{n}" for n in range(MAX_METERS + 1)))
