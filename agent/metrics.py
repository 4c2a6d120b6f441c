"""What `/metrics` offers: every metric's name, kind and meaning, and how it is written down. Pure.

Names and units follow Prometheus's conventions (base units, `_total` for what only counts up);
counters begin anew with the process. The text is the exposition format, version 0.0.4.
"""

import enum
from collections.abc import Iterable, Mapping
from typing import NamedTuple

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(enum.StrEnum):
    """What a number may do: only count up, or go either way."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Metric(NamedTuple):
    """One metric, with its labels' names."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


class Measured(NamedTuple):
    """One number of a metric, with its labels' values in the order of their names."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


def _counter(name: str, help_: str, *labels: str) -> Metric:
    return Metric(f"hearthlink_{name}_total", Kind.COUNTER, help_, labels)


def _gauge(name: str, help_: str, *labels: str) -> Metric:
    return Metric(f"hearthlink_{name}", Kind.GAUGE, help_, labels)


BUILD = _gauge("build_info", "Always 1; the version is the label.", "version")
UPTIME = _gauge("uptime_seconds", "Seconds since the hub started.")
TELEGRAMS = _counter("telegrams", "Telegrams decoded.")
REFUSED = _counter("refused", "Input set aside, by its reason in doctor.md.", "reason")
ROWS = _counter("rows_committed", "Samples made durable in the log.")
FAILED_COMMITS = _counter(
    "commits_failed", "Group commits that the disk refused; they are retried."
)
PENDING = _gauge("rows_pending", "Samples that wait for the next group commit.")
BACKLOG = _gauge("backlog_rows", "Samples in the log that no receipt has named.")
RECEIPTS = _counter("receipts", "Receipts heard from the cloud.")
UPLINK = _gauge("uplink_connected", "1 while the hub is connected to the broker.")
LINK_OPEN = _gauge("link_open", "1 while a meter's link is open.", "link")
LINK_LOST = _counter("link_lost", "How often a meter's link was lost or fell silent.", "link")
LATE = _gauge("parts_late", "Parts that the watchdog gets no answer from; 0 is well.")
CLOCK_KNOWN = _gauge("clock_known", "1 while the time is known well enough to send samples.")
CLOCK_UNCERTAINTY = _gauge(
    "clock_uncertainty_seconds", "How far off the hub's time may be; absent while it knows none."
)
DATABASE = _gauge("database_bytes", "Size of the database's file and of its write-ahead log.")
DISK_WRITTEN = _counter(
    "disk_written_bytes",
    "Bytes written to the state folder's whole device by all programs, since it was first seen.",
    "device",
)
DISK_RATE = _gauge(
    "disk_written_bytes_per_day", "The same in a day, at the rate of the last weeks.", "device"
)
DISK_LIFE = _gauge(
    "disk_life_seconds",
    "Seconds until the device has taken storage.endurance_tb, at that rate.",
    "device",
)

PANEL = _gauge("panel_connected", "1 while a display panel answers.", "board", "firmware")
PANEL_SILENT = _gauge("panel_silent_seconds", "Seconds since any byte came from the panel.")
PANEL_STARTS = _counter("panel_starts", "Starts of the panel that the hub saw.")
PANEL_LOST = _counter("panel_lost", "How often the panel stopped acknowledging.")
PANEL_UNPLUGGED = _counter("panel_unplugged", "How often the panel's port went away.")
PANEL_HELD_BACK = _counter(
    "panel_held_back", "Pauses made because the panel sent more than a line carries."
)
PANEL_RESENDS = _counter("panel_resends", "Frames sent to the panel once more.")
PANEL_REFUSED = _counter(
    "panel_frames_refused", "Frames of the panel refused, by the fault in panel.md.", "fault"
)
PANEL_PRESSES = _counter("panel_presses", "Presses of the panel's buttons taken.")
PANEL_DROPPED = _counter("panel_presses_dropped", "Presses beyond ten a second.")
PANEL_LOG = _counter("panel_log_lines", "Lines of the panel's own log.", "level")
PANEL_FAILURES = _counter("panel_failures", "Turns in which the panel could not be fed.")
PANEL_UPTIME = _gauge("panel_uptime_seconds", "Seconds since the panel's start, as it told last.")
PANEL_CRC = _gauge("panel_crc_errors", "Frames the panel refused since its start, as it told last.")
PANEL_RAM = _gauge("panel_ram_free_bytes", "The panel's free RAM, as it told last.")

MESSAGES_WAITING = _gauge("messages_waiting", "Messages of the supplier that nobody has read yet.")
MESSAGES = _counter("messages", "Messages of the supplier that a meter brought.")
MESSAGES_READ = _counter("messages_acknowledged", "Messages that the household took as read.")
MESSAGES_DROPPED = _counter("messages_dropped", "Messages given up unread: there were too many.")
PICTURES = _counter("screen_pictures", "Pictures drawn on the hub's own screen.")
SCREEN_FAILURES = _counter("screen_failures", "Times that the screen took none, or did not open.")
HOME_BROKER = _gauge(
    "homeassistant_connected", "1 while the hub is connected to the household's broker."
)
HOME_CONNECTS = _counter("homeassistant_connects", "Connections made to the household's broker.")
HOME_BIRTHS = _counter("homeassistant_births", "Starts of Home Assistant that the hub heard of.")
HOME_FAILURES = _counter("homeassistant_failures", "Turns in which nothing could be told it.")
HOME_REFUSED = _counter("homeassistant_unsent", "What was not sent it: too much waited.")
HOME_PRESSES = _counter("homeassistant_presses", "Messages taken as read by its button.")
HOME_STRAY = _counter("homeassistant_presses_refused", "Presses that named no message that waits.")

OF_THE_PANEL = (
    *(PANEL, PANEL_SILENT, PANEL_STARTS, PANEL_LOST, PANEL_UNPLUGGED, PANEL_HELD_BACK),
    *(PANEL_RESENDS, PANEL_REFUSED, PANEL_PRESSES, PANEL_DROPPED, PANEL_LOG, PANEL_FAILURES),
    *(PANEL_UPTIME, PANEL_CRC, PANEL_RAM),
)

OF_OTHER_DISPLAYS = (
    *(PICTURES, SCREEN_FAILURES, HOME_BROKER, HOME_CONNECTS, HOME_BIRTHS, HOME_FAILURES),
    *(HOME_REFUSED, HOME_PRESSES, HOME_STRAY),
)

METRICS: tuple[Metric, ...] = (
    BUILD,
    UPTIME,
    TELEGRAMS,
    REFUSED,
    ROWS,
    FAILED_COMMITS,
    PENDING,
    BACKLOG,
    RECEIPTS,
    UPLINK,
    LINK_OPEN,
    LINK_LOST,
    LATE,
    CLOCK_KNOWN,
    CLOCK_UNCERTAINTY,
    DATABASE,
    DISK_WRITTEN,
    DISK_RATE,
    DISK_LIFE,
    *(MESSAGES_WAITING, MESSAGES, MESSAGES_READ, MESSAGES_DROPPED),
    *OF_THE_PANEL,
    *OF_OTHER_DISPLAYS,
)
"""Every metric, in the order it is written; the reference is made from this."""


def render(measured: Iterable[Measured]) -> bytes:
    """Write the numbers down, each metric's together below its meaning and kind."""
    by_metric: dict[str, list[Measured]] = {}
    for one in measured:
        by_metric.setdefault(one.metric.name, []).append(one)
    lines: list[str] = []
    for metric in METRICS:
        found = by_metric.get(metric.name)
        if found:
            lines.append(f"# HELP {metric.name} {metric.help}")
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            lines += [_line(one) for one in found]
    return "\n".join([*lines, ""]).encode()


def _line(one: Measured) -> str:
    labels = dict(zip(one.metric.labels, one.labels, strict=True))
    return f"{one.metric.name}{_braced(labels)} {one.value:.15g}"


def _braced(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
