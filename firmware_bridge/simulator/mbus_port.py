"""The meters' side of a wired M-Bus: acknowledges, answers, repeats when asked again.

`Slaves` is sans-I/O; `BusPort` plays it on a pseudo-terminal at one speed: to a reader at another
the bus gives garbage and hears nothing.
"""

import termios
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firmware_bridge.meters.mbus_dialogue import FCB, REQ_UD2, SELECT_CI, SND_NKE, TEST_ADDRESS
from firmware_bridge.meters.mbus_frame import (
    ACK,
    LONG_START,
    SECONDARY_ADDRESS,
    SHORT_BYTES,
    Frame,
    frame_at,
    is_short_frame,
)
from firmware_bridge.simulator.asked_port import GARBLED, AskedPort
from firmware_bridge.simulator.sinks import Stopping

MAX_HEARD_BYTES = 64
"""No request has more than 17 bytes."""

_WILDCARD = 0xF
_ACKNOWLEDGE = bytes((ACK,))

Fault = Callable[[bytes], bytes]
"""Changes an answer on its way; b"" loses it."""


@dataclass(slots=True)
class Slave:
    """One meter: its number on the bus, its secondary address, and what it answers now.

    `read` gives the frames of one answer; it is called when the master begins anew.
    """

    address: int
    secondary: bytes
    read: Callable[[], Sequence[bytes]]
    is_selected: bool = False
    _parts: deque[bytes] = field(default_factory=deque)
    _last: bytes = b""
    _fcb: int | None = None

    def reset(self) -> None:
        """Begin anew: the next request gets the first frame."""
        self._parts.clear()
        self._fcb = None

    def answer(self, fcb: int) -> bytes:
        """Return the next frame; the same again where the bit has not changed."""
        if fcb != self._fcb:
            self._fcb = fcb
            if not self._parts:
                self._parts.extend(self.read())
            self._last = self._parts.popleft()
        return self._last

    def matches(self, mask: bytes) -> bool:
        """Tell whether a selection means this meter; an F stands for any digit, FF for any byte."""
        digits = zip(mask[:4].hex(), self.secondary[:4].hex(), strict=True)
        rest = zip(mask[4:], self.secondary[4:], strict=True)
        return all(int(one, 16) in (_WILDCARD, int(own, 16)) for one, own in digits) and all(
            one in (0xFF, own) for one, own in rest
        )


class Slaves:
    """All meters of one bus; where two would speak at once, their answers are mixed up."""

    def __init__(self, slaves: Sequence[Slave]) -> None:
        self._slaves = slaves
        self._heard = b""
        self.requests: list[bytes] = []

    def receive(self, chunk: bytes) -> bytes:
        """Take what the master sent; return what the bus answers, b"" for silence."""
        self._heard = (self._heard + chunk)[-MAX_HEARD_BYTES:]
        for place in range(len(self._heard)):
            if is_short_frame(self._heard, place):
                request = self._heard[place : place + SHORT_BYTES]
                self._heard = b""
                self.requests.append(request)
                return _mixed(self._short(request[1], request[2]))
            frame = frame_at(self._heard, place) if self._heard[place] == LONG_START else None
            if isinstance(frame, Frame):
                self._heard = b""
                self.requests.append(frame.raw)
                return _mixed(self._select(frame))
        return b""

    def _short(self, control: int, address: int) -> list[bytes]:
        meant = [slave for slave in self._slaves if self._is_meant(slave, address)]
        if control == SND_NKE:
            if address == SECONDARY_ADDRESS:
                for slave in self._slaves:
                    slave.is_selected = False
                return [_ACKNOWLEDGE] if meant else []
            for slave in meant:
                slave.reset()
            return [_ACKNOWLEDGE for _ in meant]
        if control & ~FCB == REQ_UD2 & ~FCB:
            return [slave.answer(control & FCB) for slave in meant]
        return []

    def _select(self, frame: Frame) -> list[bytes]:
        if frame.address != SECONDARY_ADDRESS or frame.ci != SELECT_CI:
            return []
        for slave in self._slaves:
            slave.is_selected = slave.matches(frame.content)
            if slave.is_selected:
                slave.reset()
        return [_ACKNOWLEDGE for slave in self._slaves if slave.is_selected]

    def _is_meant(self, slave: Slave, address: int) -> bool:
        if address == SECONDARY_ADDRESS:
            return slave.is_selected
        return address in (slave.address, TEST_ADDRESS)


def _mixed(answers: list[bytes]) -> bytes:
    """Return what the master hears of answers sent at once: current on the bus adds up."""
    if len(set(answers)) <= 1:
        return answers[0] if answers else b""
    size = min(len(answer) for answer in answers)
    return bytes(answers[0][at] & answers[1][at] for at in range(size))


class BusPort(AskedPort):
    """The meters of a bus behind a pseudo-terminal linked at `path`."""

    def __init__(
        self,
        path: Path,
        slaves: Sequence[Slave],
        *,
        baud: int = 2_400,
        is_echoing: bool = False,
        fault: Fault | None = None,
    ) -> None:
        super().__init__(path, is_echoing=is_echoing)
        self._slaves = Slaves(slaves)
        self._speed = getattr(termios, f"B{baud}")
        self._fault = fault

    @property
    def requests(self) -> list[bytes]:
        """What the master has asked so far."""
        return self._slaves.requests

    def _take(self, chunk: bytes, stopping: Stopping) -> None:
        is_right = self._reader_speed() == self._speed
        answer = self._slaves.receive(chunk if is_right else chunk.translate(GARBLED))
        if self._fault is not None and answer:
            answer = self._fault(answer)
        if answer:
            self._say(answer, stopping)
