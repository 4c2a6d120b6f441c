"""The watchdog: ready once the page answers, fed only while every part answers."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agent import pipeline as pipeline_module
from agent.app import serve
from agent.demo.ports import free_port
from agent.hub import Hub
from agent.liveness import Liveness
from agent.notify import ALIVE, READY, Notifier
from agent.pipeline import run_pipeline
from agent.records import Batch
from agent.status import in_a_line
from agent.watchdog import Watchdog, page_answers
from firmware_bridge.links import LinkEvent, LinkEventKind
from shared.units import MS_PER_MINUTE
from tests.support.hubs import config_in, hub_in, simulated, take, telegram
from tests.support.service_manager import FakeManager

WATCHDOG_S = 0.15
PATIENCE_S = 60.0
PAGE_PATIENCE_S = 0.3

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as a page does."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    writer.close()


@contextlib.asynccontextmanager
async def page(port: int, serve_one: Serve = answer) -> AsyncIterator[None]:
    """Serve a page that does to each request what it is told."""
    server = await asyncio.start_server(serve_one, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


@contextlib.asynccontextmanager
async def watching(watchdog: Watchdog) -> AsyncIterator[None]:
    """Run the watchdog inside the block."""
    task = asyncio.create_task(watchdog.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def heard(systemd: FakeManager, line: str) -> None:
    """Wait until an assignment that begins so has come."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(one.startswith(line) for one in systemd.lines()):  # noqa: ASYNC110 (bounded)
            await asyncio.sleep(0.01)


async def fed_within(systemd: FakeManager, seconds: float) -> bool:
    """Tell whether the watchdog is fed within so many seconds from now."""
    systemd.lines()
    await asyncio.sleep(seconds)
    return ALIVE in systemd.lines()


def watchdog_of(systemd: FakeManager, liveness: Liveness, port: int) -> Watchdog:
    return Watchdog(
        Notifier(systemd.manager(WATCHDOG_S)),
        liveness,
        describe=lambda: "well",
        page=("127.0.0.1", port),
        page_patience_s=PAGE_PATIENCE_S,
    )


def test_it_is_ready_only_once_the_page_answers() -> None:
    """Until then nothing is said; then READY, and one feeding after another."""
    port = free_port()

    async def scenario(systemd: FakeManager) -> list[str]:
        async with watching(watchdog_of(systemd, Liveness(), port)):
            await asyncio.sleep(0.2)
            early = systemd.lines()
            async with page(port):
                await heard(systemd, READY)
                await heard(systemd, ALIVE)
                await heard(systemd, ALIVE)
        return early

    with FakeManager() as systemd:
        assert asyncio.run(scenario(systemd)) == []
        assert READY in systemd.heard
        assert "STATUS=well" in systemd.heard


def test_a_late_part_is_not_fed_for_and_named() -> None:
    """The status says who does not answer and for how long; the feeding begins again with it."""
    port = free_port()
    liveness = Liveness()

    async def scenario(systemd: FakeManager) -> tuple[bool, bool]:
        async with page(port), watching(watchdog_of(systemd, liveness, port)):
            await heard(systemd, ALIVE)
            liveness.expect("commit", -1.0)
            await heard(systemd, "STATUS=no answer from commit for 0 s")
            while_late = await fed_within(systemd, 3 * WATCHDOG_S)
            liveness.expect("commit", 60.0)
            return while_late, await fed_within(systemd, 3 * WATCHDOG_S)

    with FakeManager() as systemd:
        assert asyncio.run(scenario(systemd)) == (False, True)


def test_a_page_that_takes_connections_and_says_nothing_is_not_fed_for() -> None:
    """A hung page is no page."""
    port = free_port()
    hangs = asyncio.Event()

    async def maybe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not hangs.is_set():
            await answer(reader, writer)

    async def scenario(systemd: FakeManager) -> bool:
        async with page(port, maybe), watching(watchdog_of(systemd, Liveness(), port)):
            await heard(systemd, ALIVE)
            hangs.set()
            await heard(systemd, "STATUS=no answer from page")
            return await fed_within(systemd, 3 * WATCHDOG_S)

    with FakeManager() as systemd:
        assert not asyncio.run(scenario(systemd))


def test_a_page_that_answers_with_an_error_does_not_answer() -> None:
    """Whatever else is on the port, it is not our page."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Oops\r\n\r\n")
        writer.close()

    async def scenario(port: int) -> bool:
        async with page(port, refuse):
            return await page_answers("0.0.0.0", port)

    assert not asyncio.run(scenario(free_port()))


def test_without_a_manager_it_does_nothing() -> None:
    """A hub started by hand asks its own page nothing."""
    watchdog = Watchdog(
        Notifier(FakeManager().manager()._replace(address="")),
        Liveness(),
        describe=lambda: "well",
        page=("127.0.0.1", 1),
    )

    asyncio.run(asyncio.wait_for(watchdog.run(), 1))


class HungDisk:
    """Makes a hub's commits hang, as a dying card does, until it is let go."""

    def __init__(self, hub: Hub) -> None:
        self.let_go = threading.Event()
        self._commit = hub.log.commit

    def commit(self, batch: Batch) -> None:
        """Hang, then write after all."""
        self.let_go.wait(PATIENCE_S)
        self._commit(batch)


