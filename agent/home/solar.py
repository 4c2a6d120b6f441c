"""Export today, what the home made itself, and how much of that it used. Pure."""

from collections.abc import Mapping

import msgspec

from agent.home.inputs import HomeInputs
from agent.home.words import format_energy
from agent.roles import Role
from shared.calendar import day_start_ms, local_date, slot_of_sample, slot_start_ms
from shared.meterdays import SlotUsage, usage_between


class SolarView(msgspec.Struct, frozen=True):
    """Today's energy of a home that exports or generates; None is not known.

    `self_use_mwh` is what was made and not exported: known only where a meter of role generation
    tells what is made, and None where more was exported than made (a battery, or a meter that
    lags).
    """

    exported_mwh: int | None
    generated_mwh: int | None
    self_use_mwh: int | None
    text: str


def view_solar(inputs: HomeInputs) -> SolarView | None:
    """Show today's export and self-use; None in a home that has neither."""
    has_source = bool(inputs.generation_slots) or any(
        meter.role is Role.GENERATION for meter in inputs.meters
    )
    has_export = any(usage.amount for usage in inputs.export_slots.values())
    if not has_source and not has_export:
        return None
    exported = _today(inputs, inputs.export_slots)
    made = _today(inputs, inputs.generation_slots)
    used = None
    if made is not None and exported is not None and made >= exported:
        used = made - exported
    words = [
        f"{word} {format_energy(amount)}"
        for word, amount in (("made", made), ("exported", exported), ("used here", used))
        if amount is not None
    ]
    return SolarView(exported, made, used, ", ".join(words))


def _today(inputs: HomeInputs, slots: Mapping[int, SlotUsage]) -> int | None:
    start_ms = day_start_ms(local_date(inputs.now_ms, inputs.zone), inputs.zone)
    until_ms = slot_start_ms(slot_of_sample(inputs.now_ms) + 1)
    return usage_between(slots, start_ms, until_ms).amount
