"""Samples, registers and quality: what a meter says, in canonical names and integer units."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

MAX_METER_ID_CHARS = 64
"""A meter id is its serial, as printed or hex-decoded; the longest real one seen has 34 of them."""

MAX_REGISTERS_PER_SAMPLE = 96
"""A three-phase telegram with every tariff and quadrant has about 60; half as much again."""


class Medium(enum.StrEnum):
    """What a meter measures."""

    ELECTRICITY = "electricity"
    GAS = "gas"
    WATER = "water"
    HEAT = "heat"


class Quality(enum.IntFlag):
    """What is known against a sample; 0 is a checked sample with the meter's own time."""

    GOOD = 0
    UNCHECKED = 1
    """The telegram carried no checksum (DSMR before 4)."""
    HUB_TIME = 2
    """`taken_at_ms` is the hub's: the meter has no clock, or one too far off to believe."""


@dataclass(frozen=True, slots=True)
class RegisterKind:
    """One canonical register: its unit, and whether it only ever counts up."""

    name: str
    unit: str
    is_counter: bool
    medium: Medium | None = None


PREPAYMENT = "prepayment_index"
"""1 where a meter is paid for beforehand, 0 where it is paid for by bill."""

CURRENCY = "currency_iso4217"
"""What the amounts beside it are in: the currency's number in ISO 4217 (826 is the pound)."""

CREDIT, EMERGENCY_CREDIT, DEBT = _CREDIT_MILLIONTHS = (
    "credit_millionths",
    "emergency_credit_millionths",
    "debt_millionths",
)
"""A prepayment meter's credit, what is left of its emergency credit, and what is owed beside."""


def _kinds() -> dict[str, RegisterKind]:
    table: dict[str, RegisterKind] = {}

    def add(
        name: str, *, counter: bool = False, medium: Medium | None = Medium.ELECTRICITY
    ) -> None:
        table[name] = RegisterKind(name, name.rsplit("_", 1)[1], counter, medium)

    for direction in ("import", "export"):
        add(f"{direction}_mwh", counter=True)
        add(f"reactive_{direction}_mvarh", counter=True)
        add(f"power_{direction}_w")
        add(f"reactive_power_{direction}_var")
        for tariff in range(1, 5):
            add(f"{direction}_t{tariff}_mwh", counter=True)
            add(f"reactive_{direction}_t{tariff}_mvarh", counter=True)
        for phase in range(1, 4):
            add(f"power_{direction}_l{phase}_w")
            add(f"reactive_power_{direction}_l{phase}_var")
    add("absolute_mwh", counter=True)
    for quadrant in range(1, 5):
        add(f"reactive_q{quadrant}_mvarh", counter=True)
        add(f"reactive_power_q{quadrant}_var")
    for phase in range(1, 4):
        add(f"voltage_l{phase}_mv")
        add(f"current_l{phase}_ma")
        add(f"current_limit_l{phase}_ma")
        add(f"power_factor_l{phase}_milli")
        add(f"sags_l{phase}_count")
        add(f"swells_l{phase}_count")
    add("power_factor_milli")
    add("frequency_mhz")
    add("demand_w")
    add("demand_peak_w")
    add("power_limit_w")
    add("current_limit_ma")
    add("tariff_index")
    add("breaker_index")
    add("outages_count")
    add("long_outages_count")
    add("gas_l", counter=True, medium=Medium.GAS)
    add("water_l", counter=True, medium=Medium.WATER)
    add("heat_mj", counter=True, medium=Medium.HEAT)
    add("valve_index", medium=None)
    for name in (*_CREDIT_MILLIONTHS, CURRENCY, PREPAYMENT):
        add(name, medium=None)
    return table


REGISTERS: dict[str, RegisterKind] = _kinds()
"""Every canonical register by name; the name ends in its unit."""

COUNTERS: frozenset[str] = frozenset(name for name, kind in REGISTERS.items() if kind.is_counter)

OF_CREDIT: frozenset[str] = frozenset((*_CREDIT_MILLIONTHS, CURRENCY, PREPAYMENT))
"""The registers of how a meter is paid for; a sample that has one has no other."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """What one meter said at one instant, as a codec emits it.

    `meter` is the meter's id; `meter_time_ms` its own clock in UTC, or None where it has none;
    `registers` canonical names with integer values; `quality` a `Quality`; `unknown` what the
    codec read but the table does not know, by its raw code: nothing is silently dropped.
    """

    meter: str
    medium: Medium
    meter_time_ms: int | None
    registers: dict[str, int]
    quality: int = 0
    unknown: dict[str, str] = {}


class StampedSample(msgspec.Struct, frozen=True, gc=False):
    """A logged sample with its place in the log and its resolved time in UTC milliseconds."""

    seq: int
    taken_at_ms: int
    registers: dict[str, int]
    quality: int = 0


def medium_of(registers: Iterable[str]) -> Medium | None:
    """Say what a meter with these registers measures; None where none of them tells."""
    for name in registers:
        kind = REGISTERS.get(name)
        if kind is not None and kind.medium is not None:
            return kind.medium
    return None


def tells_credit(registers: Iterable[str]) -> bool:
    """Tell whether these are the registers of how a meter is paid for, and not what it measures."""
    return not OF_CREDIT.isdisjoint(registers)


QUANTITIES: dict[Medium, tuple[str, ...]] = {
    Medium.ELECTRICITY: ("import_mwh", "export_mwh"),
    Medium.GAS: ("gas_l",),
    Medium.WATER: ("water_l",),
    Medium.HEAT: ("heat_mj",),
}
"""What is served of each medium, the one that decides an interval's status first."""


def parts_of(quantity: str, registers: set[str]) -> list[str]:
    """List the counters that sum to `quantity` ("import_mwh", "export_mwh", "gas_l", …).

    A meter's own total wins; a meter without one is the sum of its tariff registers.
    """
    if quantity in registers:
        return [quantity]
    stem, _, unit = quantity.rpartition("_")
    return sorted(
        name for name in registers if name.startswith(f"{stem}_t") and name.endswith(f"_{unit}")
    )
