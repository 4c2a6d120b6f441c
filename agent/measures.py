"""Reads the hub's state into the numbers of `/metrics`. Decides nothing."""

from collections.abc import Iterator
from pathlib import Path

from agent import metrics
from agent.home.messages import Messages
from agent.home.panelview import PanelView
from agent.hub import Hub
from agent.wear import bytes_a_day, days_left
from shared.exposition import Measured, render
from shared.ranges import count
from shared.units import MS_PER_DAY, MS_PER_SECOND
from shared.version import VERSION

SECONDS_PER_DAY = MS_PER_DAY // MS_PER_SECOND


def render_metrics(hub: Hub) -> bytes:
    """Write down every number of one instant."""
    panel = hub.read_panel()
    return render(
        metrics.METRICS,
        [
            *_of_the_process(hub),
            *_of_the_cloud(hub),
            *_of_the_disk(hub),
            *_of_the_messages(hub.messages),
            *(_of_the_panel(panel) if panel is not None else ()),
            *(one for read in hub.read_displays for one in read()),
        ],
    )


def _of_the_process(hub: Hub) -> Iterator[Measured]:
    counts = hub.intake.counts
    yield Measured(metrics.BUILD, 1, (VERSION,))
    yield Measured(metrics.UPTIME, (hub.machine.monotonic_ms() - hub.started_ms) / MS_PER_SECOND)
    yield Measured(metrics.TELEGRAMS, counts.telegrams)
    for reason, times in sorted(counts.refused_by_reason.items()):
        yield Measured(metrics.REFUSED, times, (reason,))
    yield Measured(metrics.ROWS, counts.committed)
    yield Measured(metrics.FAILED_COMMITS, counts.failed_commits)
    yield Measured(metrics.PENDING, hub.intake.pending_rows)
    for link, state in hub.links.items():
        yield Measured(metrics.LINK_OPEN, state.is_open, (link,))
        yield Measured(metrics.LINK_LOST, state.times_lost, (link,))
    yield Measured(metrics.LATE, len(hub.liveness.late()))
    moment = hub.now()
    yield Measured(metrics.CLOCK_KNOWN, hub.ledger.is_trusted(hub.boot, moment.monotonic_ms))
    believed = hub.ledger.at(hub.boot, moment.monotonic_ms)
    if believed is not None:
        yield Measured(metrics.CLOCK_UNCERTAINTY, believed.uncertainty_ms / MS_PER_SECOND)


def _of_the_cloud(hub: Hub) -> Iterator[Measured]:
    """A hub without a cloud has no backlog: nobody will ever name its samples."""
    session = hub.session
    if session is None:
        return
    yield Measured(metrics.BACKLOG, sum(count(ranges) for _, ranges in session.unstored()))
    yield Measured(metrics.RECEIPTS, session.state.receipts)
    yield Measured(metrics.UPLINK, session.state.is_connected)


def _of_the_disk(hub: Hub) -> Iterator[Measured]:
    path = hub.config.database_path
    yield Measured(metrics.DATABASE, _size(path) + _size(Path(f"{path}-wal")))
    wear = hub.vitals.wear()
    if wear is None:
        return
    device = (wear.device,)
    yield Measured(metrics.DISK_WRITTEN, wear.written_bytes, device)
    rate, left = bytes_a_day(wear), days_left(wear, hub.config.storage_endurance_tb)
    if rate is not None:
        yield Measured(metrics.DISK_RATE, rate, device)
    if left is not None:
        yield Measured(metrics.DISK_LIFE, left * SECONDS_PER_DAY, device)


def _of_the_messages(messages: Messages) -> Iterator[Measured]:
    yield Measured(metrics.MESSAGES_WAITING, len(messages.open()))
    yield Measured(metrics.MESSAGES, messages.heard)
    yield Measured(metrics.MESSAGES_READ, messages.answered)
    yield Measured(metrics.MESSAGES_DROPPED, messages.dropped)


def _of_the_panel(panel: PanelView) -> Iterator[Measured]:
    """What the panel has never told is absent."""
    yield Measured(metrics.PANEL, panel.state == "connected", (panel.board, panel.firmware))
    if panel.heard_age_ms is not None:
        yield Measured(metrics.PANEL_SILENT, panel.heard_age_ms / MS_PER_SECOND)
    yield Measured(metrics.PANEL_STARTS, panel.starts)
    yield Measured(metrics.PANEL_LOST, panel.times_lost)
    yield Measured(metrics.PANEL_UNPLUGGED, panel.times_unplugged)
    yield Measured(metrics.PANEL_HELD_BACK, panel.times_held_back)
    yield Measured(metrics.PANEL_RESENDS, panel.resends)
    for fault, times in sorted(panel.frames_refused.items()):
        yield Measured(metrics.PANEL_REFUSED, times, (fault,))
    yield Measured(metrics.PANEL_PRESSES, panel.presses)
    yield Measured(metrics.PANEL_DROPPED, panel.presses_dropped)
    for level, times in sorted(panel.log_lines.items()):
        yield Measured(metrics.PANEL_LOG, times, (level,))
    yield Measured(metrics.PANEL_FAILURES, panel.failures)
    told = (
        (metrics.PANEL_UPTIME, panel.uptime_s),
        (metrics.PANEL_CRC, panel.crc_errors),
        (metrics.PANEL_RAM, panel.ram_free_bytes),
    )
    yield from (Measured(metric, value) for metric, value in told if value is not None)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
