"""Why a time has no reading, from what a log holds on both sides of it and how its hub is. Pure."""

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cloud.ingest.gaps import Missing
from shared.consent import Granularity
from shared.frames import GapKind
from shared.ranges import count, intersect
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE

DUE_MS = {
    Granularity.LIVE: 15 * MS_PER_MINUTE,
    Granularity.TEN_SECONDS: 15 * MS_PER_MINUTE,
    Granularity.HALF_HOURLY: 45 * MS_PER_MINUTE,
    Granularity.DAILY: MS_PER_DAY + 2 * MS_PER_HOUR,
}
"""How long after a reading the next one may be on its way: frames leave every few minutes, and what
is withheld until a half hour or a day has ended leaves after it."""


class MissingReason(enum.StrEnum):
    """Why there is no reading."""

    NOT_RECEIVED = "not-received"
    """The hub has it and has not sent it yet."""
    LOST = "lost"
    """The hub had it and has it no more: it will not come."""
    WITHHELD = "withheld"
    """The household's consent does not let it leave the home."""
    THINNED = "thinned"
    """The hub gave it up to make room."""
    DAMAGED = "damaged"
    """The hub cannot read it any more."""
    UNTIMED = "untimed"
    """Nobody knows when it was taken."""
    METER_SILENT = "meter-silent"
    """The hub logged nothing: the meter said nothing, or the hub was off."""
    GATEWAY_OFFLINE = "gateway-offline"
    """The hub is not connected: what it has logged since comes when it is."""
    GATEWAY_REVOKED = "gateway-revoked"
    """The hub is shut out."""
    NOT_DUE = "not-due"
    """Readings of this time leave the hub later, as consent and its pace have it."""
    BEFORE_FIRST = "before-first"
    """No hub read the meter yet."""
    UNKNOWN = "unknown"
    """What would tell is kept for 13 months, and is gone."""


class Between(NamedTuple):
    """What lies between two readings of one log; a sequence is None where there is none.

    `declared` counts places by the reason the hub gave, `missing` lists what the cloud lacks with
    whether the hub still holds it.
    """

    last_seq: int | None
    next_seq: int | None
    declared: Mapping[GapKind, int]
    missing: Sequence[tuple[Missing, bool]]


class Gateway(NamedTuple):
    """How a log's hub is; `consent` the narrower of its own word and the cloud's limit."""

    is_online: bool
    is_revoked: bool
    last_seen_ms: int
    consent: Granularity


class Found(NamedTuple):
    """One reason, of how many samples, and since when the cloud knows; None where not counted."""

    reason: MissingReason
    samples: int | None = None
    since_ms: int | None = None


def explain(between: Between, gateway: Gateway, last_ms: int | None, now_ms: int) -> list[Found]:
    """Say why one log has no reading between two, the most telling reason first.

    `last_ms` is the last reading before, None where there is none.
    """
    if between.last_seq is None and between.next_seq is None:
        return [Found(MissingReason.UNKNOWN)]
    if between.last_seq is None:
        return [Found(MissingReason.BEFORE_FIRST)]
    found = [*_lacking(between), *_declared(between)]
    if between.next_seq is not None:
        return found or [Found(MissingReason.METER_SILENT)]
    if gateway.is_revoked:
        return [Found(MissingReason.GATEWAY_REVOKED), *found]
    if not gateway.is_online:
        return [Found(MissingReason.GATEWAY_OFFLINE, since_ms=gateway.last_seen_ms), *found]
    return found or [Found(_of_the_end(gateway, last_ms, now_ms))]


def _of_the_end(gateway: Gateway, last_ms: int | None, now_ms: int) -> MissingReason:
    """Say why nothing has come of late from a hub that is there."""
    if gateway.consent is Granularity.NONE:
        return MissingReason.WITHHELD
    is_due = last_ms is None or now_ms - last_ms > DUE_MS[gateway.consent]
    return MissingReason.METER_SILENT if is_due else MissingReason.NOT_DUE


def _lacking(between: Between) -> list[Found]:
    low = (between.last_seq or 0) + 1
    high = between.next_seq - 1 if between.next_seq is not None else 1 << 62
    found = []
    for is_held, reason in ((True, MissingReason.NOT_RECEIVED), (False, MissingReason.LOST)):
        parts = [one for one, held in between.missing if held is is_held]
        lacking = intersect([one[:2] for one in parts], [(low, high)])
        if lacking:
            touching = [one for one in parts if one.first_seq <= high and low <= one.last_seq]
            since_ms = min(one.since_ms for one in touching)
            found.append(Found(reason, count(lacking), since_ms))
    return found


def _declared(between: Between) -> list[Found]:
    order = (GapKind.WITHHELD, GapKind.DAMAGED, GapKind.THINNED, GapKind.UNTIMED)
    return [
        Found(MissingReason(kind.value), between.declared[kind])
        for kind in order
        if between.declared.get(kind)
    ]
