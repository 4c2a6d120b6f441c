"""What a meter measured throughout: amounts by interval straight from packed stretches.

The usual answer, without looking at one half hour after the other: every register was read at both
ends of every slot, and none fell. Where a gap, a fall, an import or a tenancy is to be judged there
is no answer here, and `cloud/readings/known.py` has it; where both answer they say the same.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import gcd
from operator import sub

import msgspec

from cloud.climbs import closings_of_each, steps_of
from cloud.readings.packed import Packed, Stretches
from cloud.readings.usage import Source, Status
from cloud.readings.validators import Standing
from shared.calendar import utc_day_of_slot
from shared.instants import format_utc
from shared.readings import QUANTITIES, Medium, parts_of
from shared.units import SLOT_MS

Amounts = dict[str, list[int] | None]
"""What each interval used, by quantity; None for one that the meter does not count."""

_MEASURED = f'"status":"{Status.MEASURED}","source":"{Source.METER}","why":[]}}'


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
    slots, registers = slots_of(bounds_ms), registers_of(packed, medium)
    names = list(chain.from_iterable(registers.values()))
    if slots is None or not names:
        return None
    stretches = {key.register: one for key, one in packed.items()}
    rises = _rises([stretches[one] for one in names], slots)
    if rises is None:
        return None
    return sum_quantities(registers, dict(zip(names, rises, strict=True)))


def slots_of(bounds_ms: Sequence[int]) -> list[int] | None:
    """Number the slots that end at these bounds; None where one is not on a half hour."""
    if gcd(*bounds_ms) % SLOT_MS:
        return None
    return [ms // SLOT_MS - 1 for ms in bounds_ms]


def registers_of(packed: Packed, medium: Medium) -> dict[str, list[str]]:
    """Name the registers that sum to each quantity; none at all where one has several runs."""
    names = {key.register for key in packed}
    if len(names) < len(packed):
        return {}
    return {one: parts_of(one, names) for one in QUANTITIES[medium]}


def sum_quantities(
    registers: Mapping[str, Sequence[str]], rises: Mapping[str, list[int]]
) -> Amounts:
    """Add up by how much registers rose in each interval, to what was used of each quantity."""
    return {one: _sum_of([rises[name] for name in names]) for one, names in registers.items()}


def _sum_of(rises: Sequence[list[int]]) -> list[int] | None:
    if len(rises) == 1:
        return rises[0]
    return list(map(sum, zip(*rises, strict=True))) if rises else None


def _rises(registers: Sequence[Sequence[bytes]], slots: Sequence[int]) -> list[list[int]] | None:
    """Tell by how much each register rose from the end of each slot to that of the next."""
    if slots[-1] - slots[0] == len(slots) - 1:
        return _steps(registers, slots[0] + 1, slots[-1])
    closings = closings_of_each(registers, slots)
    return None if closings is None else [list(map(sub, one[1:], one)) for one in closings]


def _steps(registers: Sequence[Sequence[bytes]], first: int, last: int) -> list[list[int]] | None:
    found = []
    for stretches in registers:
        steps = steps_of(stretches, first, last)
        if steps is None:
            return None
        found.append(steps)
    return found


def write_entries(amounts: Amounts, bounds_ms: Sequence[int]) -> msgspec.Raw:
    """Write intervals that were measured throughout as the API gives them, in JSON.

    All but two times and the amounts is the same in each: written once, and filled in.
    """
    bounds = list(map(format_utc, bounds_ms))
    fields = [f'"{name}":{"null" if one is None else "%d"}' for name, one in amounts.items()]
    entry = ",".join(['{"start":"%s","end":"%s"', *fields, _MEASURED])
    columns = [one for one in amounts.values() if one is not None]
    rows = zip(bounds[:-1], bounds[1:], *columns, strict=True)
    return msgspec.Raw(f"[{','.join(map(entry.__mod__, rows))}]".encode())
