"""The shapes of the import endpoints, with the examples of the OpenAPI document."""

import enum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cloud.imports.service import Format

METER = "E0012345678901234"
IMPORT_ID = "0f3c9a1e5b7d4c2a8e6f1b3d5a7c9e0f"

EXAMPLE: dict[str, Any] = {
    "import_id": IMPORT_ID,
    "meter": METER,
    "quantity": "import_mwh",
    "format": "octopus-csv",
    "start": "2025-01-01T00:00:00Z",
    "end": "2026-01-01T00:00:00Z",
    "slots": 17_520,
    "amount": 2_912_000_000,
    "rejected_rows": 0,
    "created_at": "2026-03-01T12:00:00Z",
}


class ImportEntry(BaseModel):
    """One import that was kept; it stands wherever the meter itself said nothing."""

    import_id: str = Field(description="Names it, for undoing", examples=[IMPORT_ID])
    meter: str = Field(description="The meter whose history it is", examples=[METER])
    quantity: str = Field(description="What it is of, with its unit", examples=["import_mwh"])
    format: Format = Field(description="The file it came in", examples=["octopus-csv"])
    start: str = Field(description="First instant, UTC", examples=["2025-01-01T00:00:00Z"])
    end: str = Field(description="First instant after it, UTC", examples=["2026-01-01T00:00:00Z"])
    slots: int = Field(description="Half hours that it tells", examples=[17_520])
    amount: int = Field(description="Their sum, in the quantity's unit", examples=[2_912_000_000])
    rejected_rows: int = Field(description="Rows of the file that were left out", examples=[0])
    created_at: str = Field(description="When it came, UTC", examples=["2026-03-01T12:00:00Z"])

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})


class ImportList(BaseModel):
    """Imports, the latest first."""

    imports: list[ImportEntry] = Field(
        description="Where two tell of one half hour the later holds"
    )

    model_config = ConfigDict(json_schema_extra={"example": {"imports": [EXAMPLE]}})


class RowFault(BaseModel):
    """A row that was not taken."""

    line: int = Field(
        description="Its line in the file; in JSON its place in the list, from 1", examples=[17]
    )
    reason: str = Field(description="What is wrong", examples=["the amount is no decimal number"])
    text: str = Field(description="What stands there, shortened", examples=["n/a,2025-01-01"])


class Outcome(enum.StrEnum):
    """What became of a file."""

    PLANNED = "planned"
    """It was only looked at."""
    IMPORTED = "imported"
    KNOWN = "known"
    """It says what an import said before; nothing was changed."""


class ImportReport(BaseModel):
    """What a file does to a meter's history, or did."""

    outcome: Outcome = Field(description="Planned in a dry run", examples=["imported"])
    import_id: str | None = Field(
        description="Names the import; null in a dry run of a new one", examples=[IMPORT_ID]
    )
    meter: str = Field(description="The meter whose history it is", examples=[METER])
    quantity: str = Field(description="What it is of, with its unit", examples=["import_mwh"])
    format: Format = Field(description="How the file was read", examples=["octopus-csv"])
    start: str | None = Field(
        description="First instant, UTC; null where no row was taken",
        examples=["2025-01-01T00:00:00Z"],
    )
    end: str | None = Field(
        description="First instant after it, UTC", examples=["2026-01-01T00:00:00Z"]
    )
    rows: int = Field(description="Rows of the file", examples=[17_520])
    rejected_rows: int = Field(description="Rows that cannot be taken", examples=[0])
    left_aside_rows: int = Field(
        description="Rows without an amount, or of the other flow", examples=[0]
    )
    slots: int = Field(description="Half hours that it tells", examples=[17_520])
    amount: int = Field(description="Their sum, in the quantity's unit", examples=[2_912_000_000])
    estimated_slots: int = Field(
        description="Of them, estimates: said to be, or of rows longer than a half hour",
        examples=[0],
    )
    measured_slots: int = Field(
        description="Of them, those for which what the meter said stands", examples=[0]
    )
    same_slots: int = Field(description="Of them, imported with this amount before", examples=[0])
    changed_slots: int = Field(
        description="Of them, imported with another amount before", examples=[0]
    )
    faults: list[RowFault] = Field(description="What is wrong, by line; the first of them")
    faults_left_off: int = Field(description="Further ones that are not listed", examples=[0])
