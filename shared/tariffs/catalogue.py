"""Catalogue files into offers: our own list, a price cap by region, published rates. Pure.

Every file says its `kind`.
"""

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from shared.errors import ConfigError
from shared.tariffs.octopus import RatePage, read_spans, slot_prices
from shared.tariffs.offers import Given, Offer, checked_offer
from shared.tariffs.pricecap import CapFile, cap_offers
from shared.tariffs.published import PublishedFile, read_published

MAX_FILE_BYTES = 32 * 1024 * 1024
"""A year of half-hourly rates as published is 3 MB; a list of a thousand tariffs 2 MB."""

MAX_OFFERS = 5_000
MAX_FAULTS = 50
"""What a person reads of a file that is wrong throughout."""


class CatalogueFile(
    msgspec.Struct, frozen=True, tag="catalogue", tag_field="kind", forbid_unknown_fields=True
):
    """A list of offers, each whole."""

    tariffs: list[Offer]
    source: str = ""


CatalogueDocument = CatalogueFile | CapFile | PublishedFile


def read_offers(payload: bytes, source: str, zone: ZoneInfo, now_ms: int) -> list[Given]:
    """Read the offers of a catalogue file of any kind; raises ConfigError naming every fault."""
    document = decode_document(payload, source)
    if isinstance(document, CatalogueFile):
        given = [Given(one, {}, replaces_all=True) for one in document.tariffs]
    elif isinstance(document, CapFile):
        given = cap_offers(document, source)
    else:
        given = [read_published(document, source, zone, now_ms)]
    faults = [
        f"code = {code!r}: {count} times in one file"
        for code, count in Counter(one.offer.code for one in given).items()
        if count > 1
    ]
    if not 0 < len(given) <= MAX_OFFERS:
        faults.append(f"{len(given)} tariffs: give 1 to {MAX_OFFERS}")
    checked = []
    for one in given[:MAX_OFFERS]:
        try:
            checked.append(one._replace(offer=checked_offer(one.offer)))
        except ConfigError as error:
            faults += error.faults
    if faults:
        more = len(faults) - MAX_FAULTS
        raise ConfigError(source, faults[:MAX_FAULTS] + [f"and {more} more"] * (more > 0))
    return checked


def read_rates(payload: bytes, source: str, payment_method: str) -> dict[int, int]:
    """Read one published page of unit rates into prices by slot; raises ConfigError.

    A rate without an end is left out: half hours have ends.
    """
    page: RatePage = _decode(payload, source, RatePage)
    spans = read_spans([page], source, payment_method)
    return slot_prices([one for one in spans if one.end_ms is not None], 0)


def decode_document(payload: bytes, source: str) -> CatalogueDocument:
    """Decode a catalogue file; raises ConfigError."""
    found: CatalogueDocument = _decode(payload, source, CatalogueDocument)
    return found


def _decode(payload: bytes, source: str, kind: Any) -> Any:
    if len(payload) > MAX_FILE_BYTES:
        raise ConfigError(source, [f"over {MAX_FILE_BYTES} bytes: import it in parts"])
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(source, [str(error)]) from error
