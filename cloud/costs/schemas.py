"""The shapes of what things cost, with units and nullability, as the OpenAPI document has them."""

from typing import Annotated

from pydantic import BaseModel, Field

from shared.calendar import Resolution
from shared.readings import Medium
from shared.tariffs.model import Flow

Millionths = Annotated[int, Field(description="Millionths of the currency; 1.89 pounds is 1890000")]
Minor = Annotated[int, Field(description="Pence (cents), rounded half up; for print only")]
Mwh = Annotated[int, Field(description="Milliwatt-hours; 1 kWh is 1000000")]
Instant = Annotated[str, Field(description="RFC 3339 in UTC", examples=["2026-03-01T00:00:00Z"])]
LocalDay = Annotated[
    str, Field(description="A day of the household's local calendar", examples=["2026-03-01"])
]
Slots = Annotated[int, Field(description="Count of half hours")]


class CostLine(BaseModel):
    """One line of a bill; lines sum to the total exactly."""

    kind: Annotated[str, Field(description="energy, export, standing or vat")]
    name: Annotated[str, Field(description="Band, tier, or what else the line is of")]
    tariff_version: Annotated[str, Field(description="Version priced by; several joined by commas")]
    amount_millionths: Millionths
    energy_mwh: Mwh
    price_millionths_per_kwh: Annotated[
        int | None,
        Field(description="Without VAT; null where it changes by the half hour within the line"),
    ]
    days: Annotated[int, Field(description="Local days of a standing charge")]
    tariff_code: Annotated[
        str, Field(description='Code in the catalogue; "" is the meter\'s own tariff')
    ] = ""


class AgreedTariff(BaseModel):
    """A tariff that held in the period."""

    tariff_code: str
    name: str
    flow: Flow
    starts_on: LocalDay
    ends_on: Annotated[
        str | None, Field(description="First local day on which it holds no more; null if open")
    ]
    calorific_value_kj_per_m3: Annotated[
        int | None, Field(description="By which gas volume became energy; null for electricity")
    ]
    volume_correction_millionths: Annotated[
        int | None, Field(description="As above: 1.02264 is 1022640; null for electricity")
    ]


class Totals(BaseModel):
    """What something costs in all; what is paid to the household is negative."""

    currency: Annotated[str, Field(description="ISO 4217 code")]
    net_millionths: Millionths
    vat_millionths: Millionths
    total_millionths: Millionths
    total_minor: Minor
    unpriced_slots: Annotated[
        int, Field(description="Half hours with usage and no price: not in the total, never 0")
    ]
    unpriced_mwh: Mwh


class CostReport(Totals):
    """What a period cost, line by line."""

    meter: str
    medium: Medium
    start: Instant
    end: Instant
    tariff: Annotated[str, Field(description="Names of the tariffs that held")]
    agreements: list[AgreedTariff]
    lines: list[CostLine]
    missing_slots: Annotated[int, Field(description="Half hours of which no usage is known")]
    estimated_slots: Annotated[int, Field(description="Half hours whose usage is estimated")]


class CostInterval(BaseModel):
    """What one interval costs by itself; each rounded once, so sums differ by millionths."""

    start: Instant
    end: Instant
    net_millionths: Millionths
    vat_millionths: Millionths
    total_millionths: Millionths
    energy_mwh: Mwh
    unpriced_slots: Slots
    missing_slots: Slots
    estimated_slots: Slots


class CostSeries(BaseModel):
    """Costs by interval of the household's local calendar."""

    meter: str
    medium: Medium
    zone: Annotated[str, Field(description="IANA time zone of the days")]
    resolution: Resolution
    currency: str
    intervals: list[CostInterval]


class Preview(BaseModel):
    """What the bill of a period will be by its end, from what is known and what is usual."""

    meter: str
    medium: Medium
    start: Instant
    end: Instant
    as_of: Annotated[str, Field(description="Until here usage is as known; RFC 3339 in UTC")]
    currency: str
    so_far_millionths: Annotated[int, Field(description="What is known until `as_of` costs")]
    expected_millionths: Annotated[int, Field(description="What the whole period is to cost")]
    expected_minor: Minor
    low_millionths: Annotated[
        int | None,
        Field(description="In eight of ten trials it came between low and high; null if untried"),
    ]
    high_millionths: Annotated[int | None, Field(description="As `low_millionths`")]
    trials: Annotated[int, Field(description="Earlier days on which the method was tried")]
    unpriced_slots: Slots
    method: str


class Option(BaseModel):
    """One tariff of a comparison."""

    rank: Annotated[
        int | None, Field(description="1 is the cheapest; null where half hours have no price")
    ]
    code: str
    name: str
    supplier: str
    region: str
    is_current: bool
    is_cap: Annotated[bool, Field(description="The price cap: shown, but nobody can switch to it")]
    total_millionths: Millionths
    total_minor: Minor
    saving_millionths: Annotated[
        int | None,
        Field(description="What switching from the current tariff saves over the period"),
    ]
    unpriced_slots: Slots
    tariff_versions: Annotated[list[str], Field(description="Versions that priced it")]


class Shift(BaseModel):
    """The least energy to move within its own day for the second to cost no more than the first."""

    code: Annotated[str, Field(description="The second: the tariff that would become first")]
    over: Annotated[str, Field(description="The first: the tariff it would overtake")]
    energy_mwh: Annotated[int, Field(description="Moved over the whole period, in mWh")]
    from_slots: Annotated[int, Field(description="Half hours from which energy moves")]
    is_enough: Annotated[
        bool, Field(description="False where moving all that helps still leaves it behind")
    ]


class ComparisonReport(BaseModel):
    """This household's own half hours under every tariff of the catalogue that it could have."""

    meter: str
    medium: Medium
    flow: Flow
    start: Instant
    end: Instant
    as_of: LocalDay
    current: Annotated[
        str | None, Field(description="Code of the tariff agreed on `as_of`; null if none")
    ]
    currency: Annotated[
        str | None,
        Field(
            description="ISO 4217 code of every amount: of the current tariff, else of most; those "
            "in another are left out; null if nothing is compared"
        ),
    ]
    missing_slots: Slots
    estimated_slots: Slots
    compared: Annotated[int, Field(description="Tariffs priced, of which `options` are the first")]
    options: list[Option]
    load_shift: Shift | None


class PrepaymentDay(BaseModel):
    """One local day of a prepayment account."""

    day: LocalDay
    topped_up_millionths: Millionths
    charged_millionths: Millionths
    recovered_millionths: Annotated[int, Field(description="Debt paid back that day")]
    balance_millionths: Annotated[
        int, Field(description="At the day's end; below 0 emergency credit is in use")
    ]
    debt_millionths: Millionths
    emergency_used_millionths: Millionths
    is_off_supply: Annotated[
        bool, Field(description="Credit and emergency credit are used up at the day's end")
    ]


class PrepaymentReport(BaseModel):
    """A prepayment account day by day, since its agreement began."""

    meter: str
    currency: str
    starts_on: LocalDay
    days: list[PrepaymentDay]
    unpriced_slots: Slots
    missing_slots: Slots
