"""Dates rows as columns, where one look at a stretch of the clock ledger dates them all. Pure.

Says the same as `ClockLedger.resolve` says of each row, or nothing.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice
from operator import le, sub
from typing import NamedTuple

from agent.columns import Columns
from agent.pieces import MAX_SHIFT_MS, Stretch
from agent.timekeeping import ClockLedger
from shared.readings import Quality


class Dated(NamedTuple):
    """When samples were taken, in UTC milliseconds, and their qualities."""

    times_ms: list[int]
    qualities: list[int]


def date_columns(ledger: ClockLedger, columns: Columns) -> Dated | None:
    """Tell when rows were taken; None where each has to be asked about by itself.

    These are rows of one boot, heard one after another while no source moved the time; and either
    their meter tells the time, never far from the hub's, or it never does.
    """
    boots, heard = columns.boots, columns.heard
    is_in_order = all(map(le, heard, islice(heard, 1, None)))
    if not is_in_order or not _is_all(boots, boots[0]) or not _is_all(columns.captures, None):
        return None
    times_ms: list[int] = []
    qualities: list[int] = []
    while (start := len(times_ms)) < len(heard):
        stretch = ledger.stretch_of(boots[0], heard[start] - 1)
        if stretch is None:
            return None
        part = slice(start, bisect_right(heard, stretch.end_ms, start))
        clocks = columns.meter_clocks[part]
        dated = _date_part(stretch, ledger.tolerance_ms, heard[part], clocks)
        if dated is None:
            return None
        times_ms += dated[0]
        qualities += [quality | dated[1] for quality in columns.qualities[part]]
    return Dated(times_ms, qualities)


def _date_part(
    stretch: Stretch, tolerance_ms: int, heard: Sequence[int], clocks: Sequence[int | None]
) -> tuple[list[int], int] | None:
    """Date what was heard in one stretch: the times, and what is to be added to the qualities."""
    offset_ms = stretch.steady_offset_ms(heard[0], heard[-1])
    if offset_ms is None:
        return None
    if _is_all(clocks, None):
        # The words between which an instant lies may differ by what does not count as a move.
        if not stretch.is_quiet:
            return None
        return [monotonic_ms + offset_ms for monotonic_ms in heard], Quality.HUB_TIME
    times_ms = [clock_ms for clock_ms in clocks if clock_ms is not None]
    if len(times_ms) < len(clocks):
        return None
    offsets_ms = list(map(sub, times_ms, heard))
    margin_ms = tolerance_ms - MAX_SHIFT_MS
    if max(offsets_ms) - offset_ms > margin_ms or offset_ms - min(offsets_ms) > margin_ms:
        return None
    return times_ms, 0


def _is_all(values: Sequence[int | None], one: int | None) -> bool:
    return values.count(one) == len(values)
