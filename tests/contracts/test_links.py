"""What every Link keeps: run on a serial port, TCP, a capture and an optical head."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.links import Link, open_link
from firmware_bridge.links.optical import OpticalLink
from firmware_bridge.links.port import READ_BYTES
from shared.errors import LinkError
from tests.support.optical import ANSWERS, BLOCK, IDENTIFICATION, FakeLine, FastDialogue

CONTENT = bytes(range(256)) * 200
PIECE_BYTES = 1_000
LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class FarEnd:
    """The meter's side of a link: how the link is opened, and what it is to give.

    `pour` sends the content piece by piece, `hang_up` takes the meter away.
    """

    open: Callable[[], Coroutine[Any, Any, Link]]
    content: bytes
    pour: Callable[[], Coroutine[Any, Any, None]]
    hang_up: Callable[[], Coroutine[Any, Any, None]]
    is_finite: bool = False


async def nothing() -> None:
    """Leave it to the link itself."""


@asynccontextmanager
async def serial_port(folder: Path) -> AsyncIterator[FarEnd]:
    """Give a pseudo-terminal."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    path = folder / "port"
    path.symlink_to(os.ttyname(slave))

    async def pour() -> None:
        sent = 0
        while sent < len(CONTENT):
            with contextlib.suppress(BlockingIOError):
                sent += os.write(master, CONTENT[sent : sent + PIECE_BYTES])
            await asyncio.sleep(0.001)

    async def hang_up() -> None:
        os.close(master)
        os.close(slave)

    yield FarEnd(lambda: open_link(str(path)), CONTENT, pour, hang_up)
    for descriptor in (master, slave):
        with contextlib.suppress(OSError):
            os.close(descriptor)


@asynccontextmanager
async def tcp(_folder: Path) -> AsyncIterator[FarEnd]:
    """Give a server on this machine that takes one connection."""
    connected: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set_result(writer)

    async def pour() -> None:
        writer = await connected
        for start in range(0, len(CONTENT), PIECE_BYTES):
            writer.write(CONTENT[start : start + PIECE_BYTES])
            await writer.drain()
            await asyncio.sleep(0.001)

    async def hang_up() -> None:
        (await connected).close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield FarEnd(lambda: open_link(f"tcp://127.0.0.1:{port}"), CONTENT, pour, hang_up)
        if connected.done():
            await hang_up()


@asynccontextmanager
async def replay(folder: Path) -> AsyncIterator[FarEnd]:
    """Give a capture at a hundred times the pace of its line."""
    path = folder / "capture"
    path.write_bytes(CONTENT)
    address = f"replay:{path}?speed=100"
    yield FarEnd(lambda: open_link(address), CONTENT, nothing, nothing, is_finite=True)


@asynccontextmanager
async def optical(_folder: Path) -> AsyncIterator[FarEnd]:
    """Give a head on a line that answers at once, asked again and again."""
    line = FakeLine(ANSWERS)

    async def open_head() -> Link:
        return OpticalLink(line, FastDialogue(), every_s=0)

    async def hang_up() -> None:
        line.unplug()

    yield FarEnd(open_head, (IDENTIFICATION + BLOCK) * 20, nothing, hang_up)


every_link = pytest.mark.parametrize("build", [serial_port, tcp, replay, optical])
Build = Callable[[Path], AbstractAsyncContextManager[FarEnd]]


def run(
    build: Build, folder: Path, scenario: Callable[[FarEnd, Link], Coroutine[Any, Any, None]]
) -> None:
    """Play a scenario with an open link, which is closed in the end."""

    async def play() -> None:
        async with asyncio.timeout(LIMIT_S), build(folder) as far_end:
            link = await far_end.open()
            try:
                await scenario(far_end, link)
            finally:
                await link.close()

    asyncio.run(play())


@every_link
def test_every_byte_comes_in_order_in_reads_of_bounded_size(build: Build, tmp_path: Path) -> None:
    """None of them empty."""

    async def scenario(far_end: FarEnd, link: Link) -> None:
        pouring = asyncio.create_task(far_end.pour())
        chunks: list[bytes] = []
        while sum(map(len, chunks)) < len(far_end.content):
            chunks.append(await link.read())
        await pouring

        assert b"".join(chunks) == far_end.content
        assert all(0 < len(chunk) <= READ_BYTES for chunk in chunks)

    run(build, tmp_path, scenario)


@every_link
def test_read_given_up_loses_no_byte(build: Build, tmp_path: Path) -> None:
    """Watchdogs give reads up at any moment; the next read goes on where it was."""

    async def scenario(far_end: FarEnd, link: Link) -> None:
        pouring = asyncio.create_task(far_end.pour())
        got, given_up = b"", 0
        while len(got) < len(far_end.content):
            reading = asyncio.create_task(link.read())
            for _ in range(given_up % 5):
                await asyncio.sleep(0)
            if not reading.done():
                reading.cancel()
            try:
                got += await reading
            except asyncio.CancelledError:
                given_up += 1
                await asyncio.sleep(0.0005)
        await pouring

        assert got == far_end.content
        assert given_up > 0

    run(build, tmp_path, scenario)


@every_link
def test_end_of_the_far_side_is_a_link_error(build: Build, tmp_path: Path) -> None:
    """For whoever waits for the next byte; it says what ended, and again when asked again."""

    async def scenario(far_end: FarEnd, link: Link) -> None:
        async def read_on() -> None:
            while True:
                await link.read()

        await far_end.hang_up()
        for _ in range(2):
            with pytest.raises(LinkError) as ended:
                await read_on()
            assert ended.value.message

    run(build, tmp_path, scenario)


@every_link
def test_closed_link_cannot_be_read_and_may_be_closed_again(build: Build, tmp_path: Path) -> None:
    """Whoever reads on by mistake is told so, and does not wait for ever."""

    async def scenario(far_end: FarEnd, link: Link) -> None:
        await link.close()
        await link.close()

        with pytest.raises(LinkError):
            await link.read()

    run(build, tmp_path, scenario)


@every_link
def test_link_tells_its_end_and_its_pauses(build: Build, tmp_path: Path) -> None:
    """Only a capture's end is final; a pause is a number of seconds a watchdog can wait."""

    async def scenario(far_end: FarEnd, link: Link) -> None:
        assert link.is_finite is far_end.is_finite
        assert 0 <= link.longest_pause_s < 3_600

    run(build, tmp_path, scenario)
