"""`/v1/dead-letters`: what could not be merged and why, and how to read it in again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict

from cloud.answers import MAX_INT, reply
from cloud.auth import Caller, HubReader
from cloud.errors import RESPONSES, NotFoundError
from cloud.ingest.hubbatch import Rules
from cloud.ingest.letters import list_dead_letters
from cloud.ingest.service import MAX_REPLAYED, IngestService, Replayed
from cloud.parts import Parts, Shared
from cloud.transfer.pages import PAGE, Cursor, PageLimit, Place, decode_cursor, next_of
from cloud.transfer.repetition import Once
from shared import topics
from shared.instants import format_utc
from shared.protocol import encode_message

MAX_LISTED = 500
"""What the command lists at most."""

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
    next_cursor: str | None

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
                ],
                "next_cursor": None,
            }
        }
    )


@router.get("", response_model=DeadLetterList, summary="Frames that were set aside")
def list_all(
    parts: Shared, scope: HubReader, cursor: Cursor = "", limit: PageLimit = PAGE
) -> Response:
    """List what was set aside, with the code its hub was told and the reason in words."""
    before = decode_cursor(cursor, "dead-letters", (int, int))
    with parts.database.reading(scope) as connection:
        found = list_dead_letters(connection, scope, limit + 1, before)
    next_cursor = next_of(found, "dead-letters", _place, limit)
    letters = found[:limit]
    for letter in letters:
        letter["received_at"] = format_utc(int(str(letter.pop("received_at_ms"))))
    return reply({"dead_letters": letters, "next_cursor": next_cursor})


class ReplayedLetter(BaseModel):
    """What became of a letter; `code` is why it still is one."""

    dead_letter_id: int
    thing: str
    is_read: bool
    code: str


class Replay(BaseModel):
    """What was tried, in order of id; `next_after` is where to go on, null at the end."""

    replayed: list[ReplayedLetter]
    next_after: int | None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "replayed": [{"dead_letter_id": 1, "thing": "hub-1", "is_read": True, "code": ""}],
                "next_after": None,
            }
        }
    )


@router.post("/replay", response_model=Replay, summary="Try all that was set aside again")
def replay_all(
    parts: Shared, scope: Caller, _once: Once, after: Annotated[int, Query(ge=0, le=MAX_INT)] = 0
) -> Response:
    """Read in what can be by now; the rest stays, with the reason of now."""
    done = _service(parts).replay(scope=scope, after=after)
    last = done[-1].dead_letter_id if len(done) == MAX_REPLAYED else None
    return reply({"replayed": [_entry(parts, one) for one in done], "next_after": last})


@router.post("/{dead_letter_id}/replay", response_model=ReplayedLetter, summary="Try one again")
def replay_one(
    dead_letter_id: Annotated[int, Path(ge=0, le=MAX_INT)],
    parts: Shared,
    scope: Caller,
    _once: Once,
) -> Response:
    """Read in one letter, or say why it cannot be."""
    done = _service(parts).replay([dead_letter_id], scope=scope)
    if not done:
        raise NotFoundError(
            f"no dead letter {dead_letter_id}", hint="GET /v1/dead-letters lists them"
        )
    return reply(_entry(parts, done[0]))


def _place(letter: dict[str, object]) -> Place:
    return (int(str(letter["received_at_ms"])), int(str(letter["dead_letter_id"])))


def _service(parts: Parts) -> IngestService:
    rules = Rules(parts.config.receipt_interval_s, parts.config.window_frames)
    return IngestService(parts.database, parts.clock, rules)


def _entry(parts: Parts, one: Replayed) -> dict[str, object]:
    if parts.publish is not None:
        for thing, receipt in one.receipts:
            parts.publish(topics.receipts(thing), encode_message(receipt))
    return {
        "dead_letter_id": one.dead_letter_id,
        "thing": one.thing,
        "is_read": not one.code,
        "code": one.code,
    }
