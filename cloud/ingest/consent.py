"""`/v1/gateways/{thing}/consent`: the most detail the cloud lets a hub send.

The cloud may only narrow: what the household allows is decided, and widened, at the hub.
"""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from cloud.answers import Thing, reply
from cloud.auth import Caller
from cloud.changes.kinds import Change, ChangeKind
from cloud.changes.repository import note_changes
from cloud.errors import RESPONSES
from cloud.households.repository import list_hubs
from cloud.households.revocations import find_limit, limit_consent
from cloud.ingest.gateways import check_hub
from cloud.ingest.hubbatch import Rules
from cloud.ingest.service import IngestService
from cloud.parts import Parts, Shared
from cloud.scope import Scope
from shared import topics
from shared.consent import Granularity
from shared.protocol import encode_message

router = APIRouter(prefix="/v1/gateways", tags=["gateways"], responses=RESPONSES)


class ConsentChoice(BaseModel):
    """The most detail wanted: live, 10s, half-hourly, daily or none."""

    granularity: Granularity


class Consent(BaseModel):
    """What a hub says that it enforces ("" before its first hello), and the cloud's limit."""

    thing: str
    enforced: str
    limit: str | None
    limit_revision: int | None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "thing": "hub-1",
                "enforced": "10s",
                "limit": "daily",
                "limit_revision": 1790000000000,
            }
        }
    )


@router.get("/{thing}/consent", response_model=Consent, summary="The detail a hub may send")
def get(thing: Thing, parts: Shared, scope: Caller) -> Response:
    """Give the granularity that the hub said it enforces, and the limit set here."""
    with parts.database.reading(scope) as connection:
        return reply(_read(connection, scope, thing))


@router.put("/{thing}/consent", response_model=Consent, summary="Narrow the detail a hub may send")
def put(thing: Thing, choice: ConsentChoice, parts: Shared, scope: Caller) -> Response:
    """Limit a hub to this granularity or less; a hub that is connected hears of it at once.

    A limit can be narrowed here, never widened: the household does that at the hub, which says so
    in its next hello, and the limit is gone.
    """
    with parts.database.writing(scope) as connection:
        check_hub(connection, scope, thing)
        now_ms = parts.clock.utc_ms()
        before = find_limit(connection, thing)
        if limit_consent(connection, thing, choice.granularity, now_ms) != before:
            changed = [Change(ChangeKind.CONSENT, thing)]
            note_changes(connection, scope.only, changed, now_ms)
        answer = _read(connection, scope, thing)
    _tell(parts, thing)
    return reply(answer)


def _tell(parts: Parts, thing: str) -> None:
    if parts.publish is None:
        return
    rules = Rules(parts.config.receipt_interval_s, parts.config.window_frames)
    for addressed in IngestService(parts.database, parts.clock, rules).tell(thing):
        parts.publish(topics.receipts(addressed.thing), encode_message(addressed.receipt))


def _read(connection: Connection, scope: Scope, thing: str) -> dict[str, Any]:
    check_hub(connection, scope, thing)
    (hub,) = [one for one in list_hubs(connection, scope) if one.thing == thing]
    limit = find_limit(connection, thing)
    return {
        "thing": thing,
        "enforced": hub.consent,
        "limit": None if limit is None else limit.granularity,
        "limit_revision": None if limit is None else limit.revision,
    }
