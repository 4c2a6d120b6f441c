"""The shapes of usage, its quality and its comparisons, as the OpenAPI document shows them."""

import datetime as dt
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cloud.readings.conversions import ConversionSource
from cloud.readings.usage import Reason, Source, Status
from shared.calendar import Resolution
from shared.readings import Medium

METER = "E0012345678901234"
START, END = "2026-03-01T00:00:00Z", "2026-03-01T00:30:00Z"


class Amounts(BaseModel):
    """What was used; null where unknown, or not counted by the meter."""

    import_mwh: int | None = Field(
        None, description="Energy bought, in milliwatt-hours", examples=[153_000]
    )
    export_mwh: int | None = Field(
        None, description="Energy fed into the grid, in milliwatt-hours", examples=[0]
    )
    gas_l: int | None = Field(None, description="Gas as counted, in litres", examples=[120])
    gas_mwh: int | None = Field(
        None,
        description="Gas as energy, by `conversions`, in milliwatt-hours",
        examples=[1_346_000],
    )
    water_l: int | None = Field(None, description="Water, in litres", examples=[40])
    heat_mj: int | None = Field(None, description="Heat, in megajoules", examples=[12])


class UsageInterval(Amounts):
    """What was used in `[start, end)`."""

    start: str = Field(description="First instant, UTC", examples=[START])
    end: str = Field(description="First instant after it, UTC", examples=[END])
    status: Status = Field(description="How it is known", examples=["measured"])
    source: Source | None = Field(
        None, description="Who said it; null where it is missing", examples=["meter"]
    )
    why: list[Reason] = Field(
        default=[], description="Why it is estimated or missing", examples=[["gap"]]
    )


class Conversion(BaseModel):
    """How litres of gas become energy: litres × kJ/m³ × correction ÷ 3.6."""

    starts_on: dt.date = Field(
        description="First local day on which it holds", examples=["2026-01-01"]
    )
    calorific_value_kj_per_m3: int = Field(
        description="Calorific value in kJ/m³; bills print MJ/m³", examples=[39_500]
    )
    volume_correction_millionths: int = Field(
        description="Temperature and pressure correction in millionths", examples=[1_022_640]
    )
    source: ConversionSource = Field(
        description="The meter's own setting, its tariff, or the default", examples=["default"]
    )


EXAMPLE_INTERVAL: dict[str, Any] = {
    "start": START,
    "end": END,
    "import_mwh": 153_000,
    "export_mwh": 0,
    "status": "measured",
    "source": "meter",
    "why": [],
}


class UsageReport(BaseModel):
    """Usage of one meter by interval, in the calendar of `zone`."""

    meter: str = Field(description="The meter's id", examples=[METER])
    medium: Medium = Field(description="What it measures", examples=["electricity"])
    zone: str = Field(description="Whose local days these are", examples=["Europe/London"])
    resolution: Resolution = Field(description="Length of each interval", examples=["half-hour"])
    conversions: list[Conversion] | None = Field(
        None, description="Of gas: how litres became energy in this period"
    )
    intervals: list[UsageInterval] = Field(description="In order, without a hole")

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "meter": METER,
                "medium": "electricity",
                "zone": "Europe/London",
                "resolution": "half-hour",
                "intervals": [EXAMPLE_INTERVAL],
            }
        }
    )


class UsageSeries(BaseModel):
    """Usage of one meter, of one register, or of all meters together."""

    meters: list[str] = Field(description="The meters summed in it", examples=[[METER]])
    of_register: str | None = Field(
        None,
        alias="register",
        description="The register it is of; null for all together",
        examples=["import_t1_mwh"],
    )
    intervals: list[UsageInterval] = Field(description="In order, without a hole")


