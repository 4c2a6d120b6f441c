"""What a meter measured throughout: amounts by interval straight from packed stretches.

The usual answer, without looking at one half hour after the other: every register was read at both
ends of every slot, and none fell. Where a gap, a fall, an import or a tenancy is to be judged there
is no answer here, and `cloud/readings/known.py` has it; where both answer they say the same.
"""

from collections.abc import Sequence
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
    if gcd(*bounds_ms) % SLOT_MS:
        return None
    by_register = {key.register: stretches for key, stretches in packed.items()}
    if len(by_register) < len(packed):
        return None
    registers = {one: parts_of(one, set(by_register)) for one in QUANTITIES[medium]}
    told = list(chain.from_iterable(registers.values()))
    amounts = _amounts([by_register[one] for one in told], bounds_ms) if told else None
    if amounts is None:
        return None
    of_register = dict(zip(told, amounts, strict=True))
    return {
        quantity: _sum_of([of_register[one] for one in parts])
        for quantity, parts in registers.items()
    }


def _sum_of(amounts: Sequence[list[int]]) -> list[int] | None:
    """Add registers up, interval by interval; None where there are none."""
    if len(amounts) == 1:
        return amounts[0]
    return list(map(sum, zip(*amounts, strict=True))) if amounts else None


def _amounts(
    registers: Sequence[Sequence[bytes]], bounds_ms: Sequence[int]
) -> list[list[int]] | None:
    """Tell by how much each register rose from each bound to the next."""
    slots = [ms // SLOT_MS - 1 for ms in bounds_ms]
    if slots[-1] - slots[0] == len(slots) - 1:
        return _steps(registers, slots[0] + 1, slots[-1])
    closings = closings_of_each(registers, slots)
    return closings and [list(map(sub, one[1:], one)) for one in closings]


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
