"""The hub's line to a panel: opens the port, drives the hub's end over it, lends it to an update.

Owns the port and the waiting; who answers what is `hub_end.py`'s, what is shown the caller's. Never
waits for a panel: one that takes no bytes, or sends more than a line can carry, is held back here.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from firmware_bridge.display.hub_end import HubEnd, HubEvent, Joined
from firmware_bridge.display.loan import Loan, PanelPort
from firmware_bridge.display.messages import Display, Hello, Text, Time
from firmware_bridge.links.reconnecting import Backoff
from shared.errors import LinkError
from shared.units import MS_PER_SECOND

HEARD_BYTES_PER_S = 32 * 1024
"""Three times what 115,200 baud carry. USB and pseudo-terminals carry megabytes: more than this is
no panel speaking, and is left in the kernel's buffer, where it holds its sender up."""

BURST_BYTES = 16 * 1024
"""One read; what came while the hub was busy is taken at once."""

PIECE_BYTES = 1_024
"""Read between two looks at the loop's other work: a quarter of a millisecond."""

BLOCKED_LOOK_MS = 50
"""A port that takes no bytes is tried again so often."""

REOPEN_S_MAX = 10.0
"""A panel that was plugged in again is shown something within seconds."""

Opener = Callable[[], PanelPort]
"""Opens the port anew; raises LinkError where trying again may help."""


def _machine_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@dataclass(slots=True)
class LineState:
    """What the line is doing, for whoever looks after it; `heard_at_ms` is monotonic."""

    is_open: bool = False
    times_lost: int = 0
    times_held_back: int = 0
    times_lent: int = 0
    heard_bytes: int = 0
    heard_at_ms: int | None = None
    reason: str = ""
    hint: str = ""


