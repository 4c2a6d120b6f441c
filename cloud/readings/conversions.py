"""How a gas meter's litres become energy: dated settings of the meter, else its tariff's.

British bills print the calorific value of each period; it changes with what is in the pipe. Where
a meter has no setting the tariff's holds, and without a tariff `DEFAULT_CALORIFIC_VALUE_KJ_PER_M3`
and the statutory volume correction of 1.02264. Commits nothing.
"""

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, delete, insert, select

from cloud.db import within
from cloud.scope import Scope
from cloud.tables import gas_conversions
from cloud.tariffs.repository import read_tariff
from shared.calendar import Interval, day_start_ms
from shared.meterdays import SlotUsage
from shared.readings import Medium
from shared.tariffs import (
    DEFAULT_CALORIFIC_VALUE_KJ_PER_M3,
    VOLUME_CORRECTION_MILLIONTHS,
    gas_mwh,
)
from shared.units import EARLIEST_PLAUSIBLE_MS, SLOT_MS, round_half_even

FIRST_DAY = dt.date(2000, 1, 1)
"""What holds before any dated setting is said to begin here."""

MWH_OF_LITRE = Fraction(10, 36 * 1_000_000)
"""mWh = litres × kJ/m³ × millionths × this."""


class ConversionSource(enum.StrEnum):
    """Where a conversion is from."""

    METER = "meter"
    TARIFF = "tariff"
    DEFAULT = "default"


class GasConversion(NamedTuple):
    """From the local day `starts_on`: litres × kJ/m³ × correction ÷ 3.6, in mWh."""

    starts_on: dt.date
    calorific_value_kj_per_m3: int
    volume_correction_millionths: int
    source: ConversionSource


class GasConversionSetting(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a household sets; the bounds hold town gas and hydrogen blends, and no slip of a unit.

    Bills print MJ/m³: 39.5 of those are 39,500 here.
    """

    starts_on: Annotated[dt.date, Meta(description="First local day on which it holds")]
    calorific_value_kj_per_m3: Annotated[
        int, Meta(ge=10_000, le=60_000, description="Calorific value in kJ/m³; bills print MJ/m³")
    ]
    volume_correction_millionths: Annotated[
        int,
        Meta(
            ge=900_000,
            le=1_200_000,
            description="Temperature and pressure correction in millionths",
        ),
    ] = VOLUME_CORRECTION_MILLIONTHS


def read_settings(connection: Connection, scope: Scope, meter: str) -> list[GasConversion]:
    """Read the dated settings of a meter, in order."""
    query = (
        select(
            gas_conversions.c.starts_on,
            gas_conversions.c.calorific_value_kj_per_m3,
            gas_conversions.c.volume_correction_millionths,
        )
        .where(within(gas_conversions, scope), gas_conversions.c.meter == meter)
        .order_by(gas_conversions.c.starts_on)
    )
    return [
        GasConversion(dt.date.fromisoformat(day), value, correction, ConversionSource.METER)
        for day, value, correction in connection.execute(query)
    ]


def put_settings(
    connection: Connection, scope: Scope, meter: str, settings: Sequence[GasConversion]
) -> None:
    """Put dated settings in place of what the meter had."""
    connection.execute(
        delete(gas_conversions).where(
            within(gas_conversions, scope), gas_conversions.c.meter == meter
        )
    )
    rows = [
        {
            "household_id": scope.only,
            "meter": meter,
            "starts_on": one.starts_on.isoformat(),
            "calorific_value_kj_per_m3": one.calorific_value_kj_per_m3,
            "volume_correction_millionths": one.volume_correction_millionths,
        }
        for one in settings
    ]
    if rows:
        connection.execute(insert(gas_conversions), rows)


def read_conversions(connection: Connection, scope: Scope, meter: str) -> list[GasConversion]:
    """List what holds for a meter from 2000 on, in order; there is always one."""
    settings = read_settings(connection, scope, meter)
    if settings and settings[0].starts_on <= FIRST_DAY:
        return settings
    kept = read_tariff(connection, scope, meter)
    if kept is None:
        first = GasConversion(
            FIRST_DAY,
            DEFAULT_CALORIFIC_VALUE_KJ_PER_M3,
            VOLUME_CORRECTION_MILLIONTHS,
            ConversionSource.DEFAULT,
        )
    else:
        first = GasConversion(
            FIRST_DAY,
            kept.tariff.calorific_value_kj_per_m3,
            kept.tariff.volume_correction_millionths,
            ConversionSource.TARIFF,
        )
    return [first, *settings]


class Conversions:
    """A meter's conversions laid along its slots."""

    def __init__(self, dated: Sequence[GasConversion], zone: ZoneInfo) -> None:
        self.dated = list(dated)
        starts = [day_start_ms(one.starts_on, zone) // SLOT_MS for one in dated]
        self._starts = [min(starts[0], EARLIEST_PLAUSIBLE_MS // SLOT_MS - 48), *starts[1:]]

    def spans(self, first: int, end: int) -> list[tuple[int, int, GasConversion]]:
        """Cut the slots `[first, end)` where the conversion changes."""
        ends = [*self._starts[1:], end]
        return [
            (max(start, first), min(stop, end), one)
            for start, stop, one in zip(self._starts, ends, self.dated, strict=True)
            if max(start, first) < min(stop, end)
        ]

    def energy_mwh(self, by_slot: Mapping[int, SlotUsage], interval: Interval) -> int | None:
        """Turn what an interval used into energy; None where nothing is known of it."""
        energy = None
        for first, end, one in self.spans(
            interval.start_ms // SLOT_MS, -(-interval.end_ms // SLOT_MS)
        ):
            known = [by_slot[slot].amount for slot in range(first, end) if slot in by_slot]
            if known:
                energy = (energy or 0) + gas_mwh(
                    sum(known), one.calorific_value_kj_per_m3, one.volume_correction_millionths
                )
        return energy

    def volume_l(self, energy_mwh: int, slot: int) -> int:
        """Turn the energy of one slot back into litres, half-even."""
        ((_, _, one),) = self.spans(slot, slot + 1)
        each = one.calorific_value_kj_per_m3 * one.volume_correction_millionths * MWH_OF_LITRE
        return round_half_even(energy_mwh / each)


def conversions_of(
    connection: Connection, scope: Scope, meter: str, medium: Medium, zone: ZoneInfo
) -> Conversions | None:
    """Read how a meter's gas becomes energy; None where it measures something else."""
    if medium is not Medium.GAS:
        return None
    return Conversions(read_conversions(connection, scope, meter), zone)
