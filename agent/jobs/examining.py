"""Reads the running hub into a diagnosis: what is counted and timed, never what is metered."""

import shutil

from agent.diagnosis import (
    MAX_LISTED,
    CloudFacts,
    Diagnosis,
    HubFacts,
    LinkFacts,
    LogFacts,
    MeterFacts,
    as_code,
    as_protocol,
    hub_facts,
    kind_of,
)
from agent.hub import Hub
from agent.status import read_home_inputs
from agent.wear import days_left
from shared.units import MS_PER_SECOND

CLOCKS = ("ntp", "cloud", "meter")


def read_diagnosis(hub: Hub, certificate_expires_ms: int | None) -> Diagnosis:
    """Read one instant of the hub."""
    now_ms = hub.machine.monotonic_ms()
    counts = hub.intake.counts
    reasons: dict[str, int] = {}
    for reason, count in hub.log.quarantine_counts().items():
        reasons[as_code(reason)] = reasons.get(as_code(reason), 0) + count
    return Diagnosis(
        made_at_ms=hub.utc_ms(),
        hub=_program(hub, now_ms),
        cloud=_cloud(hub, certificate_expires_ms),
        log=_log(hub, counts.telegrams),
        links=[
            LinkFacts(kind_of(address), link.is_open, link.times_lost)
            for address, link in list(hub.links.items())[:MAX_LISTED]
        ],
        meters=[
            MeterFacts(
                latest.heard.sample.medium,
                as_protocol(hub.protocols.get(meter, "")),
                max(0, now_ms - latest.monotonic_ms) // MS_PER_SECOND,
            )
            for meter, latest in list(hub.latest.items())[:MAX_LISTED]
        ],
        quarantined=dict(list(reasons.items())[:MAX_LISTED]),
    )


def _program(hub: Hub, now_ms: int) -> HubFacts:
    believed = hub.ledger.at(hub.boot, hub.clock.monotonic_ms())
    source = believed.source if believed else "machine"
    known = hub_facts(hub.slot)
    late = {part.partition(" ")[0] for part in hub.liveness.late()}
    return HubFacts(
        known.version,
        known.python,
        known.machine,
        known.slot,
        uptime_s=max(0, now_ms - hub.started_ms) // MS_PER_SECOND,
        clock_source=source if source in CLOCKS else "other",  # type: ignore[arg-type]
        clock_uncertainty_ms=believed.uncertainty_ms if believed else None,
        late_parts=sorted(late & {"meter", "commit", "page"}),  # type: ignore[arg-type]
        granularity=hub.consent.now,
    )


def _cloud(hub: Hub, certificate_expires_ms: int | None) -> CloudFacts | None:
    session = hub.session
    if session is None:
        return None
    state = session.state
    return CloudFacts(
        state.is_connected,
        session.is_answered,
        state.receipts,
        state.frames_sent,
        state.frames_overdue,
        state.messages_dropped,
        read_home_inputs(hub).hub.backlog_samples,
        certificate_expires_ms,
    )


def _log(hub: Hub, telegrams: int) -> LogFacts:
    counts, path = hub.intake.counts, hub.config.database_path
    inputs = read_home_inputs(hub).hub
    wear = hub.vitals.wear()
    left = days_left(wear, hub.config.storage_endurance_tb) if wear is not None else None
    return LogFacts(
        telegrams,
        counts.refused,
        counts.doubts,
        counts.committed,
        counts.failed_commits,
        hub.session.state.database_errors if hub.session else 0,
        inputs.thinned_samples,
        inputs.lost_samples,
        path.stat().st_size >> 10,
        shutil.disk_usage(path.parent).free >> 20,
        None if left is None else max(0, int(left)),
    )
