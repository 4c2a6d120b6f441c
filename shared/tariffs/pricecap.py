"""The price cap by region: dated periods of the most that may be asked, as offers. Pure."""

import datetime as dt
from collections.abc import Iterator

import msgspec

from shared.errors import ConfigError
from shared.readings import Medium
from shared.tariffs.model import Flat, Tariff, TariffVersion
from shared.tariffs.offers import Given, Offer, Payment
from shared.tariffs.regions import REGIONS


class CapRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that may be asked in one region of those who pay in one way, without VAT."""

    region: str
    medium: Medium
    payment: Payment
    standing_millionths_per_day: int
    price_millionths_per_kwh: int


class CapPeriod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cap of the local days `[starts_on, ends_on)`."""

    starts_on: dt.date
    ends_on: dt.date
    rates: list[CapRate]
    vat_permille: int = 50


class CapFile(
    msgspec.Struct, frozen=True, tag="price-cap", tag_field="kind", forbid_unknown_fields=True
):
    """The price cap by period and region."""

    periods: list[CapPeriod]
    currency: str = "GBP"
    source: str = ""


def cap_code(medium: Medium, region: str, payment: str) -> str:
    """Spell the code under which the catalogue has a region's cap."""
    return f"cap-{medium.value}-{payment}-{region}"


def cap_offers(document: CapFile, source: str) -> list[Given]:
    """Make an offer of each region, medium and way to pay, a version for each period.

    Raises ConfigError for a rate that is there twice or of no region.
    """
    faults = list(_faults(document))
    if faults:
        raise ConfigError(source, faults)
    versions: dict[tuple[Medium, str, Payment], list[TariffVersion]] = {}
    for period in document.periods:
        for rate in period.rates:
            version = TariffVersion(
                version=f"cap {period.starts_on}",
                starts_on=period.starts_on,
                standing_millionths_per_day=rate.standing_millionths_per_day,
                vat_permille=period.vat_permille,
                prices=Flat(rate.price_millionths_per_kwh),
                ends_on=period.ends_on,
            )
            versions.setdefault((rate.medium, rate.region, rate.payment), []).append(version)
    return [
        Given(
            Offer(
                code=cap_code(medium, region, payment),
                medium=medium,
                tariff=Tariff(
                    f"Price cap, {REGIONS[region]}, {payment}",
                    document.currency,
                    sorted(found, key=lambda one: one.starts_on),
                ),
                supplier="price cap",
                region=region,
                payment=payment,
                is_cap=True,
            ),
            {},
            replaces_all=False,
        )
        for (medium, region, payment), found in sorted(versions.items())
    ]


def _faults(document: CapFile) -> Iterator[str]:
    for period in document.periods:
        where = f"periods[{period.starts_on}]"
        seen = set()
        for rate in period.rates:
            key = (rate.medium, rate.region, rate.payment)
            named = f"{where}.rates[{rate.region}, {rate.medium.value}, {rate.payment}]"
            if rate.region not in REGIONS:
                yield f"{named}.region: use one of {', '.join(REGIONS)}"
            if not rate.payment:
                yield f"{named}.payment: name the way to pay, such as direct-debit"
            if key in seen:
                yield f"{named}: twice in one period"
            seen.add(key)
