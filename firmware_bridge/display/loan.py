"""The serial line of a panel while it is lent: bytes out and in, for whoever updates the panel.

Owns what the borrower may do and its bounds; who is lent the line, and when, is `line.py`'s.
"""

import asyncio
from collections import deque
from typing import Protocol

from shared.errors import LinkError

LOAN_BYTES_MAX = 64 * 1024
"""What a borrower may leave unread: answers of an updater have some hundred bytes each."""

WRITE_S_MAX = 2.0
"""A panel that takes no byte for so long is not being updated any more."""

RETRY_S = 0.005
"""A UART of 115,200 baud makes room for 57 bytes meanwhile."""


class PanelPort(Protocol):
    """A serial port as a panel's line needs it; `firmware_bridge.links` opens them."""

    async def read(self) -> bytes:
        """Return the next bytes; raise LinkError when the port has gone. Safe to cancel."""

    def write_now(self, content: bytes) -> int:
        """Write what the port takes at once; raise LinkError when it has gone."""

    async def close(self) -> None:
        """Release the port."""


class Loan:
    """The line, lent to one borrower; the hub says nothing on it meanwhile."""

    def __init__(self, port: PanelPort) -> None:
        self.dropped_bytes = 0
        self._port = port
        self._received: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._lost: LinkError | None = None

    async def write(self, content: bytes) -> None:
        """Send all of it; raise LinkError where the port is gone or takes nothing."""
        left = memoryview(content)
        patience_s = WRITE_S_MAX
        while left:
            self._check()
            taken = self._port.write_now(bytes(left))
            left = left[taken:]
            if taken:
                patience_s = WRITE_S_MAX
                continue
            patience_s -= RETRY_S
            if patience_s <= 0:
                raise LinkError(f"the panel took nothing for {WRITE_S_MAX:g} s")
            await asyncio.sleep(RETRY_S)

    async def read(self) -> bytes:
        """Return the next bytes, never empty; raise LinkError once the port is gone."""
        while not self._received:
            self._check()
            self._arrived.clear()
            await self._arrived.wait()
        chunk = self._received.popleft()
        self._waiting_bytes -= len(chunk)
        return chunk

    def take(self, chunk: bytes) -> None:
        """Put received bytes in; those that nobody reads are dropped and counted."""
        if self._waiting_bytes + len(chunk) > LOAN_BYTES_MAX:
            self.dropped_bytes += len(chunk)
            return
        self._received.append(chunk)
        self._waiting_bytes += len(chunk)
        self._arrived.set()

    def end(self, reason: LinkError) -> None:
        """Let every further call fail: the port has gone, or the line was given back."""
        self._lost = reason
        self._arrived.set()

    def _check(self) -> None:
        if self._lost is not None:
            raise LinkError(self._lost.message, hint=self._lost.hint)
