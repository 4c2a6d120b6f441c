"""What has happened on a panel's line since the hub's start: counted, and bounded. Pure."""

from collections import Counter, deque

from agent.home.panelview import PanelView, State
from firmware_bridge.display.hub_end import HubEvent, Joined, OtherVersion, PanelLost, Said
from firmware_bridge.display.line import HubLine
from firmware_bridge.display.messages import Button, Hello, Log, Status
from shared.units import MS_PER_HOUR

LEVELS = ("debug", "information", "warning", "error", "fatal")

STARTS_KEPT = 64
"""Starts whose times are known; more within an hour are as bad."""


class PanelRecord:
    """Counts the events of one line; times are monotonic."""

    def __init__(self, port: str) -> None:
        self.starts = 0
        self.times_lost = 0
        self.presses = 0
        self.failures = 0
        self.texts_unshown = 0
        """Messages that wait and that the panel there cannot show."""
        self.log_lines: Counter[str] = Counter()
        self.last_log: Log | None = None
        self.hello: Hello | None = None
        self.status: Status | None = None
        self._port = port
        self._boot_id: int | None = None
        self._refused: OtherVersion | None = None
        self._starts_ms: deque[int] = deque(maxlen=STARTS_KEPT)

    def take(self, event: HubEvent, now_ms: int) -> None:
        """Take note of what the line told."""
        match event:
            case Joined(hello):
                self._note_hello(hello, now_ms)
            case PanelLost():
                self.times_lost += 1
            case OtherVersion():
                self._refused = event
            case Said(Button()):
                self.presses += 1
            case Said(Status() as status):
                self.status = status
            case Said(Log() as line):
                self.log_lines[LEVELS[line.level]] += 1
                self.last_log = line
            case _:
                pass

    def view(self, line: HubLine, now_ms: int) -> PanelView:
        """Put together how the panel is now."""
        state, end, hello, status = line.state, line.end, self.hello, self.status
        reason, hint = state.reason, state.hint
        found: State = "unplugged"
        if line.is_lent:
            found = "lent"
        elif end.panel is not None:
            found = "connected"
        elif state.is_open and self._refused is not None:
            found = "refused"
            reason, hint = _in_words(self._refused)
        elif state.is_open:
            found = "silent"
        return PanelView(
            state=found,
            port=self._port,
            board=(hello.board or "") if hello else "",
            firmware=(hello.firmware or "") if hello else "",
            reason=reason,
            hint=hint,
            heard_age_ms=None if state.heard_at_ms is None else now_ms - state.heard_at_ms,
            starts=self.starts,
            starts_last_hour=sum(now_ms - at_ms < MS_PER_HOUR for at_ms in self._starts_ms),
            times_lost=self.times_lost,
            times_unplugged=state.times_lost,
            times_held_back=state.times_held_back,
            frames_refused={fault.value: count for fault, count in end.wire.refused.items()},
            resends=end.resends,
            presses=self.presses,
            presses_dropped=end.buttons_dropped,
            log_lines=dict(self.log_lines),
            failures=self.failures,
            texts_unshown=self.texts_unshown if found == "connected" else 0,
            uptime_s=status.uptime_s if status else None,
            crc_errors=status.crc_errors if status else None,
            ram_free_bytes=status.ram_free_bytes if status else None,
        )

    def _note_hello(self, hello: Hello, now_ms: int) -> None:
        self.hello, self._refused = hello, None
        if hello.boot_id != self._boot_id:
            self._boot_id, self.status = hello.boot_id, None
            self.starts += 1
            self._starts_ms.append(now_ms)


def _in_words(other: OtherVersion) -> tuple[str, str]:
    said = (
        f"the panel speaks version {_span(other.panel_min, other.panel_max)} of the protocol, "
        f"the hub {_span(other.hub_min, other.hub_max)}"
    )
    is_newer = other.panel_min > other.hub_max
    return said, "update the hub" if is_newer else "update the panel's firmware"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"
