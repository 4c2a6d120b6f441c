"""What is known of a meter's usage: its own readings, with imported history laid under them.

The one place that brings the two together; what is priced and what is shown both come from here.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

from sqlalchemy import Connection

from cloud.readings.imported import imported_slots
from cloud.readings.overlay import overlay
from cloud.readings.repository import SqlReadingStore
from cloud.readings.service import counters_of
from cloud.readings.usage import Known, RunEdges, usage_by_slot
from cloud.scope import Scope
from shared.meterdays import SlotUsage
from shared.readings import Medium
from shared.units import SLOT_MS

Slots = Mapping[int, SlotUsage]


def known_usage(
    connection: Connection, scope: Scope, meter: str, medium: Medium, span_ms: tuple[int, int]
) -> dict[str, Known]:
    """Say what is known of each quantity of a meter, whole at least over the span."""
    counters = counters_of(SqlReadingStore(connection), scope, meter, medium, *span_ms)
    return {
        quantity: _known(connection, scope, meter, quantity, by_register, span_ms)
        for quantity, by_register in counters.items()
    }


def known_registers(
    connection: Connection, scope: Scope, meter: str, medium: Medium, span_ms: tuple[int, int]
) -> dict[tuple[str, str], Known]:
    """Say what is known of each register apart, by (quantity, register); imports name none."""
    counters = counters_of(SqlReadingStore(connection), scope, meter, medium, *span_ms)
    return {
        (quantity, register): Known(usage_by_slot(runs), runs)
        for quantity, by_register in counters.items()
        for register, runs in by_register.items()
    }


def _known(
    connection: Connection,
    scope: Scope,
    meter: str,
    quantity: str,
    by_register: Mapping[str, Sequence[RunEdges]],
    span_ms: tuple[int, int],
) -> Known:
    counters = list(chain.from_iterable(by_register.values()))
    first, end = span_ms[0] // SLOT_MS, -(-span_ms[1] // SLOT_MS)
    # A gap reaches over the edge of what was asked; its shape must not depend on the question.
    ends = [end for counter in counters if counter.edges for end in _ends(counter)]
    slots = min([first, *ends]), max([end, *(last + 1 for last in ends)])
    return overlay(counters, imported_slots(connection, scope, meter, quantity, slots))


def _ends(counter: RunEdges) -> tuple[int, int]:
    return min(counter.edges), max(counter.edges)
