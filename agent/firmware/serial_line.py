"""A panel's serial port as the line of an update, where no hub holds it.

Owns writing without waiting; the port itself is `firmware_bridge.links.serial_port`'s.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from firmware_bridge.links.port import DEFAULT_BAUD
from firmware_bridge.links.serial_port import SerialLink, open_serial
from shared.errors import LinkError

WRITE_S_MAX = 2.0
"""A panel that takes no byte for so long is not being updated any more."""

RETRY_S = 0.002
"""A UART of 115,200 baud makes room for 23 bytes meanwhile."""


class SerialLine:
    """An open port; bytes go out as fast as it takes them."""

    def __init__(self, port: SerialLink) -> None:
        self._port = port

    async def read(self) -> bytes:
        """Return the next bytes; raise LinkError once the port is gone."""
        return await self._port.read()

    async def write(self, content: bytes) -> None:
        """Send all of it; raise LinkError where the port is gone or takes nothing."""
        left, patience_s = content, WRITE_S_MAX
        while left:
            taken = self._port.write_now(left)
            left = left[taken:]
            if taken:
                patience_s = WRITE_S_MAX
                continue
            patience_s -= RETRY_S
            if patience_s <= 0:
                raise LinkError(f"the panel took nothing for {WRITE_S_MAX:g} s")
            await asyncio.sleep(RETRY_S)


def serial_opener(
    path: str, baud: int = DEFAULT_BAUD
) -> Callable[[], contextlib.AbstractAsyncContextManager[SerialLine]]:
    """Return what opens a port for an update, and closes it after."""

    @contextlib.asynccontextmanager
    async def open_line() -> AsyncIterator[SerialLine]:
        port = open_serial(path, baud=baud)
        try:
            yield SerialLine(port)
        finally:
            await port.close()

    return open_line
