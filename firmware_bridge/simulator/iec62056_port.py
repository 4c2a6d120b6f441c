"""The meter's side of the optical port: answers a sign-on, changes speed, repeats when asked.

`Answers` is sans-I/O; `OpticalPort` plays it on a pseudo-terminal and holds the reader to the speed
it agreed to, as light does: at another speed neither side understands the other.
"""

import re
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.meters.iec62056_dialogue import BAUD_BY_CHARACTER, BREAK, NAK, START_BAUD
from firmware_bridge.simulator.asked_port import GARBLED, AskedPort
from firmware_bridge.simulator.iec62056_meter import IDENTIFICATION
from firmware_bridge.simulator.sinks import Stopping

MAX_HEARD_BYTES = 256
"""No message to a meter is longer than 32 bytes; a reader at the wrong speed sends garbage."""

BITS_PER_BYTE = 10
"""A start bit, seven bits, parity and a stop bit."""

REACTION_S = 0.2
INACTIVITY_S = 1.5
"""What a meter waits for the next message before it listens at 300 baud again."""

_REQUEST = re.compile(rb"/\?([^\r\n/!]{0,32})!\r\n")
_SELECT = re.compile(rb"\x060([0-6])0\r\n")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the meter sends, and at what speed."""

    baud: int
    content: bytes


class Answers:
    """A meter in mode C; `readout` gives the data block of the moment, with its check character."""

    def __init__(self, readout: Callable[[], bytes]) -> None:
        self._readout = readout
        self._heard = b""
        self._block = b""
        self.baud = START_BAUD

    def receive(self, chunk: bytes) -> list[Reply]:
        """Take what the reader sent; return what the meter answers."""
        self._heard = (self._heard + chunk)[-MAX_HEARD_BYTES:]
        if BREAK in self._heard:
            self.forget()
        elif _REQUEST.search(self._heard):
            self.forget()
            self._block = self._readout()
            return [Reply(START_BAUD, IDENTIFICATION)]
        elif self._block and (match := _SELECT.search(self._heard)):
            self._heard = b""
            self.baud = BAUD_BY_CHARACTER[match[1].decode("ascii")]
            return [Reply(self.baud, self._block)]
        elif self._block and NAK in self._heard:
            self._heard = b""
            return [Reply(self.baud, self._block)]
        return []

    def forget(self) -> None:
        """Fall back to 300 baud, as after the sign-off or a silence."""
        self._heard, self._block, self.baud = b"", b"", START_BAUD


class OpticalPort(AskedPort):
    """A meter in mode C behind a pseudo-terminal linked at `path`."""

    def __init__(
        self, path: Path, readout: Callable[[], bytes], *, is_echoing: bool = False
    ) -> None:
        super().__init__(path, is_echoing=is_echoing)
        self._answers = Answers(readout)
        self.bauds: list[int] = []

    def _be_silent(self, seconds: float) -> None:
        if seconds > INACTIVITY_S:
            self._answers.forget()

    def _take(self, chunk: bytes, stopping: Stopping) -> None:
        if self._reader_baud() != self._answers.baud:
            chunk = chunk.translate(GARBLED)
        on_the_way_s = len(chunk) * BITS_PER_BYTE / self._answers.baud
        for reply in self._answers.receive(chunk):
            time.sleep(on_the_way_s + REACTION_S)
            baud = self._reader_baud()
            self.bauds.append(baud)
            is_heard = baud == reply.baud
            self._say(reply.content.translate(None if is_heard else GARBLED), stopping)

    def _reader_baud(self) -> int:
        known = {getattr(termios, f"B{baud}"): baud for baud in BAUD_BY_CHARACTER.values()}
        return known.get(self._reader_speed(), 0)
