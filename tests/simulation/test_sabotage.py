"""A simulation that cannot fail proves nothing: each of these breaks is found."""

import pytest

from tests.simulation.play import Theatre
from tests.simulation.sabotage import SABOTAGES
from tests.simulation.schedule import plan_of

FOUND_BY = {
    "what was sent is taken for stored": 6,
    "what a receipt leaves out is taken for stored": 6,
    "rows are acknowledged before they are written": 6,
    "a receipt is given though the commit failed": 916,
    "another store is taken for the same": 11,
    "what comes twice is stored twice": 10,
    "edges of a slot are replaced, not joined": 7,
    "consent at the time of taking is forgotten": 18,
    "an older card goes on in its numbers": 628,
    "a revoked hub is heard": 24,
}
"""The first seed that finds each, counted from 0: how many schedules it takes."""


def test_each_sabotage_has_its_seed() -> None:
    """None is left out."""
    assert FOUND_BY.keys() == SABOTAGES.keys()


@pytest.mark.parametrize("name", FOUND_BY)
def test_what_is_broken_on_purpose_is_found(name: str) -> None:
    """By a schedule that finds nothing in the product as it is."""
    plan = plan_of(FOUND_BY[name])

    with Theatre() as theatre:
        sound = theatre.play(plan)
        with SABOTAGES[name]():
            broken = theatre.play(plan)

    assert sound.violations == []
    assert broken.violations != []
