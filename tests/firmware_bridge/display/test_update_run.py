"""An update over real event loops and pseudo-terminals: lines lost, opened anew, given up."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator

import pytest

from firmware_bridge.display.image import read_image
from firmware_bridge.display.update import PanelUpdate
from firmware_bridge.display.update_run import OpenLine, run_update
from firmware_bridge.simulator.smp_flash import Flash
from shared.errors import LinkError
from tests.support.firmware import FirmwareMaker
from tests.support.panel_board import Board
from tests.support.panel_updates import NEW, OLD, state_of

MAKER = FirmwareMaker()


class BoardLine:
    """A line to a board without a cable, on a clock that runs a thousand times too fast."""

    def __init__(self, board: Board, breaks_after: int | None = None) -> None:
        self._board = board
        self._breaks_after = breaks_after
        self.now_ms = 0

    async def write(self, content: bytes) -> None:
        """Give the board bytes, until the line breaks."""
        self._use()
        self._board.receive(content, self.now_ms)

    async def read(self) -> bytes:
        """Wait for what the board says."""
        while True:
            self._use()
            self.now_ms += 5
            self._board.advance(self.now_ms)
            said = self._board.take_outgoing()
            if said:
                return said
            await asyncio.sleep(0)

    def _use(self) -> None:
        if self._breaks_after is not None:
            self._breaks_after -= 1
            if self._breaks_after < 0:
                raise LinkError("the cable was pulled out")


def opener(lines: list[BoardLine | LinkError], last: BoardLine) -> OpenLine:
    """Open these lines one after another, then the last for ever."""

    @contextlib.asynccontextmanager
    async def open_line() -> AsyncIterator[BoardLine]:
        line = lines.pop(0) if lines else last
        if isinstance(line, LinkError):
            raise line
        yield line

    return open_line


def made() -> tuple[Board, PanelUpdate]:
    """Make a panel and its update."""
    image = read_image(MAKER.make(NEW))
    board = Board(Flash.with_image(MAKER.make(OLD), sectors=4), MAKER.public_pem())
    return board, PanelUpdate(image, state_of(image), 1, lambda state: None)


def test_an_update_goes_on_over_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that break in the upload, one that is not there yet."""
    monkeypatch.setattr("firmware_bridge.display.update_run.REOPEN_S", 0.001)
    board, update = made()
    last = BoardLine(board)
    lines: list[BoardLine | LinkError] = [
        BoardLine(board, breaks_after=16),
        LinkError("not there"),
        BoardLine(board, breaks_after=20),
    ]

    told = asyncio.run(
        run_update(update, opener(lines, last), now_ms=lambda: last.now_ms, cable_s_max=9)
    )

    assert told.is_installed
    assert lines == []
    assert board.started[-1] == "1.1.0"


def test_a_line_that_does_not_come_back_puts_the_update_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the reason of the line; nothing is lost by it."""
    monkeypatch.setattr("firmware_bridge.display.update_run.REOPEN_S", 0.0)
    _, update = made()
    ticks = iter(range(0, 10_000_000, 10_000))

    @contextlib.asynccontextmanager
    async def nothing() -> AsyncIterator[BoardLine]:
        raise LinkError("serial port /dev/ttyACM0 is not there")
        yield

    told = asyncio.run(run_update(update, nothing, now_ms=lambda: next(ticks), cable_s_max=9))

    assert told.is_put_off
    assert "not there" in told.reason
    assert update.ended is None


def test_progress_is_told_as_it_is_made() -> None:
    """Bytes that the panel has; never more than there are."""
    board, update = made()
    last = BoardLine(board)
    seen: list[int] = []

    asyncio.run(
        run_update(
            update,
            opener([], last),
            lambda under_way: seen.append(under_way.sent_bytes),
            lambda: last.now_ms,
            cable_s_max=9,
        )
    )

    assert seen[0] == 0
    assert seen[-1] == update.total_bytes
    assert seen == sorted(seen)


class PtyLine:
    """The hub's side of a pseudo-terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._readable = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._readable.set)

    async def read(self) -> bytes:
        """Wait for bytes."""
        while True:
            try:
                return os.read(self._descriptor, 4_096)
            except BlockingIOError:
                self._readable.clear()
                await self._readable.wait()

    async def write(self, content: bytes) -> None:
        """Write all of it."""
        while content:
            try:
                content = content[os.write(self._descriptor, content) :]
            except BlockingIOError:
                await asyncio.sleep(0.001)


def test_a_panel_on_a_pseudo_terminal_is_updated() -> None:
    """The same over a terminal of the kernel, at the machine's own pace."""
    board, update = made()

    async def scenario() -> bool:
        loop = asyncio.get_running_loop()
        hub_side, panel_side = os.openpty()
        for descriptor in (hub_side, panel_side):
            tty.setraw(descriptor)
            os.set_blocking(descriptor, False)

        def now_ms() -> int:
            return int(loop.time() * 1_000)

        def serve() -> None:
            board.advance(now_ms())
            with contextlib.suppress(BlockingIOError):
                board.receive(os.read(panel_side, 65_536), now_ms())
            board.advance(now_ms())
            said = board.take_outgoing()
            if said:
                os.write(panel_side, said)

        async def tick() -> None:
            while True:
                serve()
                await asyncio.sleep(0.02)

        @contextlib.asynccontextmanager
        async def open_line() -> AsyncIterator[PtyLine]:
            yield PtyLine(hub_side)

        loop.add_reader(panel_side, serve)
        ticking = asyncio.ensure_future(tick())
        try:
            async with asyncio.timeout(20):
                told = await run_update(update, open_line, cable_s_max=9)
        finally:
            ticking.cancel()
            for descriptor in (hub_side, panel_side):
                loop.remove_reader(descriptor)
                os.close(descriptor)
        return told.is_installed

    assert asyncio.run(scenario())
    assert board.started == ["1.0.0", "1.1.0"]
