"""The one tariff a hub prices by: what was agreed, cut to what it needs now. Pure.

A hub has one small tariff a meter, without a catalogue: versions that hold today or are known to
come, and half-hourly prices of 48 hours from today's local midnight.
"""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from shared.calendar import day_start_ms, local_date
from shared.tariffs.agreements import Agreed, clip
from shared.tariffs.model import Flow, HalfHourly, Tariff, TariffVersion
from shared.units import MS_PER_SECOND, SLOT_MS

HUB_SLOTS = 96
"""48 hours: all that is published a day ahead, in under a kilobyte."""

HUB_VERSIONS = 12
"""What holds and three years of quarters to come."""


def excerpt(agreed: Sequence[Agreed], now_ms: int, zone: ZoneInfo) -> Tariff | None:
    """Join the versions agreed for import from today on; None where there is none.

    A tariff in another currency than today's is left out: a hub shows one.
    """
    today = local_date(now_ms, zone)
    bought = [one for one in agreed if one.agreement.flow is Flow.IMPORT]
    coming = [
        (one, clip(one.tariff, max(one.agreement.starts_on, today), one.agreement.ends_on))
        for one in sorted(bought, key=lambda one: one.agreement.starts_on)
        if one.agreement.ends_on is None or today < one.agreement.ends_on
    ]
    coming = [(one, tariff) for one, tariff in coming if tariff.versions]
    if not coming:
        return None
    first = coming[0][1]
    first_slot = day_start_ms(today, zone) // SLOT_MS
    versions: list[TariffVersion] = []
    for one, tariff in coming:
        if tariff.currency == first.currency:
            named = _named(tariff.versions, one.agreement.tariff_code, len(coming) > 1)
            versions += [_cut(version, first_slot) for version in named]
    return msgspec.structs.replace(first, versions=versions[:HUB_VERSIONS])


def _named(versions: list[TariffVersion], code: str, is_one_of_many: bool) -> list[TariffVersion]:
    """Tell versions of several tariffs apart by their codes."""
    if not is_one_of_many or not code:
        return versions
    return [
        msgspec.structs.replace(version, version=f"{code} {version.version}")
        for version in versions
    ]


def _cut(version: TariffVersion, first_slot: int) -> TariffVersion:
    if not isinstance(version.prices, HalfHourly):
        return version
    start = first_slot - version.prices.first_slot
    known = version.prices.prices_millionths_per_kwh[max(start, 0) : max(start + HUB_SLOTS, 0)]
    prices: list[int | None] = [None] * min(max(-start, 0), HUB_SLOTS)
    prices += known
    at = dt.datetime.fromtimestamp(first_slot * SLOT_MS // MS_PER_SECOND, tz=dt.UTC)
    return msgspec.structs.replace(version, prices=HalfHourly(at, prices[:HUB_SLOTS]))
