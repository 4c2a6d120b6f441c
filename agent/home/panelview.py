"""How the panel on the wall is, as one value: for the page, the metrics and `doctor`. Pure."""

from typing import Literal

import msgspec

from agent.home.words import format_age, format_count, format_span

RESTARTS_NOTICED = 4
"""In an hour: a panel whose supply sags starts anew each minute, one that is updated twice."""

State = Literal["connected", "silent", "refused", "unplugged", "lent"]

UNSHOWN_HINT = "Read what waits at the page; this panel's firmware shows no texts"
PRESSES_HINT = "A button of the panel sticks; presses are taken ten a second at most"


class PanelView(msgspec.Struct, frozen=True):
    """One instant of the panel's line; counts are since the hub's start.

    `state` is "connected", "silent" (the port is open and nobody answers), "refused" (it speaks
    another version), "unplugged" (no port) or "lent" (it is being updated). `reason` and `hint` say
    why it is not connected. `texts_unshown` are messages that wait and that it cannot show.
    `heard_age_ms` is how long ago any byte came; `uptime_s`, `crc_errors` and `ram_free_bytes` are
    what the panel told last, None where it never did.
    """

    state: State
    port: str
    board: str = ""
    firmware: str = ""
    reason: str = ""
    hint: str = ""
    heard_age_ms: int | None = None
    starts: int = 0
    starts_last_hour: int = 0
    times_lost: int = 0
    times_unplugged: int = 0
    times_held_back: int = 0
    frames_refused: dict[str, int] = {}
    resends: int = 0
    presses: int = 0
    presses_dropped: int = 0
    log_lines: dict[str, int] = {}
    failures: int = 0
    texts_unshown: int = 0
    uptime_s: int | None = None
    crc_errors: int | None = None
    ram_free_bytes: int | None = None

    @property
    def name(self) -> str:
        """What the panel calls itself and its firmware."""
        return " ".join(filter(None, (self.board, self.firmware))) or "a panel"


def describe(panel: PanelView) -> str:
    """Say in a few words how the panel is."""
    since = "" if panel.heard_age_ms is None else f", heard {format_age(panel.heard_age_ms)}"
    match panel.state:
        case "connected":
            return f"{panel.name}{since}"
        case "lent":
            return f"{panel.name} is being updated"
        case "silent":
            if panel.heard_age_ms is None:
                return f"nobody answers on {panel.port}"
            return f"no answer for {format_span(panel.heard_age_ms)} on {panel.port}"
        case _:
            return panel.reason or f"{panel.port} is not open yet"


def find_fault(panel: PanelView) -> tuple[str, str]:
    """Say what is wrong with a panel that is connected all the same, and its fix; "" for none."""
    if panel.starts_last_hour >= RESTARTS_NOTICED:
        times = format_count(panel.starts_last_hour, "time")
        return f"started {times} within an hour", "Give it a supply of its own, or update it"
    if panel.presses_dropped:
        return f"{panel.presses_dropped:,} button presses ignored", PRESSES_HINT
    if panel.times_held_back:
        return "sends more than a line carries", "Its firmware is at fault; the hub holds it back"
    if panel.texts_unshown:
        count = format_count(panel.texts_unshown, "message")
        return f"cannot show {count} to the household", UNSHOWN_HINT
    return "", ""


def advise(panel: PanelView) -> str:
    """Say what to do about a panel that is not connected."""
    if panel.state == "silent":
        return "Check the panel's cable and that panel.baud is its speed"
    return panel.hint
