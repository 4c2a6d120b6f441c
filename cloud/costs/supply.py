"""What a household used through one meter and what it agreed to pay: the input of every cost.

Read in one transaction, then priced as often as is asked for; nothing is kept, so a late reading
or price is in the next answer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cloud.answers import unknown_meter
from cloud.households.spans import spans_of
from cloud.readings.known import known_usage
from cloud.readings.meters import medium_of_meter
from cloud.readings.tenancy import held_slots
from cloud.scope import Scope
from cloud.tariffs.agreements import agreed_tariffs
from cloud.tariffs.endpoints import no_tariff
from shared.calendar import day_start_ms, local_date
from shared.errors import BadInputError
from shared.meterdays import SlotUsage
from shared.readings import QUANTITIES, Medium
from shared.tariffs.agreements import Agreed, price_agreements
from shared.tariffs.bill import Cost, total
from shared.tariffs.gas import energy_of
from shared.tariffs.halfhours import HalfHours
from shared.tariffs.model import Flow, SlotEnergy, Tariff
from shared.units import SLOT_MS

PRICED_MEDIA = (Medium.ELECTRICITY, Medium.GAS)


class Known(NamedTuple):
    """How much of a period is known: slots without usage, and slots whose usage is estimated."""

    missing_slots: int
    estimated_slots: int


@dataclass(frozen=True)
class Supply:
    """One meter's usage over `[start_ms, end_ms)` by flow, and the tariffs agreed for it.

    `held` are the slots `[start, end)` in which the meter was the household's: no other is priced.
    """

    meter: str
    medium: Medium
    zone: ZoneInfo
    start_ms: int
    end_ms: int
    usage: Mapping[Flow, Mapping[int, SlotUsage]]
    agreed: Sequence[Agreed]
    held: Sequence[tuple[int, int]]
    _laid_out: dict[tuple[Flow, int, int], HalfHours] = field(default_factory=dict)

    def flows(self) -> list[Flow]:
        """List the flows that an agreement prices, import first."""
        return [flow for flow in Flow if any(one.agreement.flow is flow for one in self.agreed)]

    def of_flow(self, flow: Flow) -> list[Agreed]:
        """List the agreements that price a flow."""
        return [one for one in self.agreed if one.agreement.flow is flow]

    def half_hours(self, flow: Flow, tariff: Tariff) -> HalfHours:
        """Lay out the energy of a flow as a tariff counts it, once for each calorific value."""
        key = (flow, tariff.calorific_value_kj_per_m3, tariff.volume_correction_millionths)
        found = self._laid_out.get(key)
        if found is None:
            found = self._laid_out[key] = self.lay_out(self.energy(flow, tariff))
        return found

    def energy(self, flow: Flow, tariff: Tariff) -> list[SlotEnergy]:
        """List the known energy of a flow by slot, as a tariff counts it."""
        used = self.usage.get(flow, {})
        return [
            SlotEnergy(slot, energy_of(self.medium, used[slot].amount, tariff))
            for slot in range(self.start_ms // SLOT_MS, self.end_ms // SLOT_MS)
            if slot in used
        ]

    def lay_out(self, energy: Iterable[SlotEnergy]) -> HalfHours:
        """Lay out energy over the whole span of this supply."""
        return HalfHours.lay_out(energy, self.start_ms, self.end_ms, self.zone)

    def known(self, slots: tuple[int, int]) -> Known:
        """Count what is missing and estimated of what was bought in the slots `[start, end)`."""
        used = self.usage[Flow.IMPORT]
        parts = self.held_of(slots)
        found = [used[slot] for part in parts for slot in range(*part) if slot in used]
        count = sum(end - start for start, end in parts)
        return Known(count - len(found), sum(one.is_estimated for one in found))

    def held_of(self, slots: tuple[int, int]) -> list[tuple[int, int]]:
        """Cut the slots `[start, end)` to the household's tenancies; where in none, to no slot."""
        parts = [(max(low, slots[0]), min(high, slots[1])) for low, high in self.held]
        return [one for one in parts if one[0] < one[1]] or [(slots[0], slots[0])]


def read_supply(
    connection: Connection,
    scope: Scope,
    meter: str,
    span_ms: tuple[int, int],
    zone: ZoneInfo,
) -> Supply:
    """Read a meter's usage and agreements; raises a problem where it has neither.

    Usage is read from the first of the month on: it fills the tiers of tariffs that have them.
    """
    start_ms, end_ms = span_ms
    medium = medium_of_meter(connection, scope, meter)
    if medium is None:
        raise unknown_meter(meter)
    if medium not in PRICED_MEDIA:
        raise BadInputError(f"tariffs price energy; meter {meter!r} measures {medium.value}")
    first_ms = day_start_ms(local_date(start_ms, zone).replace(day=1), zone)
    slots = first_ms // SLOT_MS, -(-end_ms // SLOT_MS)
    agreed = agreed_tariffs(connection, scope, meter, slots)
    if not agreed:
        raise no_tariff(meter)
    usage = known_usage(connection, scope, meter, medium, (first_ms, end_ms))
    names = QUANTITIES[medium]
    by_flow = {flow: usage[name].by_slot for flow, name in zip(Flow, names, strict=False)}
    held = held_slots(spans_of(connection, scope, meter))
    return Supply(meter, medium, zone, first_ms, end_ms, by_flow, agreed, held)


def bill(supply: Supply, slots: tuple[int, int], standing_until: int | None = None) -> Cost:
    """Price the slots `[start, end)` under the agreements that hold, exports taken off.

    Days that begin at the slot `standing_until` or later have no standing charge.
    """

    def half_hours_of(flow: Flow) -> Callable[[Tariff], HalfHours]:
        return lambda tariff: supply.half_hours(flow, tariff)

    return bill_with(supply, slots, half_hours_of, standing_until)


def bill_with(
    supply: Supply,
    slots: tuple[int, int],
    half_hours_of: Callable[[Flow], Callable[[Tariff], HalfHours]],
    standing_until: int | None = None,
) -> Cost:
    """Price slots with other energy than what is known, as a preview does; else as `bill`."""
    costs = [
        price_agreements(
            supply.of_flow(flow), half_hours_of(flow), part, standing_until=standing_until
        )
        for flow in supply.flows()
        for part in supply.held_of(slots)
    ]
    currencies = {cost.currency for cost in costs}
    if len(currencies) > 1:
        raise BadInputError(f"import and export are in {' and '.join(sorted(currencies))}")
    return total(
        costs[0].currency,
        [line for cost in costs for line in cost.lines],
        sum(cost.unpriced_slots for cost in costs),
        sum(cost.unpriced_mwh for cost in costs),
    )
