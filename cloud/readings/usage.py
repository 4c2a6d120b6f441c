"""From register runs to what was used in each interval. Pure."""

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cloud.readings.store import RunKey
from shared.calendar import Interval
from shared.meterdays import SlotEdges, SlotUsage, Usage, sum_runs, usage_between, usage_of_run
from shared.readings import Medium, parts_of

QUANTITIES: dict[Medium, tuple[str, ...]] = {
    Medium.ELECTRICITY: ("import_mwh", "export_mwh"),
    Medium.GAS: ("gas_l",),
    Medium.WATER: ("water_l",),
    Medium.HEAT: ("heat_mj",),
}
"""What is served of each medium, the one that decides an interval's quality first."""


class Quality(enum.StrEnum):
    """How an interval's usage is known."""

    MEASURED = "measured"
    """The registers were read at both ends of every slot."""
    ESTIMATED = "estimated"
    """A gap was spread over it, or it is not over yet; the sum over the gap is still exact."""
    MISSING = "missing"
    """Nothing is known of it."""


class RunEdges(NamedTuple):
    """A register run's known slots, and its modulus (0 where it has not wrapped)."""

    modulus: int
    edges: SlotEdges


class Served(NamedTuple):
    """One interval with its amounts by quantity, None where unknown."""

    interval: Interval
    amounts: dict[str, int | None]
    quality: Quality


def keys_of(quantity: str, keys: Sequence[RunKey]) -> list[RunKey]:
    """List the runs that sum to a quantity: those of the total register, else of its tariffs."""
    registers = set(parts_of(quantity, {key.register for key in keys}))
    return sorted(key for key in keys if key.register in registers)


def usage_by_slot(runs: Sequence[RunEdges]) -> dict[int, SlotUsage]:
    """Difference each run and add them up slot by slot."""
    if len(runs) == 1:
        return usage_of_run(runs[0].edges, runs[0].modulus)
    return sum_runs(usage_of_run(run.edges, run.modulus) for run in runs)


def serve(
    by_quantity: Mapping[str, Mapping[int, SlotUsage]], intervals: Sequence[Interval]
) -> list[Served]:
    """Sum each quantity over each interval; quantities the meter does not count stay None."""
    served = []
    for interval in intervals:
        usages = {
            quantity: usage_between(by_slot, interval.start_ms, interval.end_ms)
            for quantity, by_slot in by_quantity.items()
        }
        amounts = {quantity: usage.amount for quantity, usage in usages.items()}
        served.append(Served(interval, amounts, quality_of(list(usages.values()))))
    return served


def quality_of(usages: Sequence[Usage]) -> Quality:
    """Judge an interval by all its quantities that are known."""
    known = [usage for usage in usages if usage.amount is not None]
    if not known:
        return Quality.MISSING
    if any(usage.is_estimated for usage in known):
        return Quality.ESTIMATED
    return Quality.MEASURED
