"""The far end of a serial cable, as a pseudo-terminal: a meter that has one speed."""

import contextlib
import os
import termios
import threading
import tty
from collections.abc import Sequence
from pathlib import Path
from typing import Self

GARBLED = bytes((byte * 167 + 131) & 0xFF | 0x80 for byte in range(256))
"""What a reader at another speed sees: nothing printable."""


class TalkingMeter:
    """Pushes telegrams in turn, garbled unless the reader has set `baud` (None: any will do)."""

    def __init__(
        self, path: Path, telegrams: Sequence[bytes], *, baud: int | None = None, pause_s: float
    ) -> None:
        self.path = path
        self._telegrams = telegrams
        self._speed = getattr(termios, f"B{baud}") if baud is not None else None
        self._pause_s = pause_s
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        path.symlink_to(os.ttyname(self._slave))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._talk, name="talking-meter")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()
        self.unplug()

    def unplug(self) -> None:
        """Hang up, and take the path away."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            os.close(self._master)
            os.close(self._slave)
        self.path.unlink(missing_ok=True)

    def _talk(self) -> None:
        place = 0
        while not self._stopping.wait(self._pause_s):
            if not self._telegrams:
                continue
            telegram = self._telegrams[place % len(self._telegrams)]
            place += 1
            with contextlib.suppress(OSError):
                speed = termios.tcgetattr(self._slave)[4]
                is_right = self._speed in (None, speed)
                os.write(self._master, telegram if is_right else telegram.translate(GARBLED))
