"""Real links: a pseudo-terminal as serial port, TCP, a capture; faults told with their fix."""

import asyncio
import contextlib
import errno
import os
import socket
import struct
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from agent.demo.ports import free_port
from firmware_bridge.links import (
    Backoff,
    LinkEvent,
    LinkEventKind,
    LinkSettings,
    chunks,
    open_link,
    tcp,
)
from firmware_bridge.links.addresses import check_address, meant_by
from firmware_bridge.links.serial_port import SerialLink, explain_port
from shared.errors import LinkError, OperatorError


class Pty:
    """A pseudo-terminal linked at a path, as a plugged-in serial adapter."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """Hang up, and take the path away."""
        with contextlib.suppress(OSError):
            os.close(self.master)
            os.close(self._slave)
        self.path.unlink(missing_ok=True)


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    """Give a plugged-in port, unplugged in the end."""
    port = Pty(tmp_path / "port")
    yield port
    port.unplug()


async def read_bytes(address: str, count: int) -> bytes:
    """Open, read until so many bytes are there, close."""
    link = await open_link(address)
    got = b""
    try:
        async with asyncio.timeout(5):
            while len(got) < count:
                got += await link.read()
    finally:
        await link.close()
    return got


def test_serial_port_gives_what_was_written_before_and_after_opening(pty: Pty) -> None:
    """Opening throws nothing away that the meter has already sent."""

    async def scenario() -> bytes:
        os.write(pty.master, b"before ")
        loop = asyncio.get_running_loop()
        loop.call_later(0.02, os.write, pty.master, b"after")
        return await read_bytes(str(pty.path), 12)

    assert asyncio.run(scenario()) == b"before after"


def test_serial_port_in_use_says_so(pty: Pty) -> None:
    """Two readers would each get half of the bytes."""

    async def scenario() -> None:
        first = await open_link(str(pty.path))
        try:
            with pytest.raises(LinkError, match="in use by"):
                await open_link(str(pty.path))
        finally:
            await first.close()

    asyncio.run(scenario())


def test_program_that_holds_a_port_is_named_and_no_command_to_find_it(pty: Pty) -> None:
    """Only where nobody knows who it is does `fuser` help."""
    program = "import os, sys, time; os.open(sys.argv[1], os.O_RDWR); print(); time.sleep(60)"
    words = [sys.executable, "-c", program, str(pty.path)]
    busy = serial.SerialException(errno.EBUSY, "could not open port")

    nobody = explain_port(str(pty.path), busy)
    with subprocess.Popen(words, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        named = explain_port(str(pty.path), busy)
        holder.kill()

    assert "another program" in nobody.message
    assert "fuser" in nobody.hint
    assert f"(process {holder.pid})" in named.message
    assert "fuser" not in named.hint


def test_name_without_its_folder_is_completed(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device of the machine, or what lies in this folder: a recording, or a port of ours."""
    here = pty.path.parent
    monkeypatch.chdir(here)
    (here / "meter.bin").write_bytes(b"x")
    (here / "devices").mkdir()
    (here / "devices/ttyUSB7").symlink_to("/dev/null")

    assert meant_by("ttyUSB7", here / "devices") == str(here / "devices/ttyUSB7")
    assert meant_by("mbus:ttyUSB7?baud=300", here / "devices").endswith("s/ttyUSB7?baud=300")
    assert meant_by("port") == str(here / "port")
    assert meant_by("meter.bin") == "replay:meter.bin"
    assert [meant_by(name) for name in ("ttyUSB99", "x" * 300, "", "/dev/null", ".")] == [""] * 5
    for address in ("null", "optical:null", "zigbee:null", "mbus:null"):
        with pytest.raises(OperatorError, match=r"did you mean .*/dev/null"):
            check_address(address)


def test_missing_serial_port_says_so(tmp_path: Path) -> None:
    """With where to look."""
    with pytest.raises(LinkError, match=r"not there.*by-id"):
        asyncio.run(open_link(str(tmp_path / "ttyUSB9")))


def test_file_that_is_no_serial_port_says_so(tmp_path: Path) -> None:
    """A plain file cannot be configured."""
    path = tmp_path / "file"
    path.write_bytes(b"x")

    with pytest.raises(LinkError, match="serial port"):
        asyncio.run(open_link(str(path)))


def test_serial_port_without_permission_names_the_group() -> None:
    """Root may open anything, so the error pyserial would raise is given by hand."""
    error = serial.SerialException(errno.EACCES, "could not open port")

    explained = explain_port("/dev/ttyUSB0", error)

    assert "/dev/ttyUSB0" in explained.message
    assert "dialout" in explained.hint


def test_baud_rate_that_is_none_says_so(pty: Pty) -> None:
    """A rate below zero is a mistake in the configuration."""
    with pytest.raises(LinkError, match="-1 baud"):
        asyncio.run(open_link(str(pty.path), LinkSettings(baud=-1)))


def test_closed_serial_port_cannot_be_read(pty: Pty) -> None:
    """Closing twice does nothing."""

    async def scenario() -> None:
        link = await open_link(str(pty.path))
        await link.close()
        await link.close()
        with pytest.raises(LinkError, match="closed"):
            await link.read()

    asyncio.run(scenario())


