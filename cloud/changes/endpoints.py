"""`/v1/changes`: which days, costs, meters and agreements changed since an app last looked.

Late data re-opens days, and an app cannot guess which.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection, select
from starlette.concurrency import run_in_threadpool

from cloud.answers import reply
from cloud.auth import Caller
from cloud.changes.bearing import Filling, FillingsOf, cost_until
from cloud.changes.cursor import MAX_CURSOR_CHARS, expired, read_cursor, write_cursor
from cloud.changes.kinds import OF_HUBS, ChangeKind, date_of
from cloud.changes.repository import Changed, list_changes, read_counter
from cloud.changes.schemas import ChangePage
from cloud.changes.waiting import ChangeWatch
from cloud.errors import RESPONSES, Problem
from cloud.parts import Parts, Shared
from cloud.problems import PROBLEM_MEDIA_TYPE
from cloud.scope import Scope
from cloud.tables import store
from shared.instants import format_utc

PAGE = 200
MAX_PAGE = 1_000
MAX_WAIT_S = 30
"""Below what proxies and phones give up a silent request after."""

router = APIRouter(
    prefix="/v1/changes",
    tags=["changes"],
    responses={
        **RESPONSES,
        410: {
            "model": Problem,
            "content": {PROBLEM_MEDIA_TYPE: {}},
            "description": "The cursor is too old: begin anew without one",
        },
    },
)


class _Page(NamedTuple):
    changes: list[Changed]
    revision: int
    next: str
    has_more: bool
    fillings: Mapping[str, Sequence[Filling]] = MappingProxyType({})


@router.get("", response_model=ChangePage, summary="What changed since a cursor")
async def get(
    request: Request,
    parts: Shared,
    scope: Caller,
    after: Annotated[
        str | None,
        Query(
            max_length=MAX_CURSOR_CHARS,
            description="`next` of an earlier answer; left out, the answer is empty and `next` is "
            "where to begin",
            examples=["kR0lq3sBAAAAAAAAAHs"],
        ),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_PAGE, description="Changes at most", examples=[PAGE])
    ] = PAGE,
    wait_s: Annotated[
        int,
        Query(
            ge=0,
            le=MAX_WAIT_S,
            description="Where nothing changed, wait so many seconds for something that does",
            examples=[0],
        ),
    ] = 0,
) -> Response:
    """List what changed after the cursor. A thing is listed once, at its newest change.

    Take a cursor first and read what you show after it: then nothing that changes meanwhile is
    missed. 410 says that a cursor is over 90 days old, or of a store that was put back from a copy:
    take a new one, and read again all that you show.
    """
    fillings_of: FillingsOf = request.app.state.fillings_of
    page = await run_in_threadpool(_read, parts, scope, fillings_of, after, limit)
    if wait_s and after is not None and not page.changes:
        watch: ChangeWatch = request.app.state.change_watch
        await watch.wait(scope.only, page.revision, wait_s)
        page = await run_in_threadpool(_read, parts, scope, fillings_of, after, limit)
    entries = [_entry(one, page.fillings.get(one.subject, ())) for one in page.changes]
    return reply({"changes": entries, "next": page.next, "has_more": page.has_more})


def _read(
    parts: Parts, scope: Scope, fillings_of: FillingsOf, after: str | None, limit: int
) -> _Page:
    with parts.database.reading(scope) as connection:
        store_id = _store_id(connection)
        # Before the rows: what is committed in between is then among them, or comes next time.
        counter = read_counter(connection, scope)
        if after is None:
            cursor = write_cursor(store_id, scope.only, counter.revision)
            return _Page([], counter.revision, cursor, has_more=False)
        revision = read_cursor(after, store_id, scope.only)
        if revision < counter.expired_revision:
            raise expired("changes are kept for 90 days")
        if revision > counter.revision:
            raise expired("the store was put back from a copy")
        found = list_changes(connection, scope, revision, limit + 1)
        listed = found[:limit]
        used = {one.subject for one in listed if one.kind is ChangeKind.USAGE}
        fillings = fillings_of(connection, scope, used)
    reached = listed[-1].revision if listed else revision
    has_more = len(found) > limit
    if not has_more:
        reached = max(reached, counter.revision)
    cursor = write_cursor(store_id, scope.only, reached)
    return _Page(listed, reached, cursor, has_more, fillings)


def _store_id(connection: Connection) -> str:
    found = connection.execute(select(store.c.store_id).where(store.c.id == 1))
    return str(found.scalar_one_or_none() or "")


def _entry(one: Changed, fillings: Sequence[Filling]) -> dict[str, Any]:
    is_of_hub = one.kind in OF_HUBS
    day = date_of(one.local_day)
    return {
        "kind": one.kind,
        "meter": None if is_of_hub else one.subject,
        "gateway": one.subject if is_of_hub else None,
        "day": None if day is None else day.isoformat(),
        "cost_until": _cost_until(one, fillings),
        "changed_at": format_utc(one.changed_at_ms),
    }


def _cost_until(one: Changed, fillings: Sequence[Filling]) -> str | None:
    day = date_of(one.local_day)
    if day is None or one.kind not in (ChangeKind.USAGE, ChangeKind.COST):
        return None
    # A price is of its day alone; what was used fills the tiers of those after it.
    return cost_until(day, fillings if one.kind is ChangeKind.USAGE else ()).isoformat()
