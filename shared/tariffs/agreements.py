"""Agreements: which tariff a household has for a meter, from one local day until another. Pure.

A period over several agreements is the sum of a bill for each: VAT is taken within each, as each
supplier takes it. What no agreement covers is unpriced.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from shared.errors import BadInputError, ConfigError
from shared.tariffs.bill import Cost, Line, price_half_hours, total
from shared.tariffs.checks import MAX_TARIFF_BYTES
from shared.tariffs.halfhours import HalfHours, LocalDays
from shared.tariffs.model import Flow, Tariff
from shared.tariffs.offers import MAX_CODE_CHARS
from shared.tariffs.prepayment import Prepayment, terms_faults

MAX_AGREEMENTS = 64
"""As many as a tariff has versions: more is no household's history."""


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tariff by its code in the catalogue; the code "" is the meter's own tariff.

    It holds from the local day `starts_on` until before `ends_on`, for ever where that is None.
    """

    starts_on: dt.date
    tariff_code: str = ""
    ends_on: dt.date | None = None
    flow: Flow = Flow.IMPORT
    prepayment: Prepayment | None = None


def decode_agreements(payload: bytes, source: str = "agreements") -> list[Agreement]:
    """Decode a meter's agreements from a JSON list; raises ConfigError naming every fault.

    They come back in order of their first day.
    """
    if len(payload) > MAX_TARIFF_BYTES:
        raise ConfigError(source, [f"{len(payload)} bytes; the limit is {MAX_TARIFF_BYTES}"])
    try:
        agreements = msgspec.json.decode(payload, type=list[Agreement])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(source, [str(error)]) from error
    faults = []
    if len(agreements) > MAX_AGREEMENTS:
        raise ConfigError(source, [f"{len(agreements)} of them, at most {MAX_AGREEMENTS}"])
    for number, one in enumerate(agreements):
        faults += [f"[{number}].{fault}" for fault in _faults(one)]
        for other in agreements[:number]:
            if overlaps(one, other):
                fix = "end one before the other starts"
                faults.append(f"[{number}]: overlaps the one from {other.starts_on}: {fix}")
    if faults:
        raise ConfigError(source, faults)
    return sorted(agreements, key=lambda one: (one.flow, one.starts_on))


def _faults(agreement: Agreement) -> list[str]:
    faults = [] if agreement.prepayment is None else terms_faults(agreement.prepayment)
    if agreement.ends_on is not None and agreement.ends_on <= agreement.starts_on:
        faults.append(f"ends_on = {agreement.ends_on}: give a day after {agreement.starts_on}")
    if len(agreement.tariff_code) > MAX_CODE_CHARS:
        faults.append(f"tariff_code: at most {MAX_CODE_CHARS} characters")
    return faults


class Agreed(NamedTuple):
    """An agreement with the tariff that its code names."""

    agreement: Agreement
    tariff: Tariff


def overlaps(one: Agreement, other: Agreement) -> bool:
    """Tell whether two agreements of one meter price the same energy on a day."""
    if one.flow is not other.flow:
        return False
    one_before = one.ends_on is not None and one.ends_on <= other.starts_on
    other_before = other.ends_on is not None and other.ends_on <= one.starts_on
    return not (one_before or other_before)


def price_agreements(
    agreed: Sequence[Agreed],
    half_hours_under: Callable[[Tariff], HalfHours],
    slots: tuple[int, int],
    currency: str = "",
    standing_until: int | None = None,
) -> Cost:
    """Price the slots `[start, end)` by the agreements that hold, which do not overlap.

    `half_hours_under` gives the energy as a tariff counts it: gas has the calorific value of each.
    Raises BadInputError where they are in different currencies; `currency` stands where none holds.
    Days that begin at the slot `standing_until` or later have no standing charge.
    """
    lines: list[Line] = []
    unpriced_slots = unpriced_mwh = 0
    place, end = slots
    held = []
    for agreement, tariff in sorted(agreed, key=lambda one: one.agreement.starts_on):
        half_hours = half_hours_under(tariff)
        low, high = slots_of(agreement, half_hours.days, slots)
        if low >= high:
            continue
        held.append(tariff)
        count, energy_mwh = _known(half_hours, place, low)
        code = agreement.tariff_code
        clipped = clip(tariff, agreement.starts_on, agreement.ends_on)
        standing = low, high if standing_until is None else max(low, min(high, standing_until))
        cost = price_half_hours(clipped, half_hours, (low, high), standing, code)
        lines += cost.lines
        unpriced_slots += count + cost.unpriced_slots
        unpriced_mwh += energy_mwh + cost.unpriced_mwh
        place = high
    by = held[-1] if held else (agreed[0].tariff if agreed else None)
    if by is not None:
        count, energy_mwh = _known(half_hours_under(by), place, end)
        unpriced_slots, unpriced_mwh = unpriced_slots + count, unpriced_mwh + energy_mwh
        currency = by.currency
    _check_currencies(held)
    return total(currency, lines, unpriced_slots, unpriced_mwh)


def clip(tariff: Tariff, starts_on: dt.date, ends_on: dt.date | None) -> Tariff:
    """Cut a tariff to the days `[starts_on, ends_on)`; versions that hold on none are left out."""
    kept = []
    for number, version in enumerate(tariff.versions):
        following = tariff.versions[number + 1 : number + 2]
        ends = [one.starts_on for one in following]
        ends += [day for day in (version.ends_on, ends_on) if day is not None]
        end = min(ends, default=None)
        start = max(version.starts_on, starts_on)
        if end is None or start < end:
            kept.append(msgspec.structs.replace(version, starts_on=start, ends_on=end))
    return msgspec.structs.replace(tariff, versions=kept)


def slots_of(agreement: Agreement, days: LocalDays, slots: tuple[int, int]) -> tuple[int, int]:
    """Give the slots of a span in which an agreement holds."""
    low = max(slots[0], days.slot_of(agreement.starts_on))
    high = slots[1]
    if agreement.ends_on is not None:
        high = min(high, days.slot_of(agreement.ends_on))
    return low, high


def _known(half_hours: HalfHours, start: int, end: int) -> tuple[int, int]:
    """Count the slots of `[start, end)` whose energy is known, and add it up."""
    found = list(half_hours.within(start, end))
    return sum(high - low for _, low, high in found), half_hours.energy_mwh(start, end)


def _check_currencies(tariffs: Sequence[Tariff]) -> None:
    currencies = sorted({tariff.currency for tariff in tariffs})
    if len(currencies) > 1:
        raise BadInputError(
            f"the agreements of this period are in {' and '.join(currencies)}",
            hint="ask for a period within one currency",
        )
