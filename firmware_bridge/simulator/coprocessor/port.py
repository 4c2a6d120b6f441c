"""The stick's end of its serial port: a pseudo-terminal whose host may come and go.

Owns the descriptor and the link at the path; runs in the event loop of whoever opens it.
"""

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.errors import OperatorError

READ_BYTES = 4_096
LOOK_EVERY_S = 0.02
"""How soon a host that opens the port is noticed; while none does, the kernel can only be asked."""


class StickPort:
    """A port linked at `path`, and a transport for ASH.

    `on_bytes(content)`: what the host has sent; `on_gone()`: the host has closed the port.
    """

    def __init__(
        self, path: Path, *, on_bytes: Callable[[bytes], None], on_gone: Callable[[], None]
    ) -> None:
        self._path = path
        self._on_bytes, self._on_gone = on_bytes, on_gone
        self._master = -1
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a port for a host to open."""
        return self._master >= 0

    def open(self) -> None:
        """Make the pseudo-terminal; raise OperatorError where it cannot be linked at the path."""
        master, slave = os.openpty()
        tty.setraw(slave, termios.TCSANOW)
        os.set_blocking(master, False)
        name = os.ttyname(slave)
        # Not held open here: the kernel then tells when the host goes away, as a cable would.
        os.close(slave)
        try:
            if self._path.is_symlink():
                self._path.unlink()
            self._path.symlink_to(name)
        except OSError as error:
            os.close(master)
            raise OperatorError(
                f"serial port cannot be linked at {self._path}: {error.strerror}",
                hint="give a path in an existing folder that holds no file of that name",
            ) from error
        self._master = master
        self.resume()

    def hang_up(self) -> None:
        """Close the port and remove the link; a second time does nothing."""
        if not self.is_open:
            return
        master, self._master = self._master, -1
        if self._timer is not None:
            self._timer.cancel()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
        self._path.unlink(missing_ok=True)

    def pause(self) -> None:
        """Read nothing until told to go on."""
        asyncio.get_running_loop().remove_reader(self._master)

    def resume(self) -> None:
        """Read what the host sends, waiting until one has opened the port."""
        if not self.is_open:
            return
        try:
            content = os.read(self._master, READ_BYTES)
        except BlockingIOError:
            content = b""
        except OSError:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(LOOK_EVERY_S, self.resume)
            return
        asyncio.get_running_loop().add_reader(self._master, self._read)
        if content:
            self._on_bytes(content)

    # What ASH asks of a transport; the names are the radio library's.

    def write(self, content: bytes) -> None:
        """Write to the host; what nobody takes is gone."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._master, content)

    def is_closing(self) -> bool:
        """Only the stick itself closes its port."""
        return False

    def close(self) -> None:
        """The stick hangs up itself."""

    def get_extra_info(self, *_: Any) -> None:
        """There is none."""

    def _read(self) -> None:
        try:
            content = os.read(self._master, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            asyncio.get_running_loop().remove_reader(self._master)
            self._on_gone()
            self.resume()
            return
        self._on_bytes(content)
