"""Changes as far as what changed was the household's own: a query's condition. Commits nothing.

A handover that is dated back leaves days noted for the household before that it no longer lived
through. A change that is of no single day is kept: it tells of none.
"""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, or_, true

from cloud.changes.kinds import NO_DAY, OF_HUBS, day_of_instant
from cloud.households.spans import Span, all_spans
from cloud.households.tenancies import HUB
from cloud.scope import Scope
from cloud.tables import changes


def held_changes(connection: Connection, scope: Scope, zone: ZoneInfo) -> ColumnElement[bool]:
    """Write the condition: days within a tenancy of the meter, and of hubs what changed in one."""
    meters = all_spans(connection, scope)
    hubs = all_spans(connection, scope, HUB)
    if not meters and not hubs:
        return true()
    is_of_hub = changes.c.kind.in_(sorted(OF_HUBS))
    return and_(
        or_(
            is_of_hub,
            changes.c.local_day == NO_DAY,
            changes.c.subject.not_in(sorted(meters)),
            *_in_days(meters, zone),
        ),
        or_(~is_of_hub, changes.c.subject.not_in(sorted(hubs)), *_in_times(hubs)),
    )


def _in_days(meters: Mapping[str, Sequence[Span]], zone: ZoneInfo) -> list[ColumnElement[bool]]:
    return [
        and_(
            changes.c.subject == meter,
            changes.c.local_day >= day_of_instant(span.start_ms, zone),
            # What ends at midnight has no part in the day that begins then.
            changes.c.local_day <= day_of_instant(max(span.end_ms - 1, 0), zone),
        )
        for meter, spans in meters.items()
        for span in spans
    ]


def _in_times(hubs: Mapping[str, Sequence[Span]]) -> list[ColumnElement[bool]]:
    return [
        and_(
            changes.c.subject == thing,
            changes.c.changed_at_ms >= span.start_ms,
            changes.c.changed_at_ms <= span.end_ms,
        )
        for thing, spans in hubs.items()
        for span in spans
    ]
