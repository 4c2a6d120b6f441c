"""`/v1/dead-letters`: what could not be merged, and why."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from cloud.answers import reply
from cloud.auth import Caller
from cloud.errors import RESPONSES
from cloud.ingest.repository import list_dead_letters
from cloud.parts import Shared
from cloud.times import format_utc

MAX_LISTED = 500

router = APIRouter(prefix="/v1/dead-letters", tags=["gateways"], responses=RESPONSES)


class DeadLetterEntry(BaseModel):
    """Bytes set aside; the range is null where not even the envelope could be read."""

    dead_letter_id: int
    thing: str
    log_id: str
    revision: int | None
    first_seq: int | None
    last_seq: int | None
    code: str
    detail: str
    received_at: str
    seen_count: int
    size_bytes: int


class DeadLetterList(BaseModel):
    """Dead letters, the latest first."""

    dead_letters: list[DeadLetterEntry]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "dead_letters": [
                    {
                        "dead_letter_id": 1,
                        "thing": "hub-1",
                        "log_id": "",
                        "revision": None,
                        "first_seq": None,
                        "last_seq": None,
                        "code": "not-a-frame",
                        "detail": "envelope of 12 bytes: truncated",
                        "received_at": "2026-03-01T12:00:00Z",
                        "seen_count": 1,
                        "size_bytes": 12,
                    }
                ]
            }
        }
    )


@router.get("", response_model=DeadLetterList, summary="Frames that were set aside")
def list_all(
    parts: Shared, scope: Caller, limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100
) -> Response:
    """List what was set aside, with the code its hub was told and the reason in words."""
    with parts.database.reading() as connection:
        letters = list_dead_letters(connection, scope, limit)
    for letter in letters:
        letter["received_at"] = format_utc(int(str(letter.pop("received_at_ms"))))
    return reply({"dead_letters": letters})
