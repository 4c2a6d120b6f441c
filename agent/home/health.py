"""What the hub itself is doing, in lines a household can read. Pure."""

from typing import Literal

import msgspec

from agent.home.inputs import HomeInputs, HubState, MeterState
from agent.home.panelview import PanelView, advise, describe, find_fault
from agent.home.power import is_silent
from agent.home.words import format_age, format_clock, format_count, format_span
from shared.protocol import BACKLOG_AGE_MS
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_SECOND

MAX_REASONS_SHOWN = 12
"""Reasons are few by design; a page must not grow with a bug that invents them."""

MAX_REASON_CHARS = 300
"""A reason may quote what a proxy answered."""

Condition = Literal["good", "notice", "fault", "off"]


class HealthLine(msgspec.Struct, frozen=True):
    """One line of the hub's health: `condition` is good, notice, fault or off (not set up)."""

    name: str
    condition: Condition
    text: str
    hint: str


class Backlog(msgspec.Struct, frozen=True):
    """What waits for the cloud: samples, how far back they reach, how long they will yet take.

    `left_ms` is known only while a backlog is being sent.
    """

    samples: int
    behind_ms: int | None
    left_ms: int | None


def view_backlog(inputs: HomeInputs) -> Backlog:
    """Measure what waits; the newest samples, whose frame's turn is yet to come, wait too."""
    hub = inputs.hub
    if not hub.cloud_configured or not hub.backlog_samples:
        return Backlog(0, None, None)
    behind_ms = None
    if hub.oldest_unstored_at_ms is not None:
        behind_ms = max(0, inputs.now_ms - hub.oldest_unstored_at_ms)
    is_draining = behind_ms is not None and behind_ms > BACKLOG_AGE_MS and hub.cloud_connected
    return Backlog(hub.backlog_samples, behind_ms, hub.backlog_left_ms if is_draining else None)


def view_health(inputs: HomeInputs) -> list[HealthLine]:
    """Say how the hub is: meter, cloud, backlog, clock, and what a power cut would cost."""
    hub = inputs.hub
    lines = [
        _meter_line(inputs),
        _cloud_line(hub, inputs.now_ms),
        _backlog_line(hub, view_backlog(inputs)),
        _clock_line(inputs),
        _disk_line(hub),
    ]
    if hub.held_ranges:
        text = f"{format_count(hub.held_ranges, 'range')} refused by the cloud, kept here"
        lines.append(HealthLine("Held", "fault", text, "Run: hearthlink doctor"))
    lines += [*_clone_lines(hub, inputs.now_ms), *_given_up(hub)]
    if hub.panel is not None:
        lines.append(_panel_line(hub.panel))
    return lines


def _clone_lines(hub: HubState, now_ms: int) -> list[HealthLine]:
    """Say that another hub goes by this one's name: only a copy of its card can."""
    if not hub.clone_seen_ms or now_ms - hub.clone_seen_ms > MS_PER_DAY:
        return []
    text = f"another hub uses this one's identity, seen {format_age(now_ms - hub.clone_seen_ms)}"
    hint = "Was its card copied? Run one of the two only, and provision the other anew"
    return [HealthLine("Clone", "fault", text, hint)]


def _given_up(hub: HubState) -> list[HealthLine]:
    """Say what detail is not there any more, and that the energy is."""
    lines = []
    if hub.thinned_samples:
        text = f"{format_count(hub.thinned_samples, 'sample')} given up to make room"
        hint = "Half-hours or days are left of them; energy is exact. Run: hearthlink doctor"
        lines.append(HealthLine("Detail", "notice", text, hint))
    if hub.untimed_samples:
        text = f"{format_count(hub.untimed_samples, 'sample')} taken while nobody knew the time"
        hint = "No energy is lost; it counts from when the time was known. Run: hearthlink doctor"
        lines.append(HealthLine("Undated", "notice", text, hint))
    if hub.lost_samples:
        text = f"{format_count(hub.lost_samples, 'sample')} lost to a damaged disk"
        hint = "The meter's registers carry the energy. Change the card; run: hearthlink doctor"
        lines.append(HealthLine("Damage", "notice", text, hint))
    return lines


