"""A tariff out of published rates: unit rates and standing charges, page by page. Pure.

Rates that change at local midnights, seldom enough, become dated versions; all others become
half-hourly prices. Day and night rates become two bands.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from shared.calendar import day_of, local_date
from shared.errors import ConfigError
from shared.readings import Medium
from shared.tariffs.checks import MAX_VERSIONS
from shared.tariffs.model import (
    Band,
    Flat,
    Flow,
    HalfHourly,
    Prices,
    Tariff,
    TariffVersion,
    TimeOfUse,
)
from shared.tariffs.octopus import (
    RatePage,
    Span,
    are_whole_days,
    read_spans,
    slot_prices,
    vat_permille_of,
)
from shared.tariffs.offers import Given, Offer, Payment
from shared.units import MS_PER_DAY

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NIGHT_NAME = "night"
DAY_NAME = "day"


class PublishedFile(
    msgspec.Struct, frozen=True, tag="published-rates", tag_field="kind", forbid_unknown_fields=True
):
    """Rates as published, page by page, with what the pages do not say.

    With day and night rates, `night_from_minute` and `night_to_minute` say when the night is.
    """

    code: str
    name: str
    standing_charges: list[RatePage]
    standard_unit_rates: list[RatePage] = []
    day_unit_rates: list[RatePage] = []
    night_unit_rates: list[RatePage] = []
    night_from_minute: int = 30
    night_to_minute: int = 450
    medium: Medium = Medium.ELECTRICITY
    flow: Flow = Flow.IMPORT
    supplier: str = ""
    region: str = ""
    payment: Payment = ""
    payment_method: str = "DIRECT_DEBIT"
    offered_from: dt.date | None = None
    offered_to: dt.date | None = None


class Rates(NamedTuple):
    """A file's rates in order of time: by the unit of each price, and by the day."""

    unit: list[Span]
    night: list[Span]
    standing: list[Span]
    vat_permille: int


def read_published(document: PublishedFile, source: str, zone: ZoneInfo, now_ms: int) -> Given:
    """Make an offer of published rates; raises ConfigError naming what cannot be read.

    A half-hourly rate without an end reaches until the end of tomorrow.
    """
    rates = _read_rates(document, source, zone)
    dated = [] if not rates.night else rates.night
    changes = _changes([*rates.unit, *dated, *rates.standing], zone)
    is_dated = are_whole_days([*rates.unit, *dated], zone) and len(changes) <= MAX_VERSIONS
    prices_of_slots: dict[int, int] = {}
    if not is_dated:
        if rates.night:
            raise ConfigError(source, ["night_unit_rates: they change within a day"])
        tomorrow = day_of(local_date(now_ms + MS_PER_DAY, zone), zone)
        prices_of_slots = slot_prices(rates.unit, tomorrow.end_ms)
        changes = _changes(rates.standing, zone)
    versions = _versions(document, rates, changes, zone, is_dated=is_dated)
    if not versions:
        raise ConfigError(source, ["standing_charges: none holds while a unit rate does"])
    offer = Offer(
        code=document.code,
        medium=document.medium,
        tariff=Tariff(document.name, "GBP", versions, flow=document.flow),
        supplier=document.supplier,
        region=document.region,
        payment=document.payment,
        offered_from=document.offered_from,
        offered_to=document.offered_to,
    )
    return Given(offer, prices_of_slots, replaces_all=False)


def _read_rates(document: PublishedFile, source: str, zone: ZoneInfo) -> Rates:
    def spans(pages: Sequence[RatePage], key: str) -> list[Span]:
        return read_spans(pages, f"{source}: {key}", document.payment_method)

    is_two_rate = bool(document.day_unit_rates or document.night_unit_rates)
    if is_two_rate == bool(document.standard_unit_rates):
        raise ConfigError(
            source, ["give standard_unit_rates, or day_unit_rates and night_unit_rates"]
        )
    unit = spans(document.standard_unit_rates or document.day_unit_rates, "unit_rates")
    night = spans(document.night_unit_rates, "night_unit_rates")
    standing = spans(document.standing_charges, "standing_charges")
    if not unit or not standing or (is_two_rate and not night):
        raise ConfigError(
            source, [f"no rates for payment_method {document.payment_method!r} or for all"]
        )
    if not are_whole_days(standing, zone):
        raise ConfigError(
            source, [f"standing_charges: they change within a day of {zone.key}; check the zone"]
        )
    return Rates(unit, night, standing, vat_permille_of([*unit, *night, *standing], source))


def _changes(spans: Sequence[Span], zone: ZoneInfo) -> list[dt.date]:
    """List the local days on which a price begins or ends, in order."""
    times_ms = {one.start_ms for one in spans} | {one.end_ms for one in spans} - {None}
    return sorted({local_date(at_ms, zone) for at_ms in times_ms if at_ms is not None})


def _versions(
    document: PublishedFile,
    rates: Rates,
    changes: Sequence[dt.date],
    zone: ZoneInfo,
    *,
    is_dated: bool,
) -> list[TariffVersion]:
    """Make a version for each stretch between changes in which every price is known."""
    versions = []
    for number, day in enumerate(changes):
        at_ms = day_of(day, zone).start_ms
        standing = _holding(rates.standing, at_ms)
        prices = _prices(document, rates, at_ms) if is_dated else _to_come(rates.unit)
        if standing is None or prices is None:
            continue
        following = changes[number + 1] if number + 1 < len(changes) else None
        versions.append(
            TariffVersion(
                version=day.isoformat(),
                starts_on=day,
                standing_millionths_per_day=standing,
                vat_permille=rates.vat_permille,
                prices=prices,
                ends_on=following,
            )
        )
    return versions


def _prices(document: PublishedFile, rates: Rates, at_ms: int) -> Prices | None:
    unit = _holding(rates.unit, at_ms)
    if unit is None or not rates.night:
        return None if unit is None else Flat(unit)
    night = _holding(rates.night, at_ms)
    if night is None:
        return None
    band = Band(NIGHT_NAME, document.night_from_minute, document.night_to_minute, night)
    return TimeOfUse(DAY_NAME, unit, [band])


def _to_come(unit: Sequence[Span]) -> HalfHourly:
    """Stand for half-hourly prices that are kept by slot, beside the tariff."""
    return HalfHourly(EPOCH + dt.timedelta(milliseconds=unit[0].start_ms), [])


def _holding(spans: Sequence[Span], at_ms: int) -> int | None:
    for one in spans:
        if one.start_ms <= at_ms and (one.end_ms is None or at_ms < one.end_ms):
            return one.price_millionths
    return None
