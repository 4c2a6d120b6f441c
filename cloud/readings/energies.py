"""Intervals as the API gives them, with the energy of gas beside its litres. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from cloud.readings.conversions import Conversions
from cloud.readings.usage import Known, Served, serve
from shared.calendar import Interval
from shared.instants import format_utc


class Energies:
    """The energy of gas by interval: each meter's own conversions, summed."""

    def __init__(self) -> None:
        self._of: list[tuple[Known, Conversions]] = []

    def add(self, litres: Known, conversions: Conversions) -> None:
        """Count one meter in."""
        self._of.append((litres, conversions))

    def of(self, interval: Interval) -> int | None:
        """Sum what is known of an interval, in mWh; None where nothing is."""
        found = [
            energy
            for litres, conversions in self._of
            if (energy := conversions.energy_mwh(litres.by_slot, interval)) is not None
        ]
        return sum(found) if found else None


def entry_of(served: Served, energies: Energies | None) -> dict[str, Any]:
    """Write an interval as the API gives it; `energies` where it is of gas."""
    interval = served.interval
    return _entry(served, format_utc(interval.start_ms), format_utc(interval.end_ms), energies)


def entries_of(
    known: Mapping[str, Known],
    intervals: Sequence[Interval],
    now_ms: int,
    energies: Energies | None,
) -> list[dict[str, Any]]:
    """Serve intervals, one beginning where the last ended, as the API gives them."""
    bounds = [format_utc(one.start_ms) for one in intervals]
    bounds += [format_utc(one.end_ms) for one in intervals[-1:]]
    served = serve(known, intervals, now_ms)
    return [
        _entry(one, start, end, energies)
        for one, (start, end) in zip(served, pairwise(bounds), strict=True)
    ]


def _entry(served: Served, start: str, end: str, energies: Energies | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"start": start, "end": end, **served.amounts}
    if energies is not None:
        entry["gas_mwh"] = energies.of(served.interval)
    entry["status"] = served.status
    entry["source"] = served.source
    entry["why"] = served.why
    return entry