def quarantine_in_words(hub: HubState) -> list[str]:
    """Say what was set aside and why, most frequent first."""
    counts = sorted(hub.quarantined.items(), key=lambda pair: (-pair[1], pair[0]))
    words = [
        f"{format_count(count, 'time')}: {reason.replace('-', ' ').replace('_', ' ')}"
        for reason, count in counts
        if count
    ]
    if len(words) > MAX_REASONS_SHOWN:
        more = len(words) - MAX_REASONS_SHOWN
        return [*words[:MAX_REASONS_SHOWN], f"and {format_count(more, 'other reason')}"]
    return words


def _meter_line(inputs: HomeInputs) -> HealthLine:
    electric = [meter for meter in inputs.meters if meter.medium is Medium.ELECTRICITY]
    if not electric:
        return HealthLine(
            "Meter", "fault", "none heard yet", "Check the cable to the meter and its port"
        )
    silent = [meter for meter in electric if is_silent(meter)]
    if not silent:
        return HealthLine("Meter", "good", f"heard {format_age(_oldest_ms(electric))}", "")
    text = f"silent for {format_span(_oldest_ms(silent))}"
    if len(electric) > 1:
        text = f"{len(silent)} of {len(electric)} {text}"
    return HealthLine("Meter", "fault", text, "Check the cable to the meter and its port")


def _oldest_ms(meters: list[MeterState]) -> int:
    return max(meter.age_ms for meter in meters)


def _cloud_line(hub: HubState, now_ms: int) -> HealthLine:
    if not hub.cloud_configured:
        return HealthLine("Cloud", "off", "not set up; the hub works on its own", "")
    last = "no receipt since the hub started"
    if hub.last_receipt_at_ms is not None:
        last = f"last receipt {format_age(now_ms - hub.last_receipt_at_ms)}"
    if hub.cloud_connected:
        return HealthLine("Cloud", "good", f"connected, {last}", "")
    hint = "Readings are kept here and sent later"
    if hub.disconnect_reason:
        hint = f"{hint}. {hub.disconnect_reason[:MAX_REASON_CHARS]}"
    return HealthLine("Cloud", "notice", f"not connected, {last}", hint)


def _backlog_line(hub: HubState, backlog: Backlog) -> HealthLine:
    if not hub.cloud_configured:
        return HealthLine("Waiting", "off", "nothing to send: no cloud set up", "")
    if not backlog.samples:
        return HealthLine("Waiting", "good", "nothing waits to be stored", "")
    text = format_count(backlog.samples, "sample")
    if backlog.behind_ms is not None and backlog.left_ms is not None:
        span, left = format_span(backlog.behind_ms), format_span(backlog.left_ms)
        text += f", {span} behind, {left} left"
    elif backlog.behind_ms is not None:
        text += f" over {format_span(backlog.behind_ms)}"
    return HealthLine("Waiting", "good" if hub.cloud_connected else "notice", text, "")


def _clock_line(inputs: HomeInputs) -> HealthLine:
    clock = format_clock(inputs.now_ms, inputs.now_ms, inputs.zone)
    if inputs.is_clock_trusted:
        return HealthLine("Clock", "good", f"{clock}, set by {inputs.clock_source}", "")
    return HealthLine(
        "Clock",
        "fault",
        f"not confirmed ({inputs.clock_source})",
        "Readings are kept and dated once the time is known",
    )


def _panel_line(panel: PanelView) -> HealthLine:
    """Say how the panel on the wall is; what it lacks is never the meter's matter."""
    text = describe(panel)
    if panel.state not in ("connected", "lent"):
        return HealthLine("Panel", "fault", text, advise(panel))
    fault, hint = find_fault(panel)
    if fault:
        return HealthLine("Panel", "notice", f"{text}; {fault}", hint)
    return HealthLine("Panel", "good", text, "")


def _disk_line(hub: HubState) -> HealthLine:
    span = format_span(hub.commit_window_s * MS_PER_SECOND)
    waiting = format_count(hub.uncommitted_samples, "sample")
    return HealthLine(
        "Log",
        "good",
        f"{waiting} not yet on disk; a power cut costs at most the last {span} of detail, "
        "never energy",
        "",
    )
