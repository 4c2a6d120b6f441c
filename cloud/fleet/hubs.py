"""What the fleet's view is made of, read from the tables of ingest, shadows and households."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from cloud.fleet import records
from cloud.fleet.claims import installer_of
from cloud.fleet.overview import HubView, read_health, view
from cloud.fleet.report import Evidence, FirstReading, Receipted, check_installer
from cloud.households.repository import Hub
from cloud.households.revocations import find_revocation
from cloud.households.tenancies import find_household
from cloud.ingest.repository import Log, list_logs
from cloud.problems import NotFoundError
from cloud.scope import Scope
from cloud.shadows.repository import list_shadows
from cloud.tables import frames, hubs, revocations
from shared import topics
from shared.errors import FrameError
from shared.frames import decode_frame
from shared.instants import format_utc
from shared.ranges import count, union

FRAMES_TRIED = 16
"""The first frames of a log may declare gaps alone: so many are looked into for a sample."""

_HUB = [hubs.c[name] for name in Hub._fields]


def list_views(connection: Connection, after: str, limit: int, now_ms: int) -> list[HubView]:
    """List hubs of every household by name, those after a name: the operator's alone."""
    query = select(*_HUB).where(hubs.c.thing > after).order_by(hubs.c.thing).limit(limit)
    found = [Hub(*row) for row in connection.execute(query)]
    return _views(connection, found, now_ms)


def find_view(connection: Connection, thing: str, now_ms: int) -> tuple[Hub, HubView]:
    """Read one hub; raises NotFoundError."""
    row = connection.execute(select(*_HUB).where(hubs.c.thing == thing)).one_or_none()
    if row is None:
        raise NotFoundError(f"no hub {thing!r}", hint="GET /v1/fleet/hubs lists them")
    hub = Hub(*row)
    return hub, _views(connection, [hub], now_ms)[0]


def gather(connection: Connection, thing: str, installer: str, now_ms: int) -> Evidence:
    """Read all that a commissioning report is made of: of the present household alone."""
    hub, seen = find_view(connection, thing, now_ms)
    household = find_household(connection, hub.household_id)
    scope = Scope.of(hub.household_id)
    logs = list_logs(connection, scope, thing)
    held = records.list_of_thing(connection, thing, records.Status.ACTIVE)
    # The one in use; of a hub that has not said which, the newest.
    used = next((one for one in held if one.seen_at_ms is not None), held[0] if held else None)
    first = {
        log.meter: reading
        for log in reversed(logs)
        if log.meter and (reading := _first_reading(connection, log)) is not None
    }
    stored = sum(count(union(one[:2] for one in log.coverage)) for log in logs)
    return Evidence(
        made_at_ms=now_ms,
        household=household.name if household else "",
        installer=check_installer(installer or installer_of(connection, thing)),
        view=seen,
        last_seen_ms=hub.last_seen_ms,
        first_readings=first,
        receipted=Receipted(stored, any(log.receipted_at_ms and log.coverage for log in logs)),
        certificate_begins_ms=None if used is None else used.issued_at_ms,
        certificate_ends_ms=_said_ms(connection, thing) if used is None else used.not_after_ms,
    )


def _views(connection: Connection, found: Sequence[Hub], now_ms: int) -> list[HubView]:
    things = [hub.thing for hub in found]
    kept = list_shadows(connection, things, topics.HEALTH_SHADOW)
    revoked = _revoked(connection, things)
    expiries = records.expiries(connection, things)
    return [
        view(
            hub,
            revoked.get(hub.thing),
            read_health(kept[hub.thing].shadow.reported.state) if hub.thing in kept else None,
            expiries.get(hub.thing),
            now_ms,
        )
        for hub in found
    ]


def _revoked(connection: Connection, things: Sequence[str]) -> dict[str, int]:
    if len(things) == 1:
        one = find_revocation(connection, things[0])
        return {} if one is None else {one.thing: one.revoked_at_ms}
    query = select(revocations.c.thing, revocations.c.revoked_at_ms)
    rows = connection.execute(query.where(revocations.c.thing.in_(things)))
    return {row.thing: row.revoked_at_ms for row in rows}


def _said_ms(connection: Connection, thing: str) -> int | None:
    """Read the end of a certificate that another registry issued, as the hub says it."""
    kept = list_shadows(connection, [thing], topics.HEALTH_SHADOW).get(thing)
    health = read_health(kept.shadow.reported.state) if kept else None
    return health.certificate_expires_ms if health else None


def _first_reading(connection: Connection, log: Log) -> FirstReading | None:
    """Read the first sample that is stored of a log."""
    query = (
        select(frames.c.payload)
        .where(frames.c.log_id == log.log_id, frames.c.first_taken_at_ms.is_not(None))
        .order_by(frames.c.first_seq, frames.c.revision.desc())
        .limit(FRAMES_TRIED)
    )
    for payload in connection.execute(query).scalars():
        try:
            samples = decode_frame(payload).samples()
        except FrameError:
            continue
        for sample in samples:
            return FirstReading(format_utc(sample.taken_at_ms), sample.registers)
    return None
