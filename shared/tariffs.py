"""Tariffs and what energy costs under them: the same on the hub and in the cloud. Pure and exact.

Money is in millionths of the currency. A bill is a list of lines that sum exactly: each line is
rounded half-even to a millionth from an exact numerator, VAT is taken on the net total, and only
the printed total is rounded to the penny, half up. A slot without a price is counted as unpriced,
never charged as 0. Every line names the tariff version it was priced by.
"""

import datetime as dt
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from shared.calendar import days_between, slot_start_ms, to_local
from shared.errors import ConfigError
from shared.readings import Medium
from shared.units import MILLIONTHS_PER_UNIT, MWH_PER_KWH, round_half_even, round_half_up

MAX_TARIFF_BYTES = 8 * 1024
"""An AWS IoT shadow document's limit: every tariff must reach the hub in one."""

MAX_VERSIONS = 64
MAX_BANDS = 16
MAX_PRICE_MILLIONTHS = 1_000 * MILLIONTHS_PER_UNIT
"""A thousand pounds for a kilowatt hour or a day is a mistyped unit; prices may be negative."""

MINUTES_PER_DAY = 1_440
MINUTES_PER_SLOT = 30
CURRENCY_CHARS = 3
MINOR_PER_UNIT = 100
"""Pennies in a pound, cents in a euro."""

PERMILLE = 1_000

VOLUME_CORRECTION_MILLIONTHS = 1_022_640
"""Temperature and pressure correction of gas volume used on British bills: 1.02264."""

DEFAULT_CALORIFIC_VALUE_KJ_PER_M3 = 39_500
"""A common British value; the supplier's own belongs in the tariff."""

CALORIFIC_VALUE_MIN = 10_000
CALORIFIC_VALUE_MAX = 60_000
"""Lean biogas and rich natural gas both lie well inside; a value in MJ or kWh lies outside."""


class Flat(msgspec.Struct, frozen=True, tag="flat", tag_field="kind", forbid_unknown_fields=True):
    """One price at all times, in millionths per kWh."""

    price_millionths_per_kwh: int


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price for `[from_minute, to_minute)` of the local day, past midnight where from > to."""

    name: str
    from_minute: int
    to_minute: int
    price_millionths_per_kwh: int


class TimeOfUse(
    msgspec.Struct, frozen=True, tag="time-of-use", tag_field="kind", forbid_unknown_fields=True
):
    """Prices by local time of day: the first band that holds, else the base price."""

    base_name: str
    base_price_millionths_per_kwh: int
    bands: list[Band]


class TariffVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tariff asks from a local date on, until the next version's date."""

    version: str
    starts_on: dt.date
    standing_millionths_per_day: int
    vat_permille: int
    prices: Flat | TimeOfUse


class Tariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meter's tariff: dated versions in one currency and one time zone's local days.

    Prices exclude VAT; where the supplier quotes them with VAT, enter them so and `vat_permille` 0.
    `calorific_value_kj_per_m3` turns gas volume into energy.
    """

    name: str
    currency: str
    versions: list[TariffVersion]
    calorific_value_kj_per_m3: int = DEFAULT_CALORIFIC_VALUE_KJ_PER_M3


class Rate(NamedTuple):
    """The price that holds for one slot."""

    version: TariffVersion
    name: str
    price_millionths_per_kwh: int


class Line(msgspec.Struct, frozen=True):
    """One line of a bill; `kind` is "energy", "standing" or "vat"."""

    kind: str
    name: str
    tariff_version: str
    amount_millionths: int
    energy_mwh: int = 0
    price_millionths_per_kwh: int = 0
    days: int = 0


class Cost(msgspec.Struct, frozen=True):
    """What a period costs: lines sum to `total_millionths` exactly; `total_minor` is printed."""

    currency: str
    lines: list[Line]
    net_millionths: int
    vat_millionths: int
    total_millionths: int
    total_minor: int
    unpriced_slots: int
    unpriced_mwh: int


class SlotEnergy(NamedTuple):
    """The energy of one slot, in mWh."""

    slot: int
    energy_mwh: int


def decode_tariff(payload: bytes, source: str = "tariff") -> Tariff:
    """Decode a tariff from JSON and check it; raises ConfigError naming every fault."""
    if len(payload) > MAX_TARIFF_BYTES:
        raise ConfigError(source, [f"{len(payload)} bytes; the limit is {MAX_TARIFF_BYTES}"])
    try:
        tariff = msgspec.json.decode(payload, type=Tariff)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(source, [str(error)]) from error
    return check_tariff(tariff, source)


def encode_tariff(tariff: Tariff) -> bytes:
    """Encode a tariff as JSON, the shape `decode_tariff` reads."""
    return msgspec.json.encode(tariff)


def check_tariff(tariff: Tariff, source: str = "tariff") -> Tariff:
    """Return the tariff, versions in order of date; raises ConfigError naming every fault."""
    faults = []
    if not _is_currency(tariff.currency):
        faults.append(f"currency = {tariff.currency!r}: use an ISO 4217 code such as GBP")
    if not 0 < len(tariff.versions) <= MAX_VERSIONS:
        faults.append(f"versions = {len(tariff.versions)} of them: give 1 to {MAX_VERSIONS}")
    if not (CALORIFIC_VALUE_MIN <= tariff.calorific_value_kj_per_m3 <= CALORIFIC_VALUE_MAX):
        faults.append(
            f"calorific_value_kj_per_m3 = {tariff.calorific_value_kj_per_m3}: "
            "give kilojoules per cubic metre, about 39500"
        )
    starts = [version.starts_on for version in tariff.versions]
    if len(set(starts)) != len(starts):
        faults.append("versions.starts_on: two versions start on the same day")
    if len({version.version for version in tariff.versions}) != len(tariff.versions):
        faults.append("versions.version: two versions have the same name")
    for version in tariff.versions:
        faults += _version_faults(version)
    if faults:
        raise ConfigError(source, faults)
    ordered = sorted(tariff.versions, key=lambda version: version.starts_on)
    return msgspec.structs.replace(tariff, versions=ordered)


def _is_currency(code: str) -> bool:
    return len(code) == CURRENCY_CHARS and code.isascii() and code.isupper() and code.isalpha()


def _version_faults(version: TariffVersion) -> list[str]:
    faults = []
    where = f"versions[{version.version}]"
    if not 0 <= version.vat_permille <= PERMILLE:
        faults.append(f"{where}.vat_permille = {version.vat_permille}: 5 % is 50")
    if isinstance(version.prices, TimeOfUse):
        if len(version.prices.bands) > MAX_BANDS:
            faults.append(f"{where}.prices.bands: {len(version.prices.bands)}, at most {MAX_BANDS}")
        for band in version.prices.bands:
            faults += _band_faults(band, f"{where}.prices.bands[{band.name}]")
    amounts = [("standing_millionths_per_day", version.standing_millionths_per_day)]
    faults += [
        f"{where}.{key} = {amount}: give millionths of the currency, up to {MAX_PRICE_MILLIONTHS}"
        for key, amount in amounts + _prices_of(version.prices)
        if abs(amount) > MAX_PRICE_MILLIONTHS
    ]
    return faults


def _prices_of(prices: Flat | TimeOfUse) -> list[tuple[str, int]]:
    if isinstance(prices, Flat):
        return [("prices.price_millionths_per_kwh", prices.price_millionths_per_kwh)]
    return [
        ("prices.base_price_millionths_per_kwh", prices.base_price_millionths_per_kwh),
        *((f"prices.bands[{band.name}]", band.price_millionths_per_kwh) for band in prices.bands),
    ]


def _band_faults(band: Band, where: str) -> list[str]:
    minutes = (band.from_minute, band.to_minute)
    for minute in minutes:
        if not 0 <= minute <= MINUTES_PER_DAY or minute % MINUTES_PER_SLOT:
            return [f"{where} = {minutes}: give minutes of the local day on half hours, 0 to 1440"]
    if minutes != (0, MINUTES_PER_DAY) and (minutes[0] - minutes[1]) % MINUTES_PER_DAY == 0:
        return [f"{where} = {minutes}: it holds at no time; 0 to 1440 is the whole day"]
    return []


def version_on(tariff: Tariff, day: dt.date) -> TariffVersion | None:
    """Find the version that holds on a local day; None before the first one starts."""
    holding = None
    for version in tariff.versions:
        if version.starts_on <= day:
            holding = version
    return holding


def rate_at(tariff: Tariff, at_ms: int, zone: ZoneInfo) -> Rate | None:
    """Find the price at an instant; None where the tariff has none."""
    local = to_local(at_ms, zone)
    version = version_on(tariff, local.date())
    if version is None:
        return None
    if isinstance(version.prices, Flat):
        return Rate(version, "all day", version.prices.price_millionths_per_kwh)
    minute = local.hour * 60 + local.minute
    for band in version.prices.bands:
        if _holds(band, minute):
            return Rate(version, band.name, band.price_millionths_per_kwh)
    prices = version.prices
    return Rate(version, prices.base_name, prices.base_price_millionths_per_kwh)


def _holds(band: Band, minute: int) -> bool:
    if band.from_minute <= band.to_minute:
        return band.from_minute <= minute < band.to_minute
    return minute >= band.from_minute or minute < band.to_minute


def price(
    tariff: Tariff, energy: Iterable[SlotEnergy], start_ms: int, end_ms: int, zone: ZoneInfo
) -> Cost:
    """Price the slots' energy, and a standing charge for each local day that begins in the period.

    `[start_ms, end_ms)` says which days those are; the energy is priced as given. Prices that hold
    by the hour of the local day are looked up once a slot.
    """
    sums: dict[tuple[str, str, int], int] = {}
    unpriced_slots = unpriced_mwh = 0
    vat_of: dict[str, int] = {}
    for slot, energy_mwh in energy:
        rate = rate_at(tariff, slot_start_ms(slot), zone)
        if rate is None:
            unpriced_slots += 1
            unpriced_mwh += energy_mwh
            continue
        key = (rate.version.version, rate.name, rate.price_millionths_per_kwh)
        sums[key] = sums.get(key, 0) + energy_mwh
        vat_of[rate.version.version] = rate.version.vat_permille
    lines = [_energy_line(*key, energy_mwh) for key, energy_mwh in sorted(sums.items())]
    lines += _standing_lines(tariff, start_ms, end_ms, zone, vat_of)
    net = sum(line.amount_millionths for line in lines)
    vat_lines = _vat_lines(lines, vat_of)
    vat = sum(line.amount_millionths for line in vat_lines)
    return Cost(
        currency=tariff.currency,
        lines=lines + vat_lines,
        net_millionths=net,
        vat_millionths=vat,
        total_millionths=net + vat,
        total_minor=round_half_up(Fraction((net + vat) * MINOR_PER_UNIT, MILLIONTHS_PER_UNIT)),
        unpriced_slots=unpriced_slots,
        unpriced_mwh=unpriced_mwh,
    )


def _energy_line(version: str, name: str, price_per_kwh: int, energy_mwh: int) -> Line:
    exact = Fraction(energy_mwh * price_per_kwh, MWH_PER_KWH)
    return Line("energy", name, version, round_half_even(exact), energy_mwh, price_per_kwh)


def _standing_lines(
    tariff: Tariff, start_ms: int, end_ms: int, zone: ZoneInfo, vat_of: dict[str, int]
) -> list[Line]:
    days: dict[str, tuple[TariffVersion, int]] = {}
    for day in days_between(start_ms, end_ms, zone):
        version = version_on(tariff, day)
        if version is not None:
            days[version.version] = (version, days.get(version.version, (version, 0))[1] + 1)
            vat_of[version.version] = version.vat_permille
    return [
        Line(
            "standing",
            "standing charge",
            version.version,
            version.standing_millionths_per_day * count,
            days=count,
        )
        for version, count in days.values()
    ]


def _vat_lines(lines: list[Line], vat_of: dict[str, int]) -> list[Line]:
    """Take VAT on the net total of each rate of VAT: one line where all versions have the same."""
    net_by_rate: dict[int, int] = {}
    for line in lines:
        permille = vat_of[line.tariff_version]
        net_by_rate[permille] = net_by_rate.get(permille, 0) + line.amount_millionths
    return [
        Line(
            "vat",
            f"VAT {permille / 10:g} %",
            ",".join(sorted(version for version, rate in vat_of.items() if rate == permille)),
            round_half_even(Fraction(net * permille, PERMILLE)),
        )
        for permille, net in sorted(net_by_rate.items())
        if permille
    ]


def gas_mwh(volume_l: int, calorific_value_kj_per_m3: int) -> int:
    """Turn gas volume into energy: m³ × 1.02264 × calorific value ÷ 3.6, exact, then half-even."""
    # 1 kJ is 1000/3.6 mWh; a litre is a thousandth of a cubic metre.
    exact = Fraction(volume_l * calorific_value_kj_per_m3 * VOLUME_CORRECTION_MILLIONTHS * 10, 36)
    return round_half_even(exact / 1_000_000)


def energy_of(medium: Medium, amount: int, tariff: Tariff) -> int:
    """Turn what a meter counted (mWh, or litres of gas) into the mWh that its tariff prices."""
    if medium is Medium.GAS:
        return gas_mwh(amount, tariff.calorific_value_kj_per_m3)
    return amount