class HouseholdUsage(BaseModel):
    """Usage of several meters of one medium, together or apart."""

    medium: Medium = Field(description="What they measure", examples=["electricity"])
    zone: str = Field(description="Whose local days these are", examples=["Europe/London"])
    resolution: Resolution = Field(description="Length of each interval", examples=["day"])
    series: list[UsageSeries] = Field(description="One, or one for each meter or register")

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "medium": "electricity",
                "zone": "Europe/London",
                "resolution": "half-hour",
                "series": [{"meters": [METER], "register": None, "intervals": [EXAMPLE_INTERVAL]}],
            }
        }
    )


class Stretch(BaseModel):
    """Half hours in a row that are not measured by the meter, for one reason."""

    start: str = Field(description="First instant, UTC", examples=[START])
    end: str = Field(description="First instant after it, UTC", examples=[END])
    slots: int = Field(description="Half hours in it", examples=[1])
    status: Status = Field(description="How they are known", examples=["estimated"])
    source: Source | None = Field(description="Who said it; null for nobody", examples=["meter"])
    why: list[Reason] = Field(description="Why they are so", examples=[["gap"]])


class QuantityQuality(BaseModel):
    """How well one quantity is known; the counts sum to `slots`."""

    quantity: str = Field(description="Its unit is its ending", examples=["import_mwh"])
    slots: int = Field(description="Half hours of the period", examples=[1_488])
    measured_slots: int = Field(description="Read by a hub at both ends", examples=[1_400])
    imported_slots: int = Field(description="Known from an import alone", examples=[48])
    estimated_slots: int = Field(description="Spread, partial or after a break", examples=[20])
    missing_slots: int = Field(description="Of which nothing is known", examples=[10])
    not_yet_slots: int = Field(description="That have not begun", examples=[10])
    outside_slots: int = Field(
        description="In which the meter was not this household's; nothing else is said of them",
        examples=[0],
    )
    known_permille: int | None = Field(
        description="Measured or imported, of those begun; null where none has", examples=[979]
    )
    stretches: list[Stretch] = Field(description="What is not measured, in order")
    stretches_left_off: int = Field(description="Further ones that are not listed", examples=[0])


class QualityReport(BaseModel):
    """How well a period of a meter is known."""

    meter: str = Field(description="The meter's id", examples=[METER])
    medium: Medium = Field(description="What it measures", examples=["electricity"])
    zone: str = Field(description="Whose local days were asked for", examples=["Europe/London"])
    start: str = Field(description="First instant, UTC", examples=[START])
    end: str = Field(description="First instant after it, UTC", examples=["2026-04-01T00:00:00Z"])
    quantities: list[QuantityQuality] = Field(description="One for each that the meter counts")


class SoFar(Amounts):
    """The amounts of a period up to `end`."""

    end: str = Field(description="First instant that is not counted, UTC", examples=[END])


class ComparedPeriod(UsageInterval):
    """A period and what it used."""

    so_far: SoFar | None = Field(
        None, description="The same length from its start as has passed of the period asked for"
    )
    change_permille: int | None = Field(
        None,
        description="The period asked for against this one, of what was bought; so far where it "
        "is not over; null where either is unknown or this one is 0",
        examples=[-52],
    )


class SimilarDays(Amounts):
    """What days of the same kind used: the same season, working day or weekend."""

    days: int = Field(description="Days that were averaged", examples=[21])
    change_permille: int | None = Field(
        None,
        description="The period asked for against them; null while it is not over",
        examples=[35],
    )


class UsageComparison(BaseModel):
    """A period beside the one before it, the same a year ago, and similar days."""

    meter: str = Field(description="The meter's id", examples=[METER])
    medium: Medium = Field(description="What it measures", examples=["electricity"])
    zone: str = Field(description="Whose local days these are", examples=["Europe/London"])
    is_over: bool = Field(description="Whether the period has ended", examples=[True])
    period: ComparedPeriod = Field(description="What was asked for")
    previous: ComparedPeriod = Field(description="As many days, or whole months, before it")
    last_year: ComparedPeriod = Field(
        description="The same dates a year before; of whole weeks the same weekdays"
    )
    similar: SimilarDays | None = Field(
        description="What similar days of the 400 before it would have used; null where a day of "
        "the period has none"
    )
