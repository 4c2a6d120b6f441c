"""Offers: a tariff under its code, with whom it is for and from when to when one can have it. Pure.

Half-hourly prices are kept apart from the tariff, by slot, because they come late and by the day.
"""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from shared.errors import ConfigError
from shared.readings import Medium
from shared.tariffs.checks import MAX_NAME_CHARS, check_tariff
from shared.tariffs.model import Tariff
from shared.tariffs.regions import REGIONS

MAX_CODE_CHARS = 96
CODE_PATTERN = r"[A-Za-z0-9._:+-]+"
"""What stands in a path of the API as it is."""

Payment = Literal["", "direct-debit", "standard-credit", "prepayment"]
PRICED_MEDIA = (Medium.ELECTRICITY, Medium.GAS)


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tariff under its code, and for whom it is; an empty `region` or `payment` is for all.

    A household can switch to it on the local days `[offered_from, offered_to)`; None is unbounded.
    `is_cap` marks the most that may be asked, which nobody can switch to.
    """

    code: str
    medium: Medium
    tariff: Tariff
    supplier: str = ""
    region: str = ""
    payment: Payment = ""
    offered_from: dt.date | None = None
    offered_to: dt.date | None = None
    is_cap: bool = False


class Given(NamedTuple):
    """An offer out of a file, with the price of each slot that the file has one for.

    `replaces_all` tells whether the file is the tariff's whole history, or what holds from its
    first day on.
    """

    offer: Offer
    slot_prices: dict[int, int]
    replaces_all: bool


def checked_offer(offer: Offer) -> Offer:
    """Return the offer with its tariff's versions in order; raises ConfigError naming each fault.

    Every fault begins with the offer's code.
    """
    faults = list(_faults(offer))
    tariff = offer.tariff
    try:
        tariff = check_tariff(offer.tariff, offer.code)
    except ConfigError as error:
        faults += [f"{offer.code[:MAX_CODE_CHARS]}.tariff.{fault}" for fault in error.faults]
    if faults:
        raise ConfigError(offer.code, faults)
    return msgspec.structs.replace(offer, tariff=tariff)


def is_offered(offer: Offer, day: dt.date) -> bool:
    """Tell whether a household could switch to it on a day."""
    begun = offer.offered_from is None or offer.offered_from <= day
    return begun and (offer.offered_to is None or day < offer.offered_to) and not offer.is_cap


def is_for(offer: Offer, region: str, payment: str) -> bool:
    """Tell whether an offer is for a region and a way to pay; an empty one asks for any."""
    return (not region or offer.region in ("", region)) and (
        not payment or offer.payment in ("", payment)
    )


def later_versions(before: Tariff, given: Tariff) -> Tariff:
    """Let a tariff go on as given from the given one's first day, and be as before until then."""
    first = given.versions[0].starts_on
    kept = [one for one in before.versions if one.starts_on < first]
    return msgspec.structs.replace(given, versions=[*kept, *given.versions])


def _faults(offer: Offer) -> Iterator[str]:
    code = offer.code[:MAX_CODE_CHARS]
    if not re.fullmatch(CODE_PATTERN, offer.code) or len(offer.code) > MAX_CODE_CHARS:
        yield f"code = {code!r}: give 1 to {MAX_CODE_CHARS} characters of A-Z a-z 0-9 . _ : + -"
    if offer.region and offer.region not in REGIONS:
        yield f"{code}.region = {offer.region!r}: use one of {', '.join(REGIONS)}, or none"
    if offer.medium not in PRICED_MEDIA:
        yield f"{code}.medium = {offer.medium.value}: tariffs price electricity and gas"
    if max(len(offer.supplier), len(offer.tariff.name)) > MAX_NAME_CHARS:
        yield f"{code}.supplier, tariff.name: at most {MAX_NAME_CHARS} characters each"
    is_dated = offer.offered_from is not None and offer.offered_to is not None
    if is_dated and str(offer.offered_to) <= str(offer.offered_from):
        yield f"{code}.offered_to = {offer.offered_to}: give a day after {offer.offered_from}"
