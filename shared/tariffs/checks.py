"""Tariffs in and out of JSON, checked: every fault is named with its key, value and fix. Pure."""

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from shared.errors import ConfigError
from shared.tariffs.model import (
    MINUTES_PER_DAY,
    MINUTES_PER_SLOT,
    PERMILLE,
    Band,
    Flat,
    HalfHourly,
    Prices,
    Tariff,
    TariffVersion,
    Tiers,
    TimeOfUse,
)
from shared.units import (
    EARLIEST_PLAUSIBLE_MS,
    LATEST_PLAUSIBLE_MS,
    MILLIONTHS_PER_UNIT,
    MS_PER_SECOND,
    SLOT_MS,
)

MAX_TARIFF_BYTES = 8 * 1024
"""An AWS IoT shadow document's limit: every tariff must reach the hub in one."""

MAX_VERSIONS = 64
MAX_BANDS = 16
MAX_TIERS = 8
MAX_HOLIDAYS = 128
"""Eight years of public holidays."""

MAX_TARIFF_SLOTS = 10 * 366 * 48
"""Ten years of half-hourly prices: more than any comparison looks back on."""

MAX_NAME_CHARS = 200
MAX_PRICE_MILLIONTHS = 1_000 * MILLIONTHS_PER_UNIT
"""A thousand pounds for a kilowatt hour or a day is a mistyped unit; prices may be negative."""

MAX_TIER_MWH = 10**15
"""A million MWh a month: no household's."""

CURRENCY_CHARS = 3
CALORIFIC_VALUE_MIN = 10_000
CALORIFIC_VALUE_MAX = 60_000
"""Lean biogas and rich natural gas both lie well inside; a value in MJ or kWh lies outside."""

VOLUME_CORRECTION_MIN = 500_000
VOLUME_CORRECTION_MAX = 2_000_000
"""Metering pressure moves it by per cents; 1.02264 typed as it stands lies outside."""

LEAP_YEAR = 2_000
"""Any with a 29 February: a date of the year may be that day."""


def decode_tariff(
    payload: bytes, source: str = "tariff", max_bytes: int = MAX_TARIFF_BYTES
) -> Tariff:
    """Decode a tariff from JSON and check it; raises ConfigError naming every fault."""
    if len(payload) > max_bytes:
        raise ConfigError(source, [f"{len(payload)} bytes; the limit is {max_bytes}"])
    try:
        tariff = msgspec.json.decode(payload, type=Tariff)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(source, [str(error)]) from error
    return check_tariff(tariff, source)


def encode_tariff(tariff: Tariff) -> bytes:
    """Encode a tariff as JSON, the shape `decode_tariff` reads."""
    return msgspec.json.encode(tariff)


def check_tariff(tariff: Tariff, source: str = "tariff") -> Tariff:
    """Return the tariff, versions in order of date; raises ConfigError naming every fault."""
    faults = list(_tariff_faults(tariff))
    for version in tariff.versions:
        faults += _version_faults(version)
    if faults:
        raise ConfigError(source, faults)
    ordered = sorted(tariff.versions, key=lambda version: version.starts_on)
    return msgspec.structs.replace(tariff, versions=ordered)


def is_currency(code: str) -> bool:
    """Tell whether a text has the form of an ISO 4217 code."""
    return len(code) == CURRENCY_CHARS and code.isascii() and code.isupper() and code.isalpha()


def _tariff_faults(tariff: Tariff) -> Iterator[str]:
    if not is_currency(tariff.currency):
        yield f"currency = {tariff.currency!r}: use an ISO 4217 code such as GBP"
    if not 0 < len(tariff.versions) <= MAX_VERSIONS:
        yield f"versions = {len(tariff.versions)} of them: give 1 to {MAX_VERSIONS}"
    if not CALORIFIC_VALUE_MIN <= tariff.calorific_value_kj_per_m3 <= CALORIFIC_VALUE_MAX:
        yield (
            f"calorific_value_kj_per_m3 = {tariff.calorific_value_kj_per_m3}: "
            "give kilojoules per cubic metre, about 39500"
        )
    correction = tariff.volume_correction_millionths
    if not VOLUME_CORRECTION_MIN <= correction <= VOLUME_CORRECTION_MAX:
        yield f"volume_correction_millionths = {correction}: give millionths, 1.02264 is 1022640"
    starts = [version.starts_on for version in tariff.versions]
    if len(set(starts)) != len(starts):
        yield "versions.starts_on: two versions start on the same day"
    if len({version.version for version in tariff.versions}) != len(tariff.versions):
        yield "versions.version: two versions have the same name"


