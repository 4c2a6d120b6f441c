"""`/v1/gateways`: the hubs of the household, what of their logs is stored and what is missing."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from cloud.answers import Thing, reply
from cloud.auth import HubReader
from cloud.errors import RESPONSES, NotFoundError
from cloud.households.repository import Hub, household_of, list_hubs
from cloud.households.revocations import list_limits, list_revocations
from cloud.ingest import clones
from cloud.ingest.gaps import Missing, freed
from cloud.ingest.letters import count_dead_letters, count_unread
from cloud.ingest.repository import Log, list_logs
from cloud.parts import Shared
from cloud.scope import Scope
from cloud.transfer.pages import PAGE, Cursor, PageLimit, cut, decode_cursor
from shared.instants import format_utc
from shared.ranges import count, intersect, subtract, union

MAX_RANGES_LISTED = 64
"""Ranges listed of a log, the newest; the counts beside them are of all."""

MAX_GAPS_LISTED = 1_000
"""Ranges in a page of a hub's gaps: about 150 KB of JSON."""

COUNTS = (
    "dead_letters_refused",
    "dead_letters_expired",
    "conflicts",
    "logs_refused",
    "messages_refused",
    "store_renewals",
)

router = APIRouter(prefix="/v1/gateways", tags=["gateways"], responses=RESPONSES)


class LogEntry(BaseModel):
    """One log of a hub. `stored` lists [first, last, revision], `missing` [first, last].

    `stored_count` counts every place the cloud knows, of which `withheld_count`, `thinned_count`,
    `damaged_count` and `untimed_count` are known to hold no sample, and `unread_count` came in a
    later version of the frame. `freed_count` of the missing ones are no longer on the hub.
    """

    log_id: str
    meter: str
    first_seq_held: int | None
    last_seq_held: int | None
    stored: list[tuple[int, int, int]]
    missing: list[tuple[int, int]]
    stored_count: int
    missing_count: int
    withheld_count: int
    thinned_count: int
    damaged_count: int
    untimed_count: int
    unread_count: int
    freed_count: int
    missing_since: str | None


class GatewayEntry(BaseModel):
    """One hub as the cloud last knew it.

    `consent` is what the hub says that it enforces, `consent_limit` the most the cloud lets it
    send. `messages_refused` counts what a revoked hub sent. `store_renewals` counts how often the
    hub alone was asked to offer again all that it holds. `clone_seen_at` is when a second hub with
    this identity was last seen, `clone_takeovers` how often the two took turns.
    """

    thing: str
    is_online: bool
    last_seen: str
    agent_version: str
    revoked_at: str | None
    consent: str
    consent_limit: str | None
    logs: list[LogEntry]
    dead_letters: int
    dead_letters_refused: int
    dead_letters_expired: int
    conflicts: int
    logs_refused: int
    messages_refused: int
    store_renewals: int
    clone_seen_at: str | None
    clone_takeovers: int


class GatewayList(BaseModel):
    """The hubs of the household."""

    gateways: list[GatewayEntry]
    next_cursor: str | None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "gateways": [
                    {
                        "thing": "hub-1",
                        "is_online": True,
                        "last_seen": "2026-03-01T12:00:00Z",
                        "agent_version": "0.1.0",
                        "revoked_at": None,
                        "consent": "10s",
                        "consent_limit": None,
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
                                "withheld_count": 0,
                                "thinned_count": 0,
                                "damaged_count": 0,
                                "untimed_count": 0,
                                "unread_count": 0,
                                "freed_count": 0,
                                "missing_since": "2026-03-01T11:59:58Z",
                            }
                        ],
                        "dead_letters": 0,
                        "dead_letters_refused": 0,
                        "dead_letters_expired": 0,
                        "conflicts": 0,
                        "logs_refused": 0,
                        "messages_refused": 0,
                        "store_renewals": 0,
                        "clone_seen_at": None,
                        "clone_takeovers": 0,
                    }
                ],
                "next_cursor": None,
            }
        }
    )


class GapEntry(BaseModel):
    """A missing range, both ends included; `is_held` tells whether the hub can still send it."""

    log_id: str
    meter: str
    first_seq: int
    last_seq: int
    since: str
    is_held: bool


class GapList(BaseModel):
    """The gap ledger of a hub, the oldest first; `is_whole` is false where more pages follow."""

    gaps: list[GapEntry]
    is_whole: bool
    next_cursor: str | None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "gaps": [
                    {
                        "log_id": "00112233445566778899aabbccddeeff",
                        "meter": "E0012345678901234",
                        "first_seq": 8641,
                        "last_seq": 9000,
                        "since": "2026-03-01T11:59:58Z",
                        "is_held": True,
                    }
                ],
                "is_whole": True,
                "next_cursor": None,
            }
        }
    )