def test_a_commit_that_hangs_stops_the_feeding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The meter loop and the page go on; the disk does not answer, and that is enough."""
    monkeypatch.setattr(pipeline_module, "COMMIT_SLACK_S", 0.1)
    (tmp_path / "empty").touch()
    hub = hub_in(tmp_path, meter_link=f"replay:{tmp_path / 'empty'}", log_commit_window_s=0.05)
    disk = HungDisk(hub)
    port = free_port()

    async def scenario(systemd: FakeManager) -> tuple[bool, bool]:
        carrying = asyncio.create_task(run_pipeline(hub))
        async with page(port), watching(watchdog_of(systemd, hub.liveness, port)):
            await heard(systemd, ALIVE)
            monkeypatch.setattr(hub.log, "commit", disk.commit)
            take(hub, [telegram(1_000)])
            await heard(systemd, "STATUS=no answer from commit")
            while_hung = await fed_within(systemd, 3 * WATCHDOG_S)
            disk.let_go.set()
            await heard(systemd, ALIVE)
        carrying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await carrying
        return while_hung, hub.intake.counts.committed == 1

    with FakeManager() as systemd:
        assert asyncio.run(scenario(systemd)) == (False, True)
    hub.log.close()


def test_a_silent_link_answers_and_a_hung_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A meter may be silent for ever; a loop that no longer says so is hung."""
    hangs = asyncio.Event()
    while_silent: set[str] = set()

    async def silent(
        *_anything: object, on_event: Callable[[LinkEvent], None], **_more: object
    ) -> AsyncGenerator[bytes, None]:
        # Thrice as long as a loop that says nothing is believed; looked at when it has just spoken.
        for _ in range(15):
            on_event(LinkEvent(LinkEventKind.SILENT, "no byte came"))
            while_silent.update(hub.liveness.late())
            await asyncio.sleep(0.02)
        hangs.set()
        await asyncio.Event().wait()
        yield b""

    monkeypatch.setattr(pipeline_module, "chunks", silent)
    monkeypatch.setattr(pipeline_module, "meter_bound_s", lambda _link, _silence_s: 0.1)
    hub = hub_in(tmp_path, meter_link="tcp://127.0.0.1:1")

    async def scenario() -> set[str]:
        carrying = asyncio.create_task(run_pipeline(hub))
        async with asyncio.timeout(PATIENCE_S):
            await hangs.wait()
            while not (while_hung := set(hub.liveness.late())):  # noqa: ASYNC110 (bounded)
                await asyncio.sleep(0.01)
        carrying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await carrying
        return while_hung

    assert asyncio.run(scenario()) == {"meter tcp://127.0.0.1:1"}
    assert while_silent == set()
    hub.log.close()


def test_a_full_disk_is_no_hung_meter(tmp_path: Path) -> None:
    """While the meter's loop waits for room nothing is expected of it: a restart loses rows."""
    capture = tmp_path / "capture.p1"
    capture.write_bytes(b"".join(one for one, _ in simulated(60 * MS_PER_MINUTE)))
    hub = hub_in(tmp_path, meter_link=f"replay:{capture}", hub_clock="meter")
    hub.log.write = hub.log.commit = _refuse  # type: ignore[assignment, method-assign]

    async def scenario() -> set[str]:
        carrying = asyncio.create_task(run_pipeline(hub))
        async with asyncio.timeout(PATIENCE_S):
            while not hub.intake.counts.failed_commits:  # noqa: ASYNC110 (bounded)
                await asyncio.sleep(0.01)
        expected = set(hub.liveness._parts)
        carrying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await carrying
        return expected

    assert asyncio.run(scenario()) == {"commit"}


def _refuse(*_anything: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


def test_a_hub_says_ready_and_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole hub under a manager: ready, fed, stopping, in that order."""
    (tmp_path / "empty").touch()
    config = config_in(
        tmp_path / "state", meter_link=f"replay:{tmp_path / 'empty'}", page_port=free_port()
    )

    async def scenario(systemd: FakeManager) -> None:
        running = asyncio.create_task(serve(config))
        await heard(systemd, ALIVE)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await running
        systemd.lines()

    with FakeManager() as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        asyncio.run(scenario(systemd))

    order = [line for line in systemd.heard if not line.startswith("STATUS=")]
    assert order[0] == READY
    assert order[-1] == "STOPPING=1"
    assert set(order[1:-1]) == {ALIVE}


def test_the_status_is_a_line_a_person_can_read(tmp_path: Path) -> None:
    """Links, samples, what waits, the cloud."""
    hub = hub_in(tmp_path)

    assert in_a_line(hub) == (
        "0 of 1 meter link open, 0 samples committed, 0 waiting for the disk, no cloud set up"
    )
    hub.log.close()