class HubLine:
    """One panel's line; everything here is called in the event loop that `run` runs in."""

    def __init__(
        self,
        opener: Opener,
        end: HubEnd,
        on_event: Callable[[HubEvent], None],
        now_ms: Callable[[], int] = _machine_ms,
    ) -> None:
        self.end = end
        self.state = LineState()
        self._opener = opener
        self._on_event = on_event
        self._now_ms = now_ms
        self._port: PanelPort | None = None
        self._loan: Loan | None = None
        self._unsent = b""
        self._broken: LinkError | None = None
        self._patience: asyncio.Timeout | None = None
        self._joined = asyncio.Event()
        self._allowed = float(BURST_BYTES)
        self._allowed_at_ms = now_ms()

    @property
    def is_lent(self) -> bool:
        """Whether somebody else speaks on the line."""
        return self._loan is not None

    def show(self, display: Display) -> None:
        """Show this as soon as the panel can take it."""
        self.end.show(display, self._now_ms())
        self._send()

    def set_time(self, time: Time) -> None:
        """Tell the panel the time."""
        self.end.set_time(time, self._now_ms())
        self._send()

    def tell(self, text: Text) -> bool:
        """Send a message to the household; False where too many wait already."""
        is_taken = self.end.tell(text, self._now_ms())
        self._send()
        return is_taken

    async def wait_joined(self) -> Hello:
        """Wait until a panel says HELLO since the line was opened, or given back; bounded by you.

        A panel that is there already has said it.
        """
        while self.end.panel is None:
            self._joined.clear()
            await self._joined.wait()
        return self.end.panel

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[Loan]:
        """Lend the line to one borrower; given back, the panel is asked for HELLO at once.

        Raises LinkError where the port is not open or the line is lent already.
        """
        if self._port is None:
            raise LinkError("the panel's line is not open", hint="is the panel plugged in?")
        if self._loan is not None:
            raise LinkError("the panel's line is lent already", hint="wait for the other update")
        self._unsent = b""
        self._loan = loan = Loan(self._port)
        self.state.times_lent += 1
        try:
            yield loan
        finally:
            self._loan = None
            loan.end(LinkError("the panel's line was given back"))
            self.end.begin_anew(self._now_ms())
            self._send()

    async def run(self) -> None:
        """Keep the line open until cancelled."""
        backoff = Backoff(longest_s=REOPEN_S_MAX)
        while True:
            try:
                port = self._opener()
            except LinkError as error:
                self.state.reason, self.state.hint = error.message, error.hint
                await asyncio.sleep(backoff.next_s())
                continue
            try:
                await self._serve(port, backoff)
            except LinkError as error:
                self.state.times_lost += 1
                self.state.reason, self.state.hint = error.message, error.hint
                if self._loan is not None:
                    self._loan.end(error)
            finally:
                self._port, self.state.is_open = None, False
                self.end.begin_anew(self._now_ms())
                await port.close()
            await asyncio.sleep(backoff.next_s())

    async def _serve(self, port: PanelPort, backoff: Backoff) -> None:
        """Speak over an open port until it fails, which raises LinkError."""
        self._port, self._broken, self._unsent = port, None, b""
        self.state.is_open, self.state.reason, self.state.hint = True, "", ""
        self.end.begin_anew(self._now_ms())
        while True:
            chunk = await self._next_chunk(port)
            if self._broken is not None:
                raise self._broken
            if chunk:
                backoff.reset()
                await self._take(chunk)
            self._advance()

    async def _next_chunk(self, port: PanelPort) -> bytes:
        """Wait for bytes until something is due; return none then."""
        self._send()
        try:
            async with asyncio.timeout(self._wait_s()) as self._patience:
                return await port.read()
        except TimeoutError:
            return b""
        finally:
            self._patience = None

    def _wait_s(self) -> float | None:
        if self._loan is not None:
            return None
        wait_ms = max(self.end.due_ms() - self._now_ms(), BLOCKED_LOOK_MS if self._unsent else 1)
        return wait_ms / MS_PER_SECOND

    def _advance(self) -> None:
        """Do what is due; a panel that takes no bytes is not asked for HELLO on top of them."""
        if self._loan is None and (self.end.panel is not None or not self._unsent):
            for event in self.end.advance(self._now_ms()):
                self._on_event(event)

    async def _take(self, chunk: bytes) -> None:
        """Take received bytes in pieces, and no more of them than a line can carry."""
        self.state.heard_bytes += len(chunk)
        self.state.heard_at_ms = self._now_ms()
        for start in range(0, len(chunk), PIECE_BYTES):
            piece = chunk[start : start + PIECE_BYTES]
            if self._loan is not None:
                self._loan.take(piece)
                continue
            for event in self.end.receive(piece, self._now_ms()):
                if isinstance(event, Joined):
                    self._joined.set()
                self._on_event(event)
            self._send()
            if len(chunk) > PIECE_BYTES:
                await asyncio.sleep(0)
        await self._hold_back(len(chunk))

    async def _hold_back(self, count: int) -> None:
        """Pause where more came than a line can carry."""
        now_ms = self._now_ms()
        earned = (now_ms - self._allowed_at_ms) * HEARD_BYTES_PER_S / MS_PER_SECOND
        self._allowed = min(self._allowed + earned, BURST_BYTES) - count
        self._allowed_at_ms = now_ms
        if self._allowed < 0:
            self.state.times_held_back += 1
            await asyncio.sleep(-self._allowed / HEARD_BYTES_PER_S)

    def _send(self) -> None:
        """Write what the port takes now, and have the next look come when it is due."""
        port = self._port
        if port is None or self._loan is not None or self._broken is not None:
            return
        try:
            self._unsent = self._unsent or self.end.take_outgoing()
            while self._unsent:
                taken = port.write_now(self._unsent)
                self._unsent = self._unsent[taken:]
                if not taken:
                    break
                self._unsent = self._unsent or self.end.take_outgoing()
        except LinkError as error:
            self._broken = error
        self._look_in_time()

    def _look_in_time(self) -> None:
        if self._patience is not None and not self._patience.expired():
            wait_s = 0.0 if self._broken is not None else self._wait_s()
            due_s = None if wait_s is None else asyncio.get_running_loop().time() + wait_s
            self._patience.reschedule(due_s)
