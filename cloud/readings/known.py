"""What is known of a meter's usage: its own readings, with imported history laid under them.

The one place that brings the two together; what is priced and what is shown both come from here.
"""

from collections.abc import Sequence
from itertools import chain

from sqlalchemy import Connection

from cloud.readings.overlay import overlay
from cloud.readings.service import counters_of
from cloud.readings.tenancy import history_of, readings_of
from cloud.readings.usage import Known, RunEdges, usage_by_slot
from cloud.scope import Scope
from shared.meterdays import SlotUsage
from shared.readings import Medium
from shared.units import SLOT_MS


def known_usage(
    connection: Connection,
    scope: Scope,
    meter: str,
    medium: Medium,
    span_ms: tuple[int, int],
    *,
    has_imports: bool = True,
) -> dict[str, Known]:
    """Say what is known of each quantity of a meter, whole at least over the span.

    Who knows that nothing was imported for it says so, and saves a question.
    """
    counters = {
        quantity: list(chain.from_iterable(by_register.values()))
        for quantity, by_register in counters_of(
            readings_of(connection), scope, meter, medium, *span_ms
        ).items()
    }
    slots = _reach(list(chain.from_iterable(counters.values())), span_ms)
    history: dict[str, dict[int, SlotUsage]] = {}
    if has_imports:
        history = history_of(connection).imported(scope, meter, slots)
    return {
        quantity: overlay(runs, history.get(quantity, {})) for quantity, runs in counters.items()
    }


def known_registers(
    connection: Connection, scope: Scope, meter: str, medium: Medium, span_ms: tuple[int, int]
) -> dict[tuple[str, str], Known]:
    """Say what is known of each register apart, by (quantity, register); imports name none."""
    counters = counters_of(readings_of(connection), scope, meter, medium, *span_ms)
    return {
        (quantity, register): Known(usage_by_slot(runs), runs)
        for quantity, by_register in counters.items()
        for register, runs in by_register.items()
    }


def _reach(counters: Sequence[RunEdges], span_ms: tuple[int, int]) -> tuple[int, int]:
    """Give the slots `[start, end)` of a span and of every gap that reaches over its edges.

    A gap's shape must not depend on which part of it was asked for.
    """
    known = [counter.edges for counter in counters if counter.edges]
    first = min([span_ms[0] // SLOT_MS, *map(min, known)])
    return first, max([-(-span_ms[1] // SLOT_MS), *(max(edges) + 1 for edges in known)])
