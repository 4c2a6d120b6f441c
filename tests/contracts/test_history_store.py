"""The contract of the History port, held by every adapter."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.households.spans import Span
from cloud.readings.imported import SqlHistory
from cloud.readings.store import History, Import
from cloud.readings.tenancy import TenancyHistory
from cloud.scope import Scope
from shared.meterdays import SlotUsage
from shared.units import LATEST_PLAUSIBLE_MS, SLOT_MS
from tests.support.cloud import METER, START_MS, database_in
from tests.support.history import MemoryHistory
from tests.support.stores import STORES, kept_on

HOME, OTHER = Scope.of("home"), Scope.of("other")
FIRST = START_MS // SLOT_MS
DAY = (FIRST, FIRST + 48)


@pytest.fixture(name="history", params=["memory", *STORES])
def _history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[History]:
    if request.param == "memory":
        yield MemoryHistory()
        return
    with kept_on(request.param):
        database = database_in(tmp_path)
        with database.writing() as connection:
            yield SqlHistory(connection)
        database.close()


def _slots(first: int, count: int, amount: int = 5) -> dict[int, SlotUsage]:
    return {
        FIRST + first + place: SlotUsage(amount + place, is_estimated=place % 3 == 0)
        for place in range(count)
    }


def _import(
    number: int, by_slot: dict[int, SlotUsage], *, meter: str = METER, quantity: str = "import_mwh"
) -> Import:
    return Import(
        import_id=f"{number:032x}",
        meter=meter,
        quantity=quantity,
        format="octopus-csv",
        digest=bytes([number]) * 16,
        first_slot=min(by_slot),
        last_slot=max(by_slot),
        slot_count=len(by_slot),
        amount=sum(one.amount for one in by_slot.values()),
        rejected_count=2,
        created_at_ms=START_MS + number,
    )


def _keep(history: History, number: int, first: int, count: int, **of: str) -> Import:
    by_slot = _slots(first, count, number)
    return history.keep(HOME, _import(number, by_slot, **of), by_slot)


def test_what_is_kept_comes_back_as_it_was(history: History) -> None:
    """Every field of an import, and of each half hour its amount and whether it is sure."""
    made = _import(1, _slots(0, 100))

    assert history.keep(HOME, made, _slots(0, 100)) == made

    assert history.find(HOME, made.import_id) == made
    assert history.imports(HOME) == history.imports(HOME, METER) == [made]
    assert history.imported(HOME, METER, (FIRST, FIRST + 100)) == {"import_mwh": _slots(0, 100)}


def test_only_the_days_asked_for_are_read(history: History) -> None:
    """Whole UTC days; an empty span is the day it lies in."""
    _keep(history, 1, 0, 48 * 4)

    found = history.imported(HOME, METER, (FIRST + 50, FIRST + 97))
    of_instant = history.imported(HOME, METER, (FIRST + 50, FIRST + 50))
    before = history.imported(HOME, METER, (FIRST - 48, FIRST))

    assert sorted(found["import_mwh"]) == list(range(FIRST + 48, FIRST + 48 * 3))
    assert sorted(of_instant["import_mwh"]) == list(range(FIRST + 48, FIRST + 96))
    assert before == {}


def test_the_same_is_kept_once(history: History) -> None:
    """By what it says of which meter and quantity; the first that said it stays."""
    first = _keep(history, 1, 0, 4)
    of_other = first._replace(import_id="e" * 32, meter="M2")

    again = history.keep(HOME, first._replace(import_id="f" * 32, created_at_ms=1), _slots(0, 4))
    elsewhere = history.keep(HOME, of_other, _slots(0, 4))

    assert again == first
    assert history.find(HOME, "f" * 32) is None
    assert (elsewhere, history.imports(HOME, "M2")) == (of_other, [of_other])


def test_the_latest_holds_and_is_undone_by_itself(history: History) -> None:
    """Where imports differ; what the earlier one said holds again, then nothing."""
    early, late = _keep(history, 1, 0, 6), _keep(history, 9, 2, 2)

    def amounts() -> list[int]:
        found = history.imported(HOME, METER, DAY).get("import_mwh", {})
        return [found[slot].amount for slot in sorted(found)]

    both = amounts()
    undone = history.undo(HOME, late.import_id)
    after = amounts()

    assert both == [1, 2, 9, 10, 5, 6]
    assert (undone, after) == (True, [1, 2, 3, 4, 5, 6])
    assert history.undo(HOME, late.import_id) is False
    assert history.undo(HOME, early.import_id)
    assert (amounts(), history.imports(HOME)) == ([], [])


def test_quantities_and_meters_are_apart(history: History) -> None:
    """The latest import is listed first, of all meters or of one."""
    _keep(history, 1, 0, 2)
    _keep(history, 2, 0, 2, quantity="export_mwh")
    _keep(history, 3, 0, 2, meter="M2")

    assert set(history.imported(HOME, METER, DAY)) == {"import_mwh", "export_mwh"}
    assert [one.created_at_ms - START_MS for one in history.imports(HOME)] == [3, 2, 1]
    assert [one.created_at_ms - START_MS for one in history.imports(HOME, METER)] == [2, 1]


def test_another_household_sees_and_undoes_nothing(history: History) -> None:
    """Neither an import nor a half hour of it, though it knows the id."""
    made = _keep(history, 1, 0, 4)

    assert history.imported(OTHER, METER, DAY) == {}
    assert (history.imports(OTHER), history.find(OTHER, made.import_id)) == ([], None)
    assert history.undo(OTHER, made.import_id) is False
    assert history.find(HOME, made.import_id) == made


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_keeping_and_undoing_is_as_in_memory(history: History, seed: int) -> None:
    """What holds follows from the imports that are there, by when they were made."""
    rng, truth = random.Random(seed), MemoryHistory()
    for number in rng.sample(range(1, 40), 20):
        first, count = rng.randrange(0, 96), rng.randrange(1, 60)
        by_slot = _slots(first, count, number)
        made = _import(number, by_slot)
        assert history.keep(HOME, made, by_slot) == truth.keep(HOME, made, by_slot)
        if rng.random() < 0.4:
            gone = rng.choice(truth.imports(HOME)).import_id
            assert history.undo(HOME, gone) == truth.undo(HOME, gone)

    assert history.imports(HOME) == truth.imports(HOME)
    span = (FIRST, FIRST + 48 * 4)
    assert history.imported(HOME, METER, span) == truth.imported(HOME, METER, span)


def test_half_hours_of_another_tenancy_are_not_told(history: History) -> None:
    """Over whatever store; who writes and lists is not held up by it."""
    spans = (Span(0, START_MS + 2 * SLOT_MS), Span(START_MS + 4 * SLOT_MS, LATEST_PLAUSIBLE_MS))
    cut = TenancyHistory(history, lambda _scope, _meter: spans)
    by_slot = _slots(0, 6)
    made = cut.keep(HOME, _import(1, by_slot), by_slot)

    found = cut.imported(HOME, METER, DAY)["import_mwh"]

    assert [slot - FIRST for slot in sorted(found)] == [0, 1, 4, 5]
    assert cut.imports(HOME, METER) == [made] == [cut.find(HOME, made.import_id)]
    assert cut.undo(HOME, made.import_id)
