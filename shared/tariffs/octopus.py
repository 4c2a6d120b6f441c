"""Octopus Energy's published rates (and whoever publishes in that shape) into a tariff. Pure.

A page of rates is `{"results": [{"value_exc_vat", "value_inc_vat", "valid_from", "valid_to",
"payment_method"}]}`: pence a kWh, or a day of standing charge, newest first, an open end as null.
Prices without VAT are taken, to four decimals of a penny; VAT is the one rate that explains the
prices with it.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from shared.calendar import day_start_ms, local_date
from shared.errors import ConfigError
from shared.tariffs.checks import MAX_PRICE_MILLIONTHS, MAX_TARIFF_SLOTS
from shared.tariffs.model import PERMILLE
from shared.units import (
    EARLIEST_PLAUSIBLE_MS,
    LATEST_PLAUSIBLE_MS,
    MS_PER_SECOND,
    SLOT_MS,
)

MAX_RATES = MAX_TARIFF_SLOTS
MAX_FAULTS = 20
"""A file that is wrong throughout is not listed row by row."""

MILLIONTHS_PER_PENNY = Decimal(10_000)
VAT_STEP_PERMILLE = 5
"""British rates of VAT are 5 % and 20 %; others are whole or half per cents."""

VAT_TOLERANCE_MILLIONTHS = 2
"""Published prices with VAT are rounded to four decimals of a penny, or carry a float's noise."""


class PublishedRate(msgspec.Struct, frozen=True):
    """One row as published; other keys are passed over."""

    value_exc_vat: Decimal
    value_inc_vat: Decimal
    valid_from: dt.datetime
    valid_to: dt.datetime | None = None
    payment_method: str | None = None


class RatePage(msgspec.Struct, frozen=True):
    """One answer, as published; `next` names a page that is not in it."""

    results: list[PublishedRate]
    next: str | None = None


class Span(NamedTuple):
    """A price for `[start_ms, end_ms)`; `end_ms` is None where it has no end yet."""

    start_ms: int
    end_ms: int | None
    price_millionths: int
    with_vat_millionths: int


def read_spans(pages: Sequence[RatePage], where: str, payment: str) -> list[Span]:
    """Put the rows of one payment method in order of time; raises ConfigError naming every fault.

    Rows that name no payment method are for all. Rows that repeat each other count once; rows that
    contradict each other are a fault.
    """
    rows = [row for page in pages for row in page.results]
    if len(rows) > MAX_RATES:
        raise ConfigError(where, [f"results: {len(rows)} rows, at most {MAX_RATES}"])
    faults: list[str] = []
    spans: set[Span] = set()
    for row in rows:
        if row.payment_method in (None, payment):
            try:
                spans.add(_span(row))
            except ValueError as error:
                faults.append(f"results[valid_from={row.valid_from.isoformat()}]: {error}")
    ordered = sorted(spans, key=lambda one: (one.start_ms, one.end_ms or LATEST_PLAUSIBLE_MS))
    faults += _overlaps(ordered)
    if faults:
        more = len(faults) - MAX_FAULTS
        listed = faults[:MAX_FAULTS] + ([f"and {more} more"] if more > 0 else [])
        raise ConfigError(where, listed)
    return ordered


def vat_permille_of(spans: Sequence[Span], where: str) -> int:
    """Find the one rate of VAT that explains every price with it; raises ConfigError if none."""
    if not spans:
        return 0
    by_size = max(spans, key=lambda one: abs(one.price_millionths))
    if by_size.price_millionths == 0:
        return 0
    net, gross = by_size.price_millionths, by_size.with_vat_millionths
    permille = round(Decimal(gross - net) * PERMILLE / net / VAT_STEP_PERMILLE) * VAT_STEP_PERMILLE
    for one in spans:
        # Within the tolerance, in millionths × permille.
        miss = one.price_millionths * (PERMILLE + permille) - one.with_vat_millionths * PERMILLE
        if abs(miss) > VAT_TOLERANCE_MILLIONTHS * PERMILLE or not 0 <= permille <= PERMILLE:
            at = dt.datetime.fromtimestamp(one.start_ms // MS_PER_SECOND, tz=dt.UTC)
            fault = (
                f"results[valid_from={at.isoformat()}].value_inc_vat: VAT of "
                f"{permille / 10:g} % does not explain it; give one rate of VAT a file"
            )
            raise ConfigError(where, [fault])
    return permille


def slot_prices(spans: Sequence[Span], end_ms: int) -> dict[int, int]:
    """Spread spans over their slots; one without an end reaches until before `end_ms`."""
    return {
        slot: one.price_millionths
        for one in spans
        for slot in range(one.start_ms // SLOT_MS, (one.end_ms or end_ms) // SLOT_MS)
    }


def are_whole_days(spans: Sequence[Span], zone: ZoneInfo) -> bool:
    """Tell whether every span begins and ends at a local midnight."""
    return all(
        day_start_ms(local_date(at_ms, zone), zone) == at_ms
        for one in spans
        for at_ms in (one.start_ms, one.end_ms)
        if at_ms is not None
    )


def _span(row: PublishedRate) -> Span:
    start_ms = _half_hour_ms(row.valid_from, "valid_from")
    end_ms = None if row.valid_to is None else _half_hour_ms(row.valid_to, "valid_to")
    if end_ms is not None and end_ms <= start_ms:
        raise ValueError(f"valid_to = {row.valid_to}: give a time after valid_from, or null")
    return Span(
        start_ms,
        end_ms,
        _millionths(row.value_exc_vat, "value_exc_vat"),
        _millionths(row.value_inc_vat, "value_inc_vat"),
    )


def _half_hour_ms(at: dt.datetime, key: str) -> int:
    if at.tzinfo is None:
        raise ValueError(f"{key} = {at}: give its offset, such as Z")
    at_ms = int(at.timestamp() * MS_PER_SECOND)
    if at_ms % SLOT_MS or not EARLIEST_PLAUSIBLE_MS <= at_ms < LATEST_PLAUSIBLE_MS:
        raise ValueError(f"{key} = {at}: give a half hour of this century")
    return at_ms


def _millionths(pence: Decimal, key: str) -> int:
    """Turn pence into millionths of a pound, half-even; more than four decimals are a float's."""
    try:
        exact = (pence * MILLIONTHS_PER_PENNY).quantize(Decimal(1), ROUND_HALF_EVEN)
        is_plausible = abs(exact) <= MAX_PRICE_MILLIONTHS
    except InvalidOperation as error:
        raise ValueError(f"{key} = {pence}: give pence as a number") from error
    if not is_plausible:
        raise ValueError(f"{key} = {pence}: give pence, at most a thousand pounds")
    return int(exact)


def _overlaps(spans: Sequence[Span]) -> Iterator[str]:
    for one, following in pairwise(spans):
        if one.end_ms is None or one.end_ms > following.start_ms:
            at = dt.datetime.fromtimestamp(following.start_ms // MS_PER_SECOND, tz=dt.UTC)
            yield f"results[valid_from={at.isoformat()}]: another price holds then too"
