"""Which hubs can show a meter, and who has asked them for how long. Commits nothing."""

import enum
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from cloud.db import within
from cloud.fleettables import live_demands
from cloud.households.repository import lock_hub
from cloud.scope import Scope
from cloud.tables import consent_limits, hubs, logs, revocations
from cloud.writes import upsert
from shared.consent import Granularity
from shared.shadows import LiveDemand
from shared.units import MS_PER_DAY, MS_PER_SECOND

MAX_HUBS = 16
"""Hubs that have ever read one meter and are still the household's: one, or two."""


class HubState(enum.StrEnum):
    """Whether live samples of a hub are to be expected."""

    ASKED = "asked"
    """It is connected, allowed to, and asked for them."""
    OFFLINE = "offline"
    """It is not connected; it is asked as soon as it is."""
    CONSENT = "consent"
    """The household lets less leave its home: it says so at the hub."""
    REVOKED = "revoked"
    """It is shut out."""


class LiveHub(NamedTuple):
    """A hub that reads a meter, and when the cloud last heard of it."""

    thing: str
    state: HubState
    last_seen_ms: int


def hubs_of(connection: Connection, scope: Scope, meter: str) -> list[LiveHub]:
    """List the hubs that hold a log of the meter; empty where nobody knows the meter."""
    held = select(logs.c.thing).where(within(logs, scope), logs.c.meter == meter)
    query = (
        select(
            hubs.c.thing,
            hubs.c.last_seen_ms,
            hubs.c.is_online,
            hubs.c.consent,
            consent_limits.c.granularity,
            revocations.c.revoked_at_ms,
        )
        .outerjoin(consent_limits, consent_limits.c.thing == hubs.c.thing)
        .outerjoin(revocations, revocations.c.thing == hubs.c.thing)
        .where(within(hubs, scope), hubs.c.thing.in_(held))
        .order_by(hubs.c.is_online.desc(), hubs.c.last_seen_ms.desc())
        .limit(MAX_HUBS)
    )
    return [
        LiveHub(
            row.thing,
            _state(
                is_revoked=row.revoked_at_ms is not None,
                # Before its first hello a hub has said nothing: it decides by itself anyhow.
                allows={row.consent or Granularity.LIVE, row.granularity or Granularity.LIVE},
                is_online=row.is_online,
            ),
            row.last_seen_ms,
        )
        for row in connection.execute(query)
    ]


def shown_hubs(connection: Connection, things: Sequence[str]) -> dict[str, str]:
    """Name the households of those of these hubs whose live samples may be shown.

    Left out are the unknown, the revoked, and those limited to less.
    """
    query = (
        select(hubs.c.thing, hubs.c.household_id)
        .outerjoin(consent_limits, consent_limits.c.thing == hubs.c.thing)
        .outerjoin(revocations, revocations.c.thing == hubs.c.thing)
        .where(
            hubs.c.thing.in_(things),
            revocations.c.thing.is_(None),
            func.coalesce(consent_limits.c.granularity, "").in_(("", Granularity.LIVE.value)),
        )
    )
    return {row.thing: row.household_id for row in connection.execute(query)}


def put_demand(
    connection: Connection, thing: str, holder: str, until_ms: int, now_ms: int
) -> LiveDemand:
    """Note until when a holder wants samples (the past: no longer), and say what all want now.

    The hub's row lock puts processes that ask it in one order; the revision says which.
    """
    hub = lock_hub(connection, thing, now_ms)
    of_thing = live_demands.c.thing == thing
    connection.execute(
        delete(live_demands).where(of_thing, live_demands.c.until_ms < now_ms - MS_PER_DAY)
    )
    newest = connection.execute(
        select(func.max(live_demands.c.revision)).where(of_thing)
    ).scalar_one()
    revision = max(now_ms, (newest or 0) + 1)
    row = {
        "thing": thing,
        "holder": holder,
        "household_id": hub.household_id,
        "revision": revision,
        "until_ms": until_ms,
    }
    upsert(
        connection,
        live_demands,
        [row],
        keys=("thing", "holder"),
        replace=("household_id", "revision", "until_ms"),
    )
    latest_ms = connection.execute(
        select(func.max(live_demands.c.until_ms)).where(of_thing)
    ).scalar_one()
    return LiveDemand(revision, max(-(-(latest_ms - now_ms) // MS_PER_SECOND), 0))


def _state(*, is_revoked: bool, allows: set[str], is_online: bool) -> HubState:
    if is_revoked:
        return HubState.REVOKED
    if allows != {Granularity.LIVE}:
        return HubState.CONSENT
    return HubState.ASKED if is_online else HubState.OFFLINE
