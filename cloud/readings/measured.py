"""What a meter measured throughout: amounts by interval straight from packed stretches.

The usual answer, without looking at one half hour after the other: every register was read at both
ends of every slot, and none fell. Where a gap, a fall, an import or a tenancy is to be judged there
is no answer here, and `cloud/readings/known.py` has it; where both answer they say the same.
"""

from collections.abc import Sequence
from itertools import pairwise
from operator import add
from typing import Any

from cloud.climbs import closings_of
from cloud.readings.packed import Packed, Stretches
from cloud.readings.usage import Source, Status
from cloud.readings.validators import Standing
from shared.calendar import utc_day_of_slot
from shared.instants import format_utc
from shared.readings import QUANTITIES, Medium, parts_of
from shared.units import SLOT_MS

Amounts = dict[str, list[int] | None]
"""What each interval used, by quantity; None for one that the meter does not count."""

MEASURED = {"status": Status.MEASURED, "source": Source.METER, "why": ()}


def may_be_measured(standing: Standing) -> bool:
    """Tell whether it is worth looking: gas is converted, and imports and tenants are judged."""
    is_own = not standing.import_count and not standing.tenancy_count
    return is_own and standing.medium is not Medium.GAS


def stretches_for(household_id: str, meter: str, span_ms: tuple[int, int]) -> Stretches:
    """Say what has to be read for a span: its days, and the day before for where they began."""
    first_day, last_day = (utc_day_of_slot(ms // SLOT_MS) for ms in (span_ms[0], span_ms[1] - 1))
    return Stretches(household_id, meter, first_day - 1, last_day)


def measured_amounts(packed: Packed, medium: Medium, bounds_ms: Sequence[int]) -> Amounts | None:
    """Tell what was used between each bound and the next; None where any of it is to be judged."""
    if any(ms % SLOT_MS for ms in bounds_ms):
        return None
    by_register = {key.register: stretches for key, stretches in packed.items()}
    if len(by_register) < len(packed):
        return None
    slots = [ms // SLOT_MS - 1 for ms in bounds_ms]
    found: Amounts = {}
    for quantity in QUANTITIES[medium]:
        stood: list[int] | None = None
        for register in parts_of(quantity, set(by_register)):
            closings = closings_of(by_register[register], slots)
            if closings is None:
                return None
            stood = closings if stood is None else list(map(add, stood, closings))
        found[quantity] = stood and [later - earlier for earlier, later in pairwise(stood)]
    return found if any(found.values()) else None


def measured_entries(amounts: Amounts, bounds_ms: Sequence[int]) -> list[dict[str, Any]]:
    """Write intervals that were measured throughout as the API gives them."""
    bounds = list(map(format_utc, bounds_ms))
    names = list(amounts)
    nothing = [None] * (len(bounds) - 1)
    columns = [nothing if one is None else one for one in amounts.values()]
    return [
        {"start": start, "end": end, **dict(zip(names, row, strict=True)), **MEASURED}
        for (start, end), *row in zip(pairwise(bounds), *columns, strict=True)
    ]
