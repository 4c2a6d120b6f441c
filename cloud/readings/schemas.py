"""The shapes of the readings endpoints, with the examples of the OpenAPI document."""

from pydantic import BaseModel, ConfigDict

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


class MeterCredit(BaseModel):
    """What a prepayment meter says is left on it, as of `taken_at`; null is not told, never 0."""

    meter: str
    medium: Medium
    taken_at: str
    currency: str
    credit_millionths: int | None
    emergency_credit_millionths: int | None
    debt_millionths: int | None
