"""A pseudo-terminal whose reader speaks first: what both sides of such a dialogue share.

Owns the listening; what is answered is the port's own (`iec62056_port.py`, `mbus_port.py`).
"""

import abc
import os
import select
import termios
import time
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.simulator.sinks import WAIT_S, PtySink, Stopping

GARBLED = bytes(byte ^ 0x2A for byte in range(256))
"""What is heard of each byte at a wrong speed."""

HEARD_BYTES = 256
"""Taken at once: no question has more than 32 bytes."""

Answered = Callable[[bytes], None]
"""Told what has left, answer by answer."""


def _forget(_: bytes) -> None:
    """Nobody asks what has left."""


class AskedPort(PtySink, abc.ABC):
    """Meters behind a pseudo-terminal linked at `path`; `serve` answers until told to stop."""

    def __init__(self, path: Path, *, is_echoing: bool = False) -> None:
        super().__init__(path)
        self._is_echoing = is_echoing
        self.on_answered: Answered = _forget

    def serve(self, stopping: Stopping) -> None:
        """Answer until told to stop, and never in the middle of an answer."""
        heard_s = time.monotonic()
        while not stopping():
            ready, _, _ = select.select([self._master], [], [], WAIT_S)
            if not ready:
                self._be_silent(time.monotonic() - heard_s)
                continue
            heard_s = time.monotonic()
            chunk = os.read(self._master, HEARD_BYTES)
            if self._is_echoing:
                self.send([chunk], stopping)
            self._take(chunk, stopping)

    @abc.abstractmethod
    def _take(self, chunk: bytes, stopping: Stopping) -> None:
        """Take what the reader has sent, and answer it."""

    def _be_silent(self, seconds: float) -> None:
        """Take note of how long nobody has spoken."""

    def _say(self, content: bytes, stopping: Stopping) -> None:
        """Send an answer, and tell that it has left if it has."""
        if self.send([content], stopping):
            self.on_answered(content)

    def _reader_speed(self) -> int:
        """Return the speed the reader has set on its end, as termios has it."""
        speed: int = termios.tcgetattr(self._slave)[4]
        return speed
