"""A believable home for the display's tests: five weeks of half hours, made by arithmetic."""

import dataclasses
import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from agent.home.inputs import HomeInputs, HubState, MeterState
from shared.calendar import slot_of_sample, slot_start_ms, to_local
from shared.meterdays import SlotUsage
from shared.readings import Medium
from shared.tariffs import Band, Flat, Tariff, TariffVersion, TimeOfUse

LONDON = ZoneInfo("Europe/London")
METER = "E0000000000000001"
GAS_METER = "G0000000000000001"
HISTORY_SLOTS = 35 * 48

DAY_SHAPE_W = (
    *(190, 185, 180, 176, 178, 182, 186, 190, 188, 190, 210, 260, 420, 980, 1350, 760),
    *(480, 390, 350, 330, 320, 310, 330, 420, 640, 520, 390, 360, 340, 350, 380, 460),
    *(620, 980, 1640, 2250, 1980, 1420, 1050, 920, 860, 790, 720, 610, 480, 360, 260, 210),
)
"""Mean power of a day's half hours by local time: a quiet night, breakfast, dinner at six."""


def at_ms(text: str) -> int:
    """Turn an ISO instant with an offset into epoch milliseconds."""
    return int(dt.datetime.fromisoformat(text).timestamp()) * 1_000


NOW_MS = at_ms("2026-11-20T18:12:00+00:00")


def flat_tariff(price: int = 245_000, starts: str = "2026-01-01", vat_permille: int = 50) -> Tariff:
    """A flat tariff in pounds with a standing charge."""
    version = TariffVersion(
        "2026", dt.date.fromisoformat(starts), 601_000, vat_permille, Flat(price)
    )
    return Tariff("Standard", "GBP", [version])


def night_tariff() -> Tariff:
    """A tariff with a cheap night."""
    prices = TimeOfUse("day rate", 262_900, [Band("night rate", 30, 330, 88_000)])
    version = TariffVersion("2026", dt.date(2026, 1, 1), 528_700, 50, prices)
    return Tariff("Night Saver", "GBP", [version])


def gas_tariff() -> Tariff:
    """A flat gas tariff."""
    version = TariffVersion("2026", dt.date(2026, 1, 1), 296_000, 50, Flat(61_000))
    return Tariff("Standard gas", "GBP", [version])


def day_slots(
    now_ms: int, zone: ZoneInfo = LONDON, count: int = HISTORY_SLOTS
) -> dict[int, SlotUsage]:
    """Half hours of electricity up to `now_ms`, the running one for its part of the time."""
    running = slot_of_sample(now_ms)
    slots = {}
    for slot in range(running - count + 1, running + 1):
        local = to_local(slot_start_ms(slot), zone)
        power_w = DAY_SHAPE_W[local.hour * 2 + local.minute // 30]
        power_w = power_w * (90 + (slot * 7919) % 23) // 100
        elapsed_ms = min(now_ms - slot_start_ms(slot), 1_800_000)
        slots[slot] = SlotUsage(power_w * elapsed_ms // 3_600, is_estimated=slot == running)
    return slots


def gas_slots(now_ms: int, as_of_ms: int) -> dict[int, SlotUsage]:
    """Two days of gas in litres, up to the gas meter's own reading."""
    return {
        slot: SlotUsage(20 + (slot * 31) % 170, is_estimated=False)
        for slot in range(slot_of_sample(now_ms) - 96, slot_of_sample(as_of_ms) + 1)
    }


def electricity_meter(power_w: int = 1_436, age_ms: int = 900, now_ms: int = NOW_MS) -> MeterState:
    """An electricity meter that was heard just now; a negative power is exported."""
    registers = {"power_import_w": max(power_w, 0), "power_export_w": max(-power_w, 0)}
    return MeterState(METER, Medium.ELECTRICITY, now_ms - age_ms, age_ms, registers)


def gas_meter(as_of_ms: int, now_ms: int = NOW_MS) -> MeterState:
    """A gas meter with its latest capture at `as_of_ms`."""
    return MeterState(GAS_METER, Medium.GAS, as_of_ms, now_ms - as_of_ms, {"gas_l": 4_812_345})


def hub_state(**changes: Any) -> HubState:
    """A hub in good health, with what the test changes."""
    hub = HubState(
        cloud_configured=True,
        cloud_connected=True,
        last_receipt_at_ms=NOW_MS - 240_000,
        backlog_samples=0,
        oldest_unstored_at_ms=None,
        quarantined={},
        held_ranges=0,
        uncommitted_samples=4,
        commit_window_s=60,
        granularity="half-hourly",
    )
    return dataclasses.replace(hub, **changes)


def home_inputs(now_ms: int = NOW_MS, **changes: Any) -> HomeInputs:
    """The home in the evening of a November day, with what the test changes."""
    as_of_ms = now_ms - 12 * 60_000
    inputs = HomeInputs(
        now_ms=now_ms,
        zone=LONDON,
        is_clock_trusted=True,
        clock_source="meter",
        meters=[electricity_meter(now_ms=now_ms), gas_meter(as_of_ms, now_ms)],
        electricity_slots=day_slots(now_ms),
        export_slots={},
        gas_slots=gas_slots(now_ms, as_of_ms),
        tariff=night_tariff(),
        gas_tariff=gas_tariff(),
        hub=hub_state(),
    )
    return dataclasses.replace(inputs, **changes)
