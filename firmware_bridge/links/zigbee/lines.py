"""Lines of received frames, and the bounded queue they wait in. Pure.

A line is `<ieee, 16 hex> <endpoint, 2> <profile, 4> <cluster, 4> <ZCL frame>[ <dBm>] LF`, in lower
case; how strongly the radio heard it stands last, where the radio says.
"""

from collections import deque

from firmware_bridge.links.port import READ_BYTES

MAX_LINES = 20_000
"""The radio carries some hundred frames a second at most: minutes of a reader that has stopped.

A frame is acknowledged by the serial protocol before it is seen here, so that nothing can be held
back at its sender; the oldest line goes when there is no room, counted and told, for registers are
cumulative and the newest reading says the most.
"""

MAX_FRAME_BYTES = 512
"""A ZigBee frame has some 80 bytes, a fragmented one a few hundred."""

REPORT_ATTRIBUTES = 0x0A
_MANUFACTURER_SPECIFIC, _FRAME_TYPE, _NO_DEFAULT_RESPONSE = 0x04, 0x03, 0x10
_HEADER_BYTES = 3


WEAKEST_DBM = -127
"""No receiver hears so little; 0 and above is what sticks say that did not measure."""


def line_of(
    ieee: str,
    endpoint: int,
    profile: int,
    cluster: int,
    frame: bytes,
    signal_dbm: int | None = None,
) -> bytes:
    """Write one received ZCL frame as a line; `ieee` is 16 hex digits, most significant first.

    A signal that no radio can have heard is left out.
    """
    is_heard = signal_dbm is not None and WEAKEST_DBM < signal_dbm < 0
    signal = f" {signal_dbm}" if is_heard else ""
    text = f"{ieee} {endpoint:02x} {profile:04x} {cluster:04x} {frame.hex()}{signal}\n"
    return text.encode("ascii")


def is_report(frame: bytes) -> bool:
    """Tell whether a ZCL frame is a report of attributes that nobody asked for."""
    if len(frame) < _HEADER_BYTES or frame[0] & _FRAME_TYPE:
        return False
    place = 4 if frame[0] & _MANUFACTURER_SPECIFIC else 2
    return len(frame) > place and frame[place] == REPORT_ATTRIBUTES


def wants_response(frame: bytes) -> bool:
    """Tell whether a frame's sender asked for a default response."""
    return bool(frame) and not frame[0] & _NO_DEFAULT_RESPONSE


class LineQueue:
    """Lines waiting for the reader, the oldest given up when there are more than `limit`."""

    def __init__(self, limit: int = MAX_LINES) -> None:
        self._limit = limit
        self._lines: deque[bytes] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, line: bytes) -> bool:
        """Add a line; tell whether an older one had to go."""
        self._lines.append(line)
        if len(self._lines) <= self._limit:
            return False
        self._lines.popleft()
        self.dropped += 1
        return True

    def take(self) -> bytes:
        """Return whole lines, as many as fit one read; b"" if there are none."""
        taken: list[bytes] = []
        size = 0
        while self._lines and (not taken or size + len(self._lines[0]) <= READ_BYTES):
            size += len(self._lines[0])
            taken.append(self._lines.popleft())
        return b"".join(taken)
