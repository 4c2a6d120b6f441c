"""A household that lets less leave is obeyed: what was stored of that time is held against it."""

import msgspec
import pytest

from agent.torture.card import Key
from agent.torture.consent import Narrowing, finer
from shared.consent import Granularity
from shared.units import SLOT_MS

START_MS = 1_772_323_200_000
LOG = "ab" * 16
ZONE = "Europe/London"


class Stored(msgspec.Struct, frozen=True):
    """A sample that the cloud has."""

    seq: int
    taken_at_ms: int
    registers: dict[str, int] = msgspec.field(default_factory=lambda: {"import_mwh": 1})
    log_id: str = LOG


def of_slot(slot: int, *seqs: int) -> list[Stored]:
    """Samples of one half hour, a second apart."""
    return [Stored(seq, START_MS + slot * SLOT_MS + seq * 1_000) for seq in seqs]


def narrowing(granularity: Granularity) -> Narrowing:
    """Less was allowed from sequence 10 to 50, and 8 and 9 had not been stored."""
    return Narrowing(granularity, {LOG: (10, 50)}, {LOG: [(8, 50)]})


def test_what_was_read_before_and_after_may_be_stored() -> None:
    """Only what was surely read meanwhile is judged."""
    stored = of_slot(0, 1, 2, 8, 9, 51, 52)

    assert finer([narrowing(Granularity.NONE)], stored, set(), ZONE) == []


@pytest.mark.parametrize(
    ("granularity", "days_apart"), [(Granularity.HALF_HOURLY, 0), (Granularity.DAILY, 1)]
)
def test_an_opening_and_a_closing_of_each_span_may_be_stored(
    granularity: Granularity, days_apart: int
) -> None:
    """A third of one is finer than that."""
    later = 48 * days_apart + 1
    stored = [*of_slot(0, 10, 20), *of_slot(later, 30, 40)]

    assert finer([narrowing(granularity)], stored, set(), ZONE) == []
    third = [*stored, *of_slot(later, 35)]
    assert finer([narrowing(granularity)], third, set(), ZONE) == [Key(LOG, 40)]


def test_power_is_finer_than_counters() -> None:
    """A half hour's closing says what the meter counted, and no more."""
    stored = [Stored(10, START_MS + 1, {"import_mwh": 1, "power_import_w": 300})]

    assert finer([narrowing(Granularity.HALF_HOURLY)], stored, set(), ZONE) == [Key(LOG, 10)]


def test_a_damaged_place_parts_a_span() -> None:
    """What is left of it has an opening and a closing on each side."""
    stored = of_slot(0, 10, 20, 22, 40)

    assert finer([narrowing(Granularity.HALF_HOURLY)], stored, {Key(LOG, 21)}, ZONE) == []


def test_what_had_not_been_stored_may_be_withheld() -> None:
    """The narrower of then and now holds; what was stored before is stored."""
    held = narrowing(Granularity.NONE)

    assert [held.may_withhold(Key(LOG, seq)) for seq in (7, 8, 50, 51)] == [
        False,
        True,
        True,
        False,
    ]
