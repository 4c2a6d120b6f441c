"""What the hub's `/metrics` offers: every metric's name, kind and meaning. Pure."""

from shared.exposition import Metric, counter, gauge

BUILD = gauge("build_info", "Always 1; the version is the label.", "version")
UPTIME = gauge("uptime_seconds", "Seconds since the hub started.")
TELEGRAMS = counter("telegrams", "Telegrams decoded.")
REFUSED = counter("refused", "Input set aside, by its reason in doctor.md.", "reason")
ROWS = counter("rows_committed", "Samples made durable in the log.")
FAILED_COMMITS = counter("commits_failed", "Group commits that the disk refused; they are retried.")
PENDING = gauge("rows_pending", "Samples that wait for the next group commit.")
BACKLOG = gauge("backlog_rows", "Samples in the log that no receipt has named.")
RECEIPTS = counter("receipts", "Receipts heard from the cloud.")
UPLINK = gauge("uplink_connected", "1 while the hub is connected to the broker.")
LINK_OPEN = gauge("link_open", "1 while a meter's link is open.", "link")
LINK_LOST = counter("link_lost", "How often a meter's link was lost or fell silent.", "link")
LATE = gauge("parts_late", "Parts that the watchdog gets no answer from; 0 is well.")
CLOCK_KNOWN = gauge("clock_known", "1 while the time is known well enough to send samples.")
CLOCK_UNCERTAINTY = gauge(
    "clock_uncertainty_seconds", "How far off the hub's time may be; absent while it knows none."
)
DATABASE = gauge("database_bytes", "Size of the database's file and of its write-ahead log.")
DISK_WRITTEN = counter(
    "disk_written_bytes",
    "Bytes written to the state folder's whole device by all programs, since it was first seen.",
    "device",
)
DISK_RATE = gauge(
    "disk_written_bytes_per_day", "The same in a day, at the rate of the last weeks.", "device"
)
DISK_LIFE = gauge(
    "disk_life_seconds",
    "Seconds until the device has taken storage.endurance_tb, at that rate.",
    "device",
)

PANEL = gauge("panel_connected", "1 while a display panel answers.", "board", "firmware")
PANEL_SILENT = gauge("panel_silent_seconds", "Seconds since any byte came from the panel.")
PANEL_STARTS = counter("panel_starts", "Starts of the panel that the hub saw.")
PANEL_LOST = counter("panel_lost", "How often the panel stopped acknowledging.")
PANEL_UNPLUGGED = counter("panel_unplugged", "How often the panel's port went away.")
PANEL_HELD_BACK = counter(
    "panel_held_back", "Pauses made because the panel sent more than a line carries."
)
PANEL_RESENDS = counter("panel_resends", "Frames sent to the panel once more.")
PANEL_REFUSED = counter(
    "panel_frames_refused", "Frames of the panel refused, by the fault in panel.md.", "fault"
)
PANEL_PRESSES = counter("panel_presses", "Presses of the panel's buttons taken.")
PANEL_DROPPED = counter("panel_presses_dropped", "Presses beyond ten a second.")
PANEL_LOG = counter("panel_log_lines", "Lines of the panel's own log.", "level")
PANEL_FAILURES = counter("panel_failures", "Turns in which the panel could not be fed.")
PANEL_UPTIME = gauge("panel_uptime_seconds", "Seconds since the panel's start, as it told last.")
PANEL_CRC = gauge("panel_crc_errors", "Frames the panel refused since its start, as it told last.")
PANEL_RAM = gauge("panel_ram_free_bytes", "The panel's free RAM, as it told last.")

MESSAGES_WAITING = gauge("messages_waiting", "Messages of the supplier that nobody has read yet.")
MESSAGES = counter("messages", "Messages of the supplier that a meter brought.")
MESSAGES_READ = counter("messages_acknowledged", "Messages that the household took as read.")
MESSAGES_DROPPED = counter("messages_dropped", "Messages given up unread: there were too many.")
PICTURES = counter("screen_pictures", "Pictures drawn on the hub's own screen.")
SCREEN_FAILURES = counter("screen_failures", "Times that the screen took none, or did not open.")
HOME_BROKER = gauge(
    "homeassistant_connected", "1 while the hub is connected to the household's broker."
)
HOME_CONNECTS = counter("homeassistant_connects", "Connections made to the household's broker.")
HOME_BIRTHS = counter("homeassistant_births", "Starts of Home Assistant that the hub heard of.")
HOME_FAILURES = counter("homeassistant_failures", "Turns in which nothing could be told it.")
HOME_REFUSED = counter("homeassistant_unsent", "What was not sent it: too much waited.")
HOME_PRESSES = counter("homeassistant_presses", "Messages taken as read by its button.")
HOME_STRAY = counter("homeassistant_presses_refused", "Presses that named no message that waits.")

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
