"""From when until when a meter, or a hub, was a household's. Commits nothing."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from cloud.db import owned
from cloud.households.tenancies import METER
from cloud.scope import Scope
from cloud.tables import tenancies as _tenancies
from shared.units import LATEST_PLAUSIBLE_MS

_ALL_SPANS = (
    select(_tenancies.c.name, _tenancies.c.started_at_ms, _tenancies.c.ended_at_ms)
    .where(owned(_tenancies), _tenancies.c.kind == bindparam("of_kind"))
    .order_by(_tenancies.c.started_at_ms)
)
# Of every question: built once.
_SPANS = _ALL_SPANS.where(_tenancies.c.name == bindparam("of_meter"))


class Span(NamedTuple):
    """A tenancy of a meter, `[start_ms, end_ms)`.

    The reading at `end_ms` itself, which closes the last half hour, is both households' to see.
    """

    start_ms: int
    end_ms: int


ALWAYS = (Span(0, LATEST_PLAUSIBLE_MS),)
"""Of a meter that was never another household's."""


def spans_of(connection: Connection, scope: Scope, meter: str) -> Sequence[Span]:
    """Say from when until when a meter was a household's, in order."""
    asked = {"households": sorted(scope.household_ids), "of_kind": METER, "of_meter": meter}
    return _spans(connection.execute(_SPANS, asked)).get(meter, ALWAYS)


def all_spans(connection: Connection, scope: Scope, kind: str = METER) -> dict[str, list[Span]]:
    """Say so of every meter that ever changed hands, or of every thing of another `kind`."""
    asked = {"households": sorted(scope.household_ids), "of_kind": kind}
    return _spans(connection.execute(_ALL_SPANS, asked))


def _spans(rows: Iterable[Sequence[Any]]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for meter, start_ms, end_ms in rows:
        until_ms = LATEST_PLAUSIBLE_MS if end_ms is None else end_ms
        found.setdefault(meter, []).append(Span(start_ms, until_ms))
    return found
