"""Drives an update over a line, and over the next one when it is lost.

Owns the waiting; what is said is `update.py`'s. The line is lent by who holds the panel's port.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from firmware_bridge.display.update import PanelUpdate
from firmware_bridge.display.update_moves import Ended
from shared.errors import LinkError
from shared.units import MS_PER_SECOND

REOPEN_S = 0.5


class UpdateLine(Protocol):
    """A panel's line in both directions, its bytes untouched."""

    async def read(self) -> bytes:
        """Return the next bytes, never empty; raise LinkError once it is lost. Safe to cancel."""

    async def write(self, content: bytes) -> None:
        """Send all of it; raise LinkError once the line is lost."""


OpenLine = Callable[[], AbstractAsyncContextManager[UpdateLine]]
"""Opens the line, or borrows it; raises LinkError where trying again may help."""


def _machine_ms() -> int:
    return time.monotonic_ns() // 1_000_000


async def run_update(
    update: PanelUpdate,
    open_line: OpenLine,
    on_progress: Callable[[PanelUpdate], None] = lambda _: None,
    now_ms: Callable[[], int] = _machine_ms,
    *,
    cable_s_max: float,
) -> Ended:
    """Do an update to its end, over as many lines as it takes.

    It is put off where no line brings it on for `cable_s_max`.
    """
    stuck_at_ms, stuck_at = now_ms(), ("", 0)
    while update.ended is None:
        try:
            async with open_line() as line:
                update.begin(now_ms())
                await _speak(update, line, on_progress, now_ms)
        except LinkError as error:
            if (update.step, update.sent_bytes) != stuck_at:
                stuck_at_ms, stuck_at = now_ms(), (update.step, update.sent_bytes)
            if now_ms() - stuck_at_ms > cable_s_max * MS_PER_SECOND:
                return Ended(is_installed=False, reason=str(error), is_put_off=True)
            await asyncio.sleep(REOPEN_S)
    return update.ended


async def _speak(
    update: PanelUpdate,
    line: UpdateLine,
    on_progress: Callable[[PanelUpdate], None],
    now_ms: Callable[[], int],
) -> None:
    """Carry bytes both ways until the update has ended; LinkError where the line is lost."""
    while update.ended is None:
        outgoing = update.take_outgoing()
        if outgoing:
            await line.write(outgoing)
        wait_ms = max(0, update.due_ms() - now_ms())
        received = b""
        try:
            async with asyncio.timeout(wait_ms / MS_PER_SECOND):
                received = await line.read()
        except TimeoutError:
            pass
        if received:
            update.receive(received, now_ms())
        update.advance(now_ms())
        on_progress(update)
