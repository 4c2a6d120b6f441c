"""The shapes of the readings endpoints, with the examples of the OpenAPI document."""

from pydantic import BaseModel, ConfigDict

from shared.calendar import Resolution
from shared.readings import Medium

METER = "E0012345678901234"


class MeterEntry(BaseModel):
    """One meter of the household; of `frames_pruned` only half-hourly values are left."""

    meter: str
    medium: str
    first_taken_at: str
    last_taken_at: str
    gateways: list[str]
    counters: list[str]
    frames_pruned: int


class MeterList(BaseModel):
    """The meters of the household."""

    meters: list[MeterEntry]
    next_cursor: str | None


class Registers(BaseModel):
    """A meter's last sample at or before `at`; each value is in the unit its name ends in."""

    meter: str
    medium: Medium
    at: str
    taken_at: str
    registers: dict[str, int]
    quality: list[str]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "meter": METER,
                "medium": "electricity",
                "at": "2026-03-01T00:00:00Z",
                "taken_at": "2026-02-28T23:59:58Z",
                "registers": {"import_t1_mwh": 4321000000, "power_import_w": 412},
                "quality": [],
            }
        }
    )


class UsageInterval(BaseModel):
    """What was used in `[start, end)`; null where unknown or not counted by the meter."""

    start: str
    end: str
    import_mwh: int | None = None
    export_mwh: int | None = None
    gas_l: int | None = None
    gas_mwh: int | None = None
    water_l: int | None = None
    heat_mj: int | None = None
    quality: str


class UsageReport(BaseModel):
    """Usage by interval: import and export of electricity, litres and mWh of gas."""

    meter: str
    medium: Medium
    zone: str
    resolution: Resolution
    calorific_value_kj_per_m3: int | None = None
    volume_correction_millionths: int | None = None
    intervals: list[UsageInterval]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "meter": METER,
                "medium": "electricity",
                "zone": "Europe/London",
                "resolution": "half-hour",
                "intervals": [
                    {
                        "start": "2026-03-01T00:00:00Z",
                        "end": "2026-03-01T00:30:00Z",
                        "import_mwh": 153000,
                        "export_mwh": 0,
                        "quality": "measured",
                    }
                ],
            }
        }
    )
