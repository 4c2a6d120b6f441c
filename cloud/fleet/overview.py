"""A hub as the operator sees it, and what about it needs somebody. Pure.

Brings together what ingest knows of a hub and what the hub's health shadow says.
"""

from typing import Any, NamedTuple

import msgspec

from cloud.households.repository import Hub
from cloud.ingest import clones
from shared.instants import format_utc
from shared.shadows import HubHealth
from shared.units import MS_PER_DAY, MS_PER_HOUR

CERTIFICATE_WARNING_DAYS = 60
"""A hub renews at two thirds of a certificate's life: with so little left it has tried in vain."""

CARD_WARNING_DAYS = 365
CLOCK_LIMIT_MS = 2_000
"""Samples that are less certain are not sent."""

SILENT_MS = 2 * MS_PER_HOUR
"""A hub says something every few minutes, its health hourly."""

BACKLOG_WARNING = 8_640
"""A day of samples at one in ten seconds."""


class HubView(NamedTuple):
    """What there is to say of a hub; times are RFC 3339, None where it is not known."""

    thing: str
    household_id: str
    is_online: bool
    last_seen: str
    agent_version: str
    revoked_at: str | None
    health_reported_at: str | None
    clock_source: str | None
    clock_uncertainty_ms: int | None
    backlog_samples: int | None
    certificate_expires: str | None
    card_life_days: int | None
    slot: str | None
    page_answers: bool | None
    clone_seen_at: str | None
    clone_takeovers: int
    meters: list[dict[str, Any]]
    problems: list[str]
    concerns: list[str]


def read_health(reported: dict[str, Any] | None) -> HubHealth | None:
    """Read a hub's health; None where it has said none, or what no program of ours says."""
    try:
        return msgspec.convert(reported, HubHealth)
    except msgspec.ValidationError:
        return None


def view(
    hub: Hub,
    revoked_at_ms: int | None,
    health: HubHealth | None,
    expires_ms: int | None,
    now_ms: int,
) -> HubView:
    """Describe a hub; `expires_ms` is the end of its certificate where the registry knows it."""
    if expires_ms is None and health is not None:
        expires_ms = health.certificate_expires_ms
    runs = clones.read_runs(hub.runs)
    return HubView(
        thing=hub.thing,
        household_id=hub.household_id,
        is_online=hub.is_online,
        last_seen=format_utc(hub.last_seen_ms),
        agent_version=hub.agent_version,
        revoked_at=_at(revoked_at_ms),
        health_reported_at=_at(health.reported_at_ms if health else None),
        clock_source=health.clock_source if health else None,
        clock_uncertainty_ms=health.clock_uncertainty_ms if health else None,
        backlog_samples=health.backlog_samples if health else None,
        certificate_expires=_at(expires_ms),
        card_life_days=health.card_life_days if health else None,
        slot=health.slot if health else None,
        page_answers=health.page_answers if health else None,
        clone_seen_at=_at(clones.told_ms(runs, now_ms) or None),
        clone_takeovers=runs.takeovers,
        meters=[_meter(one) for one in msgspec.to_builtins(health.meters)] if health else [],
        problems=health.problems if health else [],
        concerns=concerns(hub, revoked_at_ms, health, expires_ms, now_ms),
    )


def concerns(
    hub: Hub,
    revoked_at_ms: int | None,
    health: HubHealth | None,
    expires_ms: int | None,
    now_ms: int,
) -> list[str]:
    """Say what about a hub needs somebody, the worst first; a revoked hub needs nobody."""
    if revoked_at_ms is not None:
        return ["revoked"]
    found = []
    if expires_ms is not None and expires_ms <= now_ms:
        found.append("certificate expired")
    if clones.told_ms(clones.read_runs(hub.runs), now_ms):
        found.append("a second hub uses this identity")
    if now_ms - hub.last_seen_ms > SILENT_MS:
        found.append(f"silent for {(now_ms - hub.last_seen_ms) // MS_PER_HOUR} h")
    if expires_ms is not None and 0 < expires_ms - now_ms < CERTIFICATE_WARNING_DAYS * MS_PER_DAY:
        found.append(f"certificate ends in {(expires_ms - now_ms) // MS_PER_DAY} days")
    return found + (["no health reported"] if health is None else _unwell(health))


def _unwell(health: HubHealth) -> list[str]:
    """Say what of its own health a hub should be helped with."""
    found = []
    if health.clock_uncertainty_ms is None or health.clock_uncertainty_ms > CLOCK_LIMIT_MS:
        found.append("clock not trusted")
    if health.backlog_samples > BACKLOG_WARNING:
        found.append(f"backlog of {health.backlog_samples} samples")
    if health.card_life_days is not None and health.card_life_days < CARD_WARNING_DAYS:
        found.append(f"card lasts {health.card_life_days} days")
    if health.problems:
        found.append(f"{len(health.problems)} problems reported")
    return found


def _meter(meter: dict[str, Any]) -> dict[str, Any]:
    heard_ms = meter.pop("last_heard_ms", None)
    return {**meter, "last_heard": _at(heard_ms)}


def _at(at_ms: int | None) -> str | None:
    return None if at_ms is None or not 0 <= at_ms < MAX_TIME_MS else format_utc(at_ms)


MAX_TIME_MS = 253_402_300_800_000
"""The year 10000: a hub may say what it likes, and RFC 3339 ends there."""
