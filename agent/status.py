"""Reads the hub's state into what the display shows. Decides nothing."""

from agent.home.inputs import Counter, HomeInputs, HubState, MeterState
from agent.home.words import format_count
from agent.hub import Hub
from agent.latest import Latest
from agent.log import Log
from agent.roles import Role
from agent.rows import LogRow
from agent.upkeep.salvage import read_salvage
from shared.ranges import count
from shared.readings import Medium


def read_home_inputs(hub: Hub) -> HomeInputs:
    """Read one instant of the home."""
    monotonic_ms = hub.clock.monotonic_ms()
    believed = hub.ledger.at(hub.boot, monotonic_ms)
    return HomeInputs(
        now_ms=hub.likely_ms(),
        zone=hub.config.hub_zone,
        is_clock_trusted=hub.ledger.is_trusted(hub.boot, monotonic_ms),
        clock_source=believed.source if believed else "machine",
        meters=[
            _meter_state(hub, latest, hub.machine.monotonic_ms() - latest.monotonic_ms)
            for latest in hub.latest.values()
        ],
        electricity_slots=hub.history.usage("import_mwh", Medium.ELECTRICITY),
        export_slots=hub.history.usage("export_mwh", Medium.ELECTRICITY),
        gas_slots=hub.history.usage("gas_l", Medium.GAS),
        tariff=hub.tariffs.current(Medium.ELECTRICITY),
        gas_tariff=hub.tariffs.current(Medium.GAS),
        hub=_hub_state(hub),
        generation_slots=hub.history.usage_of(
            hub.roles.meters_of(Role.GENERATION), "export_mwh", Medium.ELECTRICITY
        ),
        messages=hub.messages.all(),
        budget_millionths=hub.budget.millionths,
        logged_meters=hub.history.meters(),
        prepayment=hub.credits.shown(now_ms=hub.machine.monotonic_ms(), utc_ms=hub.likely_ms()),
    )


def read_counters(hub: Hub) -> dict[str, list[Counter]]:
    """Read what is committed of each meter's counters since the start, each with its run."""
    runs: dict[str, dict[str, str]] = {}
    for meter_log in hub.log.all_logs():
        if meter_log.meter in hub.counters:
            of_meter = runs.setdefault(meter_log.meter, {})
            of_meter |= {change.register: change.run for change in hub.log.runs(meter_log.log)}
    return {
        meter: [
            Counter(register, runs.get(meter, {}).get(register, ""), value)
            for register, value in said.items()
        ]
        for meter, said in hub.counters.items()
    }


def _meter_state(hub: Hub, latest: Latest, age_ms: int) -> MeterState:
    sample = latest.heard.sample
    return MeterState(
        sample.meter,
        sample.medium,
        latest.heard.at_ms,
        age_ms,
        sample.registers,
        hub.roles.role_of(sample.meter),
        latest.rhythm_ms,
    )


def _hub_state(hub: Hub) -> HubState:
    session = hub.session
    unstored = session.unstored() if session else []
    receipt_at_ms = None
    if session and session.state.last_receipt_ms is not None:
        receipt_at_ms = hub.utc_ms() - (hub.machine.monotonic_ms() - session.state.last_receipt_ms)
    return HubState(
        cloud_configured=session is not None,
        cloud_connected=session.state.is_connected if session else False,
        last_receipt_at_ms=receipt_at_ms,
        backlog_samples=sum(count(ranges) for _, ranges in unstored),
        oldest_unstored_at_ms=_oldest_unstored_ms(hub),
        quarantined=hub.log.quarantine_counts(),
        held_ranges=sum(
            len(session.delivery(meter_log.log).refused) for meter_log in hub.log.all_logs()
        )
        if session
        else 0,
        uncommitted_samples=hub.intake.pending_rows,
        commit_window_s=round(hub.pace.commit_window_s),
        granularity=hub.consent.now.value,
        thinned_samples=hub.retention.thinned,
        untimed_samples=hub.retention.untimed,
        lost_samples=_lost_samples(hub.log),
        backlog_left_ms=session.left_ms() if session else None,
        chosen_granularity=hub.consent.chosen.value,
        is_choice_lost=hub.sharing.is_choice_lost,
        is_limited=hub.consent.now is not hub.consent.chosen,
        disconnect_reason=session.state.disconnect_reason if session else "",
        clone_seen_ms=session.state.clone_seen_ms if session else 0,
        panel=hub.read_panel(),
    )


def _lost_samples(log: Log) -> int:
    """Count what a damaged database cost: what is declared, and what nobody knows the meter of."""
    salvage = read_salvage(log)
    return (salvage.orphans + salvage.unread if salvage else 0) + sum(
        count([declared[:2] for declared in log.declared_damage(one.log)]) for one in log.all_logs()
    )


def _oldest_unstored_ms(hub: Hub) -> int | None:
    """Tell when the oldest sample was taken that no receipt has named."""
    times = []
    for meter_log, ranges in hub.session.unstored() if hub.session else []:
        for first_seq, _ in ranges[:1]:
            for row in hub.log.read(meter_log.log, first_seq, first_seq):
                resolved = hub.ledger.resolve(row) if isinstance(row, LogRow) else None
                if resolved is not None:
                    times.append(resolved[0])
    return min(times, default=None)


def in_a_line(hub: Hub) -> str:
    """Say in a line what the hub is doing, for the service manager's status."""
    opened = sum(link.is_open for link in hub.links.values())
    session = hub.session
    cloud = "no cloud set up"
    if session is not None:
        cloud = "cloud connected" if session.state.is_connected else "cloud not connected"
        if hub.consent.now is not hub.consent.chosen:
            cloud += f", which limits what leaves to {hub.consent.now.value}"
    panel = hub.read_panel()
    wall = f", panel {panel.state}" if panel is not None else ""
    return (
        f"{opened} of {format_count(len(hub.links), 'meter link')} open, "
        f"{hub.intake.counts.committed:,} samples committed, "
        f"{hub.intake.pending_rows} waiting for the disk, {cloud}{wall}"
    )
