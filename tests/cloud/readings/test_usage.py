"""How an interval of several quantities, or of several meters, is judged."""

from cloud.readings.usage import Known, Reason, RunEdges, Source, Status, serve, sum_known
from shared.calendar import Interval
from shared.meterdays import Edges, SlotUsage
from shared.units import SLOT_MS

FIRST = 984_576
LATER_MS = (FIRST + 1_000) * SLOT_MS


def _known(*slots: int, **more: object) -> Known:
    by_slot = {FIRST + slot: SlotUsage(100, is_estimated=False) for slot in slots}
    return Known(by_slot, **more)  # type: ignore[arg-type]  # as named


def _half_hours(count: int) -> list[Interval]:
    return [Interval((FIRST + n) * SLOT_MS, (FIRST + n + 1) * SLOT_MS) for n in range(count)]


def test_interval_without_a_quantity_that_is_counted_is_not_measured() -> None:
    """Export was known before, and is not known here: its null is no nought."""
    by_quantity = {"import_mwh": _known(0, 1, 2), "export_mwh": _known(1)}

    before, both, after = serve(by_quantity, _half_hours(3), LATER_MS)

    assert (before.status, before.why) == (Status.MEASURED, [])
    assert (both.status, both.why) == (Status.MEASURED, [])
    assert after.amounts == {"import_mwh": 100, "export_mwh": None}
    assert (after.status, after.why) == (Status.ESTIMATED, [Reason.INCOMPLETE])


def test_what_was_counted_before_the_period_counts_in_it() -> None:
    """The answer for a half hour is the same whatever is asked for around it."""
    edges = {FIRST - 90: Edges((FIRST - 90) * SLOT_MS + 1, 5, (FIRST - 89) * SLOT_MS, 9)}
    by_quantity = {"import_mwh": _known(0), "export_mwh": Known({}, [RunEdges(0, edges)])}

    (one,) = serve(by_quantity, _half_hours(1), LATER_MS)

    assert (one.status, one.why) == (Status.ESTIMATED, [Reason.INCOMPLETE])


def test_quantity_that_a_meter_never_counts_is_not_missed() -> None:
    """Most homes have no export."""
    (one,) = serve({"import_mwh": _known(0), "export_mwh": Known({})}, _half_hours(1), LATER_MS)

    assert (one.status, one.why) == (Status.MEASURED, [])


def test_sum_of_an_import_and_a_register_is_of_both() -> None:
    """One meter's half hour was imported, the other's was read."""
    read, imported = _known(0, 1), _known(0, imported=frozenset({FIRST}))

    first, second = serve({"import_mwh": sum_known([read, imported])}, _half_hours(2), LATER_MS)

    assert (first.source, first.status) == (Source.MIXED, Status.MEASURED)
    assert (second.source, second.why) == (Source.METER, [Reason.INCOMPLETE])


def test_sum_says_why_of_each_meter() -> None:
    """A gap of one meter is named though another's half hour was imported, and is no estimate."""
    slot_ms = FIRST * SLOT_MS
    edges = {
        FIRST - 1: Edges(slot_ms - SLOT_MS + 1, 0, slot_ms, 10),
        FIRST + 2: Edges(slot_ms + 2 * SLOT_MS + 1, 40, slot_ms + 3 * SLOT_MS, 50),
    }
    gap = Known(
        {FIRST: SlotUsage(15, is_estimated=True), FIRST + 1: SlotUsage(15, is_estimated=True)},
        [RunEdges(0, edges)],
    )
    imported = _known(0, 1, imported=frozenset({FIRST, FIRST + 1}))

    first, _ = serve({"import_mwh": sum_known([gap, imported])}, _half_hours(2), LATER_MS)

    assert (first.source, first.status) == (Source.MIXED, Status.ESTIMATED)
    assert first.why == [Reason.GAP]
