"""What a tariff is: dated versions of prices and the standing charge. Pure; decides nothing.

Money is in millionths of the currency's unit, energy in mWh, times of day in minutes of the local
day. The JSON of docs/reference/tariff.md is these shapes as they stand.
"""

import datetime as dt
import enum
from typing import Literal, NamedTuple

import msgspec

from shared.units import MS_PER_SECOND, SLOT_MS

VOLUME_CORRECTION_MILLIONTHS = 1_022_640
"""Temperature and pressure correction of gas volume used on British bills: 1.02264."""

DEFAULT_CALORIFIC_VALUE_KJ_PER_M3 = 39_500
"""A common British value; the supplier's own belongs in the tariff."""

MINOR_PER_UNIT = 100
"""Pennies in a pound, cents in a euro."""

PERMILLE = 1_000
MINUTES_PER_DAY = 1_440
MINUTES_PER_SLOT = 30


class Flow(enum.StrEnum):
    """Which way the energy goes that a tariff prices: bought, or paid for by the grid."""

    IMPORT = "import"
    EXPORT = "export"


class Flat(msgspec.Struct, frozen=True, tag="flat", tag_field="kind", forbid_unknown_fields=True):
    """One price at all times, in millionths per kWh."""

    price_millionths_per_kwh: int


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A price for `[from_minute, to_minute)` of the local day, past midnight where from > to.

    It holds on the ISO weekdays of `days` (1 is Monday; none named is every day) and from
    `from_date` until before `to_date` of every year ("MM-DD", past New Year where from > to).
    The local day on which a half hour begins decides.
    """

    name: str
    from_minute: int
    to_minute: int
    price_millionths_per_kwh: int
    days: list[int] = []
    from_date: str = ""
    to_date: str = ""


class TimeOfUse(
    msgspec.Struct,
    frozen=True,
    tag="time-of-use",
    tag_field="kind",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """Prices by local time: the first band that holds, else the base price.

    A day of `holidays` counts as a Sunday.
    """

    base_name: str
    base_price_millionths_per_kwh: int
    bands: list[Band]
    holidays: list[dt.date] = []


class HalfHourly(
    msgspec.Struct,
    frozen=True,
    tag="half-hourly",
    tag_field="kind",
    forbid_unknown_fields=True,
):
    """A price for each half hour from `starts_at` on; null where none is known (yet)."""

    starts_at: dt.datetime
    prices_millionths_per_kwh: list[int | None]

    @property
    def first_slot(self) -> int:
        """Number the first slot that has a place here."""
        return int(self.starts_at.timestamp()) * MS_PER_SECOND // SLOT_MS


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A price for the energy of a day or month up to `up_to_mwh` in all; None is without end."""

    name: str
    price_millionths_per_kwh: int
    up_to_mwh: int | None = None


class Tiers(msgspec.Struct, frozen=True, tag="tiers", tag_field="kind", forbid_unknown_fields=True):
    """Prices by how much was used before in the same local day or calendar month.

    Tiers begin anew with each day or month, and where the version begins to hold.
    """

    per: Literal["day", "month"]
    tiers: list[Tier]


Prices = Flat | TimeOfUse | HalfHourly | Tiers


class TariffVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a tariff asks from a local date on, until the next version's date or its `ends_on`.

    `ends_on` is the first local day on which it holds no more.
    """

    version: str
    starts_on: dt.date
    standing_millionths_per_day: int
    vat_permille: int
    prices: Prices
    ends_on: dt.date | None = None


class Tariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One meter's tariff: dated versions in one currency and one time zone's local days.

    Prices exclude VAT; where the supplier quotes them with VAT, enter them so and `vat_permille` 0.
    `calorific_value_kj_per_m3` and `volume_correction_millionths` turn gas volume into energy.
    """

    name: str
    currency: str
    versions: list[TariffVersion]
    calorific_value_kj_per_m3: int = DEFAULT_CALORIFIC_VALUE_KJ_PER_M3
    volume_correction_millionths: int = VOLUME_CORRECTION_MILLIONTHS
    flow: Flow = Flow.IMPORT


class SlotEnergy(NamedTuple):
    """The energy of one slot, in mWh."""

    slot: int
    energy_mwh: int


def is_credit(tariff: Tariff) -> bool:
    """Tell whether what the tariff prices is paid to the household."""
    return tariff.flow is Flow.EXPORT
