"""The home's meters as the page lists them: what each counts, and when it was heard. Pure."""

from fractions import Fraction

import msgspec

from agent.home.counters import COUNTER_NAMES
from agent.home.inputs import HomeInputs, MeterState
from agent.home.power import is_silent
from agent.home.words import format_age, format_clock, format_decimal
from agent.roles import Role
from shared.readings import Medium
from shared.units import MWH_PER_KWH

MAX_METERS_SHOWN = 16
"""A home has two to five; a line that garbles serials must not fill the page."""

LITRES_PER_M3 = 1_000
MEDIA = {
    Medium.ELECTRICITY: "Electricity",
    Medium.GAS: "Gas",
    Medium.WATER: "Water",
    Medium.HEAT: "Heat",
}
ROLES = {Role.GENERATION: "the home's own source", Role.DEVICE: "a single device"}
"""What the supply's meter is need not be said."""

OTHER_COUNTERS = {"water_l": "Water", "heat_mj": "Heat"}
"""What Home Assistant is not told of, and the page lists."""


class MeterFigure(msgspec.Struct, frozen=True):
    """What a counter stands at, as it is printed on the meter."""

    name: str
    text: str


class MeterView(msgspec.Struct, frozen=True):
    """One meter; `text` says what it is, `is_silent` that it missed its own turns.

    A gas, water or heat meter is read now and then: its `age_text` is the time of its reading, and
    it is never called silent.
    """

    meter: str
    text: str
    is_silent: bool
    age_text: str
    figures: list[MeterFigure]


def view_meters(inputs: HomeInputs) -> list[MeterView]:
    """List the meters heard since the start, the supply's first; of very many not all."""
    media, roles = list(Medium), list(Role)
    meters = sorted(
        inputs.meters,
        key=lambda one: (media.index(one.medium), roles.index(one.role), one.meter),
    )
    return [_view(one, inputs) for one in meters[:MAX_METERS_SHOWN]]


def _view(meter: MeterState, inputs: HomeInputs) -> MeterView:
    words = [MEDIA[meter.medium], ROLES.get(meter.role, "")]
    names = COUNTER_NAMES | OTHER_COUNTERS
    return MeterView(
        meter.meter,
        ", ".join(filter(None, words)),
        meter.medium is Medium.ELECTRICITY and is_silent(meter),
        _heard(meter, inputs),
        [
            MeterFigure(names[register], _as_printed(register, value))
            for register, value in meter.registers.items()
            if register in names
        ],
    )


def _heard(meter: MeterState, inputs: HomeInputs) -> str:
    if meter.medium is Medium.ELECTRICITY:
        return f"heard {format_age(meter.age_ms)}"
    return f"as of {format_clock(meter.taken_at_ms, inputs.now_ms, inputs.zone)}"


def _as_printed(register: str, value: int) -> str:
    if register.endswith("_l"):
        return f"{format_decimal(Fraction(value, LITRES_PER_M3), 3)} m³"
    if register.endswith("_mj"):
        return f"{value:,} MJ"
    return f"{format_decimal(Fraction(value, MWH_PER_KWH), 3)} kWh"
