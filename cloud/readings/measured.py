"""What a meter measured throughout: amounts by interval straight from packed stretches.

The usual answer, without looking at one half hour after the other: every register was read at both
ends of every slot, and none fell. Where a gap, a fall, an import or a tenancy is to be judged there
is no answer here, and `cloud/readings/known.py` has it; where both answer they say the same.
"""

from collections.abc import Sequence
from operator import add, sub

import msgspec

from cloud.climbs import closings_of, steps_of
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
    if any(ms % SLOT_MS for ms in bounds_ms):
        return None
    by_register = {key.register: stretches for key, stretches in packed.items()}
    if len(by_register) < len(packed):
        return None
    slots = [ms // SLOT_MS - 1 for ms in bounds_ms]
    found: Amounts = {}
    for quantity in QUANTITIES[medium]:
        used: list[int] | None = None
        for register in parts_of(quantity, set(by_register)):
            amounts = _amounts(by_register[register], slots)
            if amounts is None:
                return None
            used = amounts if used is None else list(map(add, used, amounts))
        found[quantity] = used
    return found if any(map(_is_known, found.values())) else None


def _is_known(amounts: list[int] | None) -> bool:
    return amounts is not None


def _amounts(stretches: Sequence[bytes], slots: Sequence[int]) -> list[int] | None:
    """Tell by how much one register rose from the end of each slot to that of the next."""
    if slots[-1] - slots[0] == len(slots) - 1:
        return steps_of(stretches, slots[0] + 1, slots[-1])
    closings = closings_of(stretches, slots)
    return closings and list(map(sub, closings[1:], closings))


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