def test_unplugged_serial_port_is_opened_again_when_plugged_in(pty: Pty) -> None:
    """Bytes of both pluggings come through one iterator."""
    events: list[LinkEventKind] = []
    again: list[Pty] = []

    def on_event(event: LinkEvent) -> None:
        events.append(event.kind)
        if event.kind is LinkEventKind.OPENED:
            os.write((again or [pty])[-1].master, b"two" if again else b"one")
        elif not again:
            again.append(Pty(pty.path))

    async def scenario() -> list[bytes]:
        got: list[bytes] = []
        stream = chunks(
            lambda: open_link(str(pty.path)),
            silence_s=5,
            backoff=Backoff(first_s=0.01, longest_s=0.02),
            on_event=on_event,
        )
        async with asyncio.timeout(5), contextlib.aclosing(stream):
            async for chunk in stream:
                got.append(chunk)
                if len(got) == 2:
                    break
                pty.unplug()
        return got

    try:
        assert asyncio.run(scenario()) == [b"one", b"two"]
    finally:
        again[0].unplug()
    assert events == [LinkEventKind.OPENED, LinkEventKind.LOST, LinkEventKind.OPENED]


def test_silent_serial_port_is_opened_again(pty: Pty) -> None:
    """A pulled meter cable leaves the adapter open and mute."""
    events: list[LinkEventKind] = []

    def on_event(event: LinkEvent) -> None:
        events.append(event.kind)
        if events.count(LinkEventKind.OPENED) == 2:
            os.write(pty.master, b"awake")

    async def scenario() -> bytes:
        stream = chunks(
            lambda: open_link(str(pty.path)),
            silence_s=0.05,
            backoff=Backoff(first_s=0.001),
            on_event=on_event,
        )
        async with asyncio.timeout(5), contextlib.aclosing(stream):
            return await anext(stream)

    assert asyncio.run(scenario()) == b"awake"
    assert events == [LinkEventKind.OPENED, LinkEventKind.SILENT, LinkEventKind.OPENED]


class PipePort:
    """A port over a pipe, which answers EAGAIN where a terminal answers nothing."""

    port = "pipe"
    is_open = True

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def fileno(self) -> int:
        return self.reader

    def close(self) -> None:
        os.close(self.reader)


def test_serial_driver_that_answers_try_again_is_waited_for() -> None:
    """Drivers differ in how they say that there is nothing yet."""
    port = PipePort()

    async def scenario() -> bytes:
        link = SerialLink(port)  # type: ignore[arg-type]
        asyncio.get_running_loop().call_later(0.01, os.write, port.writer, b"late")
        got = await link.read()
        await link.close()
        await link.close()
        return got

    assert asyncio.run(scenario()) == b"late"
    os.close(port.writer)


def test_serial_port_that_fails_says_so() -> None:
    """With the operating system's reason."""
    port = PipePort()
    for end in (port.reader, port.writer):
        os.close(end)
    port.reader = os.open("/", os.O_RDONLY)

    with pytest.raises(LinkError, match="pipe failed: Is a directory"):
        asyncio.run(SerialLink(port).read())  # type: ignore[arg-type]
    port.close()


def test_tcp_connection_that_is_reset_says_so() -> None:
    """An adapter that lost its power and came back resets what it does not know."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        abrupt = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abrupt)
        writer.transport.abort()

    async def scenario() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            link = await open_link(f"tcp://127.0.0.1:{port}")
            with pytest.raises(LinkError, match="was lost"):
                await link.read()
            await link.close()

    asyncio.run(scenario())


def test_tcp_host_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is off must not hold the hub for minutes."""

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(tcp, "CONNECT_TIMEOUT_S", 0.01)
    monkeypatch.setattr(asyncio, "open_connection", never)

    with pytest.raises(LinkError, match="did not answer"):
        asyncio.run(open_link("tcp://127.0.0.1:9"))


def test_tcp_gives_bytes_until_the_other_side_closes() -> None:
    """Then it says which connection was closed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await writer.drain()
        writer.close()

    async def scenario() -> bytes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            link = await open_link(f"tcp://127.0.0.1:{port}")
            got = await link.read()
            with pytest.raises(LinkError, match=f":{port} closed"):
                await link.read()
            await link.close()
        return got

    assert asyncio.run(scenario()) == b"hello"


def test_tcp_nobody_listens_on_says_so() -> None:
    """With host and port."""
    port = free_port()

    with pytest.raises(LinkError, match=f"127.0.0.1:{port} could not be reached"):
        asyncio.run(open_link(f"tcp://127.0.0.1:{port}"))


def test_replay_gives_the_file_and_ends(tmp_path: Path) -> None:
    """Its end is final."""
    path = tmp_path / "capture"
    content = bytes(range(256)) * 1_000
    path.write_bytes(content)
    events: list[LinkEvent] = []

    async def scenario() -> bytes:
        stream = chunks(
            lambda: open_link(f"replay:{path}"),
            silence_s=1,
            backoff=Backoff(),
            on_event=events.append,
        )
        return b"".join([chunk async for chunk in stream])

    assert asyncio.run(scenario()) == content
    assert [event.kind for event in events] == [LinkEventKind.OPENED, LinkEventKind.ENDED]


def test_closed_replay_cannot_be_read(tmp_path: Path) -> None:
    """It raises a link's own error."""
    path = tmp_path / "capture"
    path.write_bytes(b"x")

    async def scenario() -> None:
        link = await open_link(f"replay:{path}")
        await link.close()
        with pytest.raises(LinkError, match="closed"):
            await link.read()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "address",
    ["", "ttyUSB0", "udp://x:1", "tcp://host", "tcp://:12", "tcp://h:99999", "tcp://[::1",
     "replay:", "replay:/no/such/file"],
)  # fmt: skip
def test_wrong_address_needs_a_person(address: str) -> None:
    """No number of tries would help."""
    with pytest.raises(OperatorError):
        asyncio.run(open_link(address))


def test_address_can_be_checked_without_opening_it() -> None:
    """For the configuration."""
    check_address("/dev/ttyUSB0")
    check_address("tcp://meter.lan:2000")
    with pytest.raises(OperatorError, match="replay:FILE"):
        check_address("meter")