def _version_faults(version: TariffVersion) -> Iterator[str]:
    where = f"versions[{version.version}]"
    if not 0 <= version.vat_permille <= PERMILLE:
        yield f"{where}.vat_permille = {version.vat_permille}: 5 % is 50"
    if version.ends_on is not None and version.ends_on <= version.starts_on:
        yield f"{where}.ends_on = {version.ends_on}: give a day after {version.starts_on}, or none"
    amounts = [("standing_millionths_per_day", version.standing_millionths_per_day)]
    for key, amount in amounts + list(_prices_of(version.prices)):
        if abs(amount) > MAX_PRICE_MILLIONTHS:
            limit = MAX_PRICE_MILLIONTHS
            yield f"{where}.{key} = {amount}: give millionths of the currency, up to {limit}"
    if isinstance(version.prices, TimeOfUse):
        yield from _time_of_use_faults(version.prices, f"{where}.prices")
    elif isinstance(version.prices, HalfHourly):
        yield from _half_hourly_faults(version.prices, f"{where}.prices")
    elif isinstance(version.prices, Tiers):
        yield from _tiers_faults(version.prices, f"{where}.prices.tiers")


def _prices_of(prices: Prices) -> Iterator[tuple[str, int]]:
    if isinstance(prices, Flat):
        yield "prices.price_millionths_per_kwh", prices.price_millionths_per_kwh
    elif isinstance(prices, TimeOfUse):
        yield "prices.base_price_millionths_per_kwh", prices.base_price_millionths_per_kwh
        for band in prices.bands:
            yield f"prices.bands[{band.name}]", band.price_millionths_per_kwh
    elif isinstance(prices, Tiers):
        for tier in prices.tiers:
            yield f"prices.tiers[{tier.name}]", tier.price_millionths_per_kwh
    else:
        known = [one for one in prices.prices_millionths_per_kwh if one is not None]
        if known:
            yield "prices.prices_millionths_per_kwh", max(known, key=abs)


def _time_of_use_faults(prices: TimeOfUse, where: str) -> Iterator[str]:
    if len(prices.bands) > MAX_BANDS:
        yield f"{where}.bands: {len(prices.bands)}, at most {MAX_BANDS}"
    if len(prices.holidays) > MAX_HOLIDAYS:
        yield f"{where}.holidays: {len(prices.holidays)}, at most {MAX_HOLIDAYS}"
    for band in prices.bands:
        yield from _band_faults(band, f"{where}.bands[{band.name}]")


def _band_faults(band: Band, where: str) -> Iterator[str]:
    minutes = (band.from_minute, band.to_minute)
    if any(not 0 <= one <= MINUTES_PER_DAY or one % MINUTES_PER_SLOT for one in minutes):
        yield f"{where} = {minutes}: give minutes of the local day on half hours, 0 to 1440"
    elif minutes != (0, MINUTES_PER_DAY) and (minutes[0] - minutes[1]) % MINUTES_PER_DAY == 0:
        yield f"{where} = {minutes}: it holds at no time; 0 to 1440 is the whole day"
    if len(set(band.days)) != len(band.days) or not set(band.days) <= set(range(1, 8)):
        yield f"{where}.days = {band.days}: name each weekday once, 1 (Monday) to 7 (Sunday)"
    dates = (band.from_date, band.to_date)
    if any(dates) and not all(map(_is_date_of_year, dates)):
        yield f"{where}.from_date, to_date = {dates}: write both as MM-DD, such as 11-01"
    elif any(dates) and dates[0] == dates[1]:
        yield f"{where}.from_date, to_date = {dates}: it holds at no time; leave both out for ever"


def _is_date_of_year(text: str) -> bool:
    if len(text) != len("MM-DD"):
        return False
    try:
        return f"{dt.date.fromisoformat(f'{LEAP_YEAR}-{text}'):%m-%d}" == text
    except ValueError:
        return False


def _half_hourly_faults(prices: HalfHourly, where: str) -> Iterator[str]:
    count = len(prices.prices_millionths_per_kwh)
    if count > MAX_TARIFF_SLOTS:
        yield f"{where}.prices_millionths_per_kwh: {count}, at most {MAX_TARIFF_SLOTS}"
    if prices.starts_at.tzinfo is None:
        yield f"{where}.starts_at = {prices.starts_at}: give its offset, such as Z"
        return
    at_s = prices.starts_at.timestamp()
    is_plausible = EARLIEST_PLAUSIBLE_MS <= at_s * MS_PER_SECOND < LATEST_PLAUSIBLE_MS
    if not is_plausible or at_s * MS_PER_SECOND % SLOT_MS:
        yield f"{where}.starts_at = {prices.starts_at}: give a half hour of this century"


def _tiers_faults(prices: Tiers, where: str) -> Iterator[str]:
    limits = [tier.up_to_mwh for tier in prices.tiers]
    if not 0 < len(limits) <= MAX_TIERS:
        yield f"{where}: {len(limits)} of them, give 1 to {MAX_TIERS}"
        return
    ended = [limit for limit in limits[:-1] if limit is not None]
    if limits[-1] is not None or len(ended) != len(limits) - 1:
        yield f"{where}.up_to_mwh = {limits}: the last has none, and each before it has one"
        return
    rising = [0, *ended]
    if any(low >= high for low, high in pairwise(rising)):
        yield f"{where}.up_to_mwh = {limits}: each must be above the one before it"
    elif rising[-1] > MAX_TIER_MWH:
        yield f"{where}.up_to_mwh = {limits}: give mWh, 100 kWh is 100000000"
