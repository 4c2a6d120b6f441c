"""A home that is made up, for previews: what a screen shows on an ordinary and on a bad evening.

Owns nothing that is measured; the figures go through the same model as a real home's.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from agent.home.inputs import HomeInputs, HubState, Message, MeterState
from agent.home.shown import Shown, build_shown
from shared.calendar import slot_of_sample, slot_start_ms, to_local
from shared.meterdays import SlotUsage
from shared.readings import Medium
from shared.tariffs import Band, Flat, Tariff, TariffVersion, TimeOfUse
from shared.units import MS_PER_HOUR, MS_PER_MINUTE, SLOT_MS

ZONE = ZoneInfo("Europe/London")
NOW_MS = 1_795_199_520_000
"""An evening in November: 2026-11-20, 18:32 in London."""

HISTORY_SLOTS = 20 * 48
POWER_W = (180, 170, 170, 180, 190, 260, 900, 1_600, 480, 340, 320, 350, 520, 430, 350, 360,
           700, 2_300, 2_700, 1_950, 880, 760, 520, 260)  # fmt: skip
"""Mean power of each hour of a day."""

_METER, _GAS = "SAMPLE-ELECTRICITY", "SAMPLE-GAS"


def sample_states() -> dict[str, Callable[[], Shown]]:
    """List what can be previewed, by name."""
    return {
        "evening": lambda: build_shown(_evening()),
        "stale": lambda: build_shown(_stale()),
        "empty": lambda: build_shown(_empty()),
        "export": lambda: build_shown(_export()),
        "message": lambda: build_shown(_message()),
    }


def _evening() -> HomeInputs:
    """An ordinary evening, a little ahead of the month's budget."""
    as_of_ms = NOW_MS - 12 * MS_PER_MINUTE
    gas_version = TariffVersion("sample", date(2026, 1, 1), 296_000, 50, Flat(61_000))
    return HomeInputs(
        now_ms=NOW_MS,
        zone=ZONE,
        is_clock_trusted=True,
        clock_source="ntp",
        meters=[_electricity(1_436, 900), MeterState(_GAS, Medium.GAS, as_of_ms, 0, {})],
        electricity_slots=_slots(),
        export_slots={},
        gas_slots={
            slot: SlotUsage(20 + slot * 31 % 170, is_estimated=False)
            for slot in range(slot_of_sample(NOW_MS) - 60, slot_of_sample(as_of_ms) + 1)
        },
        tariff=_tariff(),
        gas_tariff=Tariff("Sample gas", "GBP", [gas_version]),
        hub=_hub(),
        budget_millionths=135_000_000,
    )


def _stale() -> HomeInputs:
    """The meter has been silent for a while, and the gas meter for longer."""
    evening = _evening()
    silent_ms = 12 * MS_PER_MINUTE
    gas = MeterState(_GAS, Medium.GAS, NOW_MS - 4 * MS_PER_HOUR, 0, {})
    return replace(evening, meters=[_electricity(1_436, silent_ms), gas], budget_millionths=None)


def _empty() -> HomeInputs:
    """A hub that was just plugged in: no meter, no tariff, no history, no time."""
    return replace(
        _evening(),
        is_clock_trusted=False,
        meters=[],
        electricity_slots={},
        gas_slots={},
        tariff=None,
        gas_tariff=None,
        budget_millionths=None,
    )


def _export() -> HomeInputs:
    """The sun shines more than the home needs."""
    exported = {slot_of_sample(NOW_MS) - 9: SlotUsage(1_400_000, is_estimated=False)}
    meters = [_electricity(-2_310, 900)]
    return replace(_evening(), meters=meters, export_slots=exported, budget_millionths=None)


def _message() -> HomeInputs:
    """The supplier has something to say, and much is used."""
    words = "We are working in your street: your power will be off on 3 December from 9:00 to 12:00"
    evening = replace(_evening(), meters=[_electricity(6_850, 900)], budget_millionths=40_000_000)
    return replace(evening, messages=[Message(1, words, NOW_MS)])


def _electricity(power_w: int, age_ms: int) -> MeterState:
    registers = {"power_import_w": max(power_w, 0), "power_export_w": max(-power_w, 0)}
    return MeterState(_METER, Medium.ELECTRICITY, NOW_MS - age_ms, age_ms, registers)


def _slots() -> dict[int, SlotUsage]:
    """Half hours up to now, the running one for its part of the time."""
    running = slot_of_sample(NOW_MS)
    slots = {}
    for slot in range(running - HISTORY_SLOTS + 1, running + 1):
        power_w = (
            POWER_W[to_local(slot_start_ms(slot), ZONE).hour] * (90 + slot * 7_919 % 23) // 100
        )
        elapsed_ms = min(NOW_MS - slot_start_ms(slot), SLOT_MS)
        slots[slot] = SlotUsage(power_w * elapsed_ms // 3_600, is_estimated=slot == running)
    return slots


def _tariff() -> Tariff:
    prices = TimeOfUse("day rate", 262_900, [Band("night rate", 30, 330, 88_000)])
    version = TariffVersion("sample", date(2026, 1, 1), 528_700, 50, prices)
    return Tariff("Sample", "GBP", [version])


def _hub() -> HubState:
    return HubState(
        cloud_configured=False,
        cloud_connected=False,
        last_receipt_at_ms=None,
        backlog_samples=0,
        oldest_unstored_at_ms=None,
        quarantined={},
        held_ranges=0,
        uncommitted_samples=0,
        commit_window_s=60,
        granularity="none",
    )
