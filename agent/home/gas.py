"""Gas today: cubic metres are the truth, kilowatt-hours derived, and "not yet" is never 0. Pure."""

from typing import Literal

import msgspec

from agent.home.inputs import HomeInputs, MeterState
from agent.home.words import format_clock, format_energy, format_money, format_volume
from shared.calendar import day_of, local_date, slot_of_sample
from shared.meterdays import usage_between
from shared.readings import Medium
from shared.tariffs import DEFAULT_CALORIFIC_VALUE_KJ_PER_M3, SlotEnergy, gas_mwh, price
from shared.units import MS_PER_HOUR, SLOT_MS

STALE_AFTER_MS = 3 * MS_PER_HOUR
"""Gas meters report every five minutes to an hour: three hours is three readings missed."""


class GasView(msgspec.Struct, frozen=True):
    """Gas since local midnight as of the gas meter's own latest reading.

    `age_ms` is that of the gas meter's own reading. `state` is "measured", "not-yet" (no reading of
    today) or "stale" (measured, but long ago).
    """

    state: Literal["measured", "not-yet", "stale"]
    volume_l: int | None
    energy_mwh: int | None
    volume_text: str
    energy_text: str
    cost_text: str
    as_of_ms: int
    as_of_text: str
    note: str
    age_ms: int
    cost_millionths: int | None = None


def view_gas(inputs: HomeInputs) -> GasView | None:
    """Show today's gas; None in a home whose hub has heard no gas meter."""
    meters = [meter for meter in inputs.meters if meter.medium is Medium.GAS]
    if not meters:
        return None
    latest = max(meters, key=lambda meter: meter.taken_at_ms)
    today = day_of(local_date(inputs.now_ms, inputs.zone), inputs.zone)
    until_ms = -(-latest.taken_at_ms // SLOT_MS) * SLOT_MS
    volume_l = None
    if latest.taken_at_ms > today.start_ms:
        volume_l = usage_between(inputs.gas_slots, today.start_ms, until_ms).amount
    clock = format_clock(latest.taken_at_ms, inputs.now_ms, inputs.zone)
    if volume_l is None:
        return GasView(
            state="not-yet",
            volume_l=None,
            energy_mwh=None,
            volume_text="not yet",
            energy_text="",
            cost_text="",
            as_of_ms=latest.taken_at_ms,
            as_of_text=f"last reading {clock}",
            note="The gas meter has not reported today",
            age_ms=inputs.now_ms - latest.taken_at_ms,
        )
    return _measured(inputs, latest, volume_l, clock)


def _measured(inputs: HomeInputs, latest: MeterState, volume_l: int, clock: str) -> GasView:
    tariff = inputs.gas_tariff
    calorific = tariff.calorific_value_kj_per_m3 if tariff else DEFAULT_CALORIFIC_VALUE_KJ_PER_M3
    energy_mwh = gas_mwh(volume_l, calorific)
    age_ms = inputs.now_ms - latest.taken_at_ms
    cost_millionths, cost_text = _price_today(inputs, calorific)
    is_stale = age_ms > STALE_AFTER_MS
    return GasView(
        state="stale" if is_stale else "measured",
        volume_l=volume_l,
        energy_mwh=energy_mwh,
        volume_text=format_volume(volume_l),
        energy_text=format_energy(energy_mwh),
        cost_text=cost_text,
        as_of_ms=latest.taken_at_ms,
        as_of_text=f"as of {clock}",
        note="" if tariff else "kWh by a common calorific value: no gas tariff yet",
        age_ms=age_ms,
        cost_millionths=cost_millionths,
    )


def _price_today(inputs: HomeInputs, calorific_value_kj_per_m3: int) -> tuple[int | None, str]:
    """Price today's gas with its standing charge; "unpriced" where the tariff does not hold."""
    tariff = inputs.gas_tariff
    if tariff is None:
        return None, "no tariff"
    today = day_of(local_date(inputs.now_ms, inputs.zone), inputs.zone)
    energy = [
        SlotEnergy(slot, gas_mwh(usage.amount, calorific_value_kj_per_m3))
        for slot in range(today.start_ms // SLOT_MS, slot_of_sample(inputs.now_ms) + 1)
        if (usage := inputs.gas_slots.get(slot)) is not None
    ]
    cost = price(tariff, energy, today.start_ms, today.end_ms, inputs.zone)
    if not cost.lines or cost.unpriced_slots:
        return None, "unpriced"
    return cost.total_millionths, format_money(cost.total_millionths, cost.currency)
