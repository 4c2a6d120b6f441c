"""`/v1/gateways`: the hubs of the household, what of their logs is stored and what is missing."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from cloud.answers import reply
from cloud.auth import Caller
from cloud.errors import RESPONSES
from cloud.households.repository import list_hubs
from cloud.ingest.repository import Log, count_dead_letters, list_logs
from cloud.parts import Shared
from cloud.times import format_utc
from shared.ranges import subtract, union

MAX_RANGES_LISTED = 64
"""Ranges listed of a log, the newest; the counts beside them are of all."""

router = APIRouter(prefix="/v1/gateways", tags=["gateways"], responses=RESPONSES)


class LogEntry(BaseModel):
    """One log of a hub. `stored` lists [first, last, revision], `missing` [first, last]."""

    log_id: str
    meter: str
    first_seq_held: int | None
    last_seq_held: int | None
    stored: list[tuple[int, int, int]]
    missing: list[tuple[int, int]]
    stored_count: int
    missing_count: int


class GatewayEntry(BaseModel):
    """One hub as the cloud last knew it."""

    thing: str
    is_online: bool
    last_seen: str
    agent_version: str
    logs: list[LogEntry]
    dead_letters: int
    dead_letters_refused: int
    conflicts: int
    logs_refused: int


class GatewayList(BaseModel):
    """The hubs of the household."""

    gateways: list[GatewayEntry]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "gateways": [
                    {
                        "thing": "hub-1",
                        "is_online": True,
                        "last_seen": "2026-03-01T12:00:00Z",
                        "agent_version": "0.1.0",
                        "logs": [
                            {
                                "log_id": "00112233445566778899aabbccddeeff",
                                "meter": "E0012345678901234",
                                "first_seq_held": 1,
                                "last_seq_held": 9000,
                                "stored": [[1, 8640, 0]],
                                "missing": [[8641, 9000]],
                                "stored_count": 8640,
                                "missing_count": 360,
                            }
                        ],
                        "dead_letters": 0,
                        "dead_letters_refused": 0,
                        "conflicts": 0,
                        "logs_refused": 0,
                    }
                ]
            }
        }
    )


@router.get("", response_model=GatewayList, summary="The hubs of the household")
def list_all(parts: Shared, scope: Caller) -> Response:
    """List each hub with what is stored and what is missing of each of its logs."""
    with parts.database.reading() as connection:
        hubs = list_hubs(connection, scope)
        logs = list_logs(connection, scope)
        letters = count_dead_letters(connection, scope)
    entries = [
        {
            "thing": hub.thing,
            "is_online": hub.is_online,
            "last_seen": format_utc(hub.last_seen_ms),
            "agent_version": hub.agent_version,
            "logs": [_log(log) for log in logs if log.thing == hub.thing],
            "dead_letters": letters.get(hub.thing, 0),
            "dead_letters_refused": hub.dead_letters_refused,
            "conflicts": hub.conflicts,
            "logs_refused": hub.logs_refused,
        }
        for hub in hubs
    ]
    return reply({"gateways": entries})


def _log(log: Log) -> dict[str, Any]:
    stored = union(log.coverage)
    missing = subtract(_expected(log, stored), stored)
    return {
        "log_id": log.log_id,
        "meter": log.meter,
        "first_seq_held": log.first_seq_held,
        "last_seq_held": log.last_seq_held,
        "stored": log.coverage[-MAX_RANGES_LISTED:],
        "missing": missing[-MAX_RANGES_LISTED:],
        "stored_count": sum(last - first + 1 for first, last in stored),
        "missing_count": sum(last - first + 1 for first, last in missing),
    }


def _expected(log: Log, stored: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What should be there: all between what is stored, and what the hub last said it holds."""
    ends = [end for span in stored for end in span]
    held = (log.first_seq_held, log.last_seq_held)
    if held[0] is not None and held[1] is not None and held[0] <= held[1]:
        ends += [held[0], held[1]]
    return [(min(ends), max(ends))] if ends else []