@router.get("", response_model=GatewayList, summary="The hubs of the household")
def list_all(
    parts: Shared, scope: HubReader, cursor: Cursor = "", limit: PageLimit = PAGE
) -> Response:
    """List each hub with what is stored and what is missing of each of its logs, by its name."""
    after = decode_cursor(cursor, "gateways", (str,))
    with parts.database.reading(scope) as connection:
        listed = sorted(list_hubs(connection, scope), key=lambda hub: hub.thing)
        hubs, next_cursor = cut(listed, "gateways", lambda hub: (hub.thing,), after, limit)
        logs = list_logs(connection, scope)
        letters = count_dead_letters(connection, scope)
        unread = count_unread(connection, scope)
        revoked = list_revocations(connection, scope)
        limits = list_limits(connection, scope)
    entries = [
        {
            "thing": hub.thing,
            "is_online": hub.is_online,
            "last_seen": format_utc(hub.last_seen_ms),
            "agent_version": hub.agent_version,
            "revoked_at": (
                format_utc(revoked[hub.thing].revoked_at_ms) if hub.thing in revoked else None
            ),
            "consent": hub.consent,
            "consent_limit": limits[hub.thing].granularity if hub.thing in limits else None,
            "logs": [_log(log, unread) for log in logs if log.thing == hub.thing],
            "dead_letters": letters.get(hub.thing, 0),
            **{name: getattr(hub, name) for name in COUNTS},
            **_clone(hub, parts.clock.utc_ms()),
        }
        for hub in hubs
    ]
    return reply({"gateways": entries, "next_cursor": next_cursor})


@router.get("/{thing}/gaps", response_model=GapList, summary="What is missing of a hub's logs")
def list_gaps(
    thing: Thing,
    parts: Shared,
    scope: HubReader,
    cursor: Cursor = "",
    limit: Annotated[int, Query(ge=1, le=MAX_GAPS_LISTED)] = MAX_GAPS_LISTED,
) -> Response:
    """List each missing range with the time since when it is known to be missing.

    A range leaves the list once it is stored, or declared withheld, thinned, damaged or untimed.
    One that the hub no longer holds stays: it will not come.
    """
    after = decode_cursor(cursor, "gaps", (int, str, int))
    with parts.database.reading(scope) as connection:
        check_hub(connection, scope, thing)
        logs = list_logs(connection, scope, thing)
    entries = sorted(
        (one.since_ms, log.log_id, one.first_seq, one.last_seq, log.meter, is_held)
        for log in logs
        for one, is_held in gaps_of(log)
    )
    page, next_cursor = cut(entries, "gaps", lambda one: one[:3], after, limit)
    listed = [
        {
            "log_id": log_id,
            "meter": meter,
            "first_seq": first,
            "last_seq": last,
            "since": format_utc(since_ms),
            "is_held": is_held,
        }
        for since_ms, log_id, first, last, meter, is_held in page
    ]
    is_whole = next_cursor is None
    return reply({"gaps": listed, "is_whole": is_whole, "next_cursor": next_cursor})


def check_hub(connection: Connection, scope: Scope, thing: str) -> None:
    """Raise NotFoundError where the caller has no such hub."""
    if household_of(connection, thing) not in scope.household_ids:
        raise NotFoundError(f"no gateway {thing!r}", hint="GET /v1/gateways lists them")


def gaps_of(log: Log) -> list[tuple[Missing, bool]]:
    """List what is missing of a log, each range split by whether the hub still holds it."""
    gone = freed(log.missing, log.held)
    split: list[tuple[Missing, bool]] = []
    for one in log.missing:
        span = [one[:2]]
        split += [(Missing(*part, one.since_ms), False) for part in intersect(span, gone)]
        split += [(Missing(*part, one.since_ms), True) for part in subtract(span, gone)]
    return split


def _clone(hub: Hub, now_ms: int) -> dict[str, Any]:
    runs = clones.read_runs(hub.runs)
    seen_ms = clones.told_ms(runs, now_ms)
    return {
        "clone_seen_at": format_utc(seen_ms) if seen_ms else None,
        "clone_takeovers": runs.takeovers,
    }


def _log(log: Log, unread: Mapping[str, int]) -> dict[str, Any]:
    missing = union(one[:2] for one in log.missing)
    since_ms = min((one.since_ms for one in log.missing), default=None)
    return {
        "log_id": log.log_id,
        "meter": log.meter,
        "first_seq_held": log.first_seq_held,
        "last_seq_held": log.last_seq_held,
        "stored": log.coverage[-MAX_RANGES_LISTED:],
        "missing": missing[-MAX_RANGES_LISTED:],
        "stored_count": count(union(log.coverage)),
        "missing_count": count(missing),
        "withheld_count": log.withheld_count,
        "thinned_count": log.thinned_count,
        "damaged_count": log.damaged_count,
        "untimed_count": log.untimed_count,
        "unread_count": unread.get(log.log_id, 0),
        "freed_count": count(freed(log.missing, log.held)),
        "missing_since": None if since_ms is None else format_utc(since_ms),
    }
