"""Messages written to a connection beside the layers of its request: where, when, and in order."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cloud.live.messages import HEARTBEAT, Message
from cloud.live.viewers import MAX_WAITING, Viewer
from cloud.streams.wires import EXTENSION, Wires, wire_of


class Line(asyncio.Transport):
    """A connection that keeps what it is given, and may have some of it unsent."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.unsent = 0
        self.is_gone = False

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        """Say what is unsent."""
        return self.unsent

    def is_closing(self) -> bool:
        """Say whether it is over."""
        return self.is_gone


class Cycle:
    """What uvicorn's `send` is of."""

    def __init__(self, transport: object) -> None:
        self.transport = transport

    async def send(self, _message: Any) -> None:
        """Take a message of the layers."""


def _message(number: int) -> Message:
    said = b"data: %d\n\n" % number
    return Message(said, b"%x\r\n%b\r\n" % (len(said), said), str(number))


def _seen(send: Callable[[Any], Any], **scope: Any) -> dict[str, Any]:
    """Pass a request through the layer, and give what the application sees of it."""
    found: dict[str, Any] = {}

    async def app(inner: Any, _receive: Any, _send: Any) -> None:
        found.update(inner)

    async def receive() -> dict[str, Any]:
        return {}

    asked = {"type": "http", "method": "GET", "http_version": "1.1", **scope}
    asyncio.run(Wires(app)(asked, receive, send))
    return found


def test_application_is_told_of_its_connection() -> None:
    """Beside what a server tells of itself."""
    line = Line()

    found = _seen(Cycle(line).send, extensions={"other": {}})

    assert found["extensions"] == {"other": {}, EXTENSION: line}
    write = wire_of(found)
    assert write is not None
    assert write(_message(1))
    assert line.written == [b"9\r\ndata: 1\n\n\r\n"]


@pytest.mark.parametrize(
    "scope",
    [{"method": "HEAD"}, {"method": "POST"}, {"http_version": "1.0"}, {"type": "websocket"}],
)
def test_only_answers_in_chunks_are_written_beside_the_layers(scope: dict[str, str]) -> None:
    """HTTP/1.0 has none, HEAD no body, and a WebSocket frames by itself."""
    assert wire_of(_seen(Cycle(Line()).send, **scope)) is None


def test_a_server_that_shows_no_connection_is_served_by_the_layers() -> None:
    """As any that is not uvicorn, or a later one that is built otherwise."""

    async def send(_message: Any) -> None:
        return None

    assert wire_of(_seen(send)) is None
    assert wire_of(_seen(Cycle(None).send)) is None
    assert wire_of({}) is None


def test_a_connection_that_has_unsent_bytes_or_is_over_takes_no_more() -> None:
    """What it cannot take waits in the outbox, which is bounded."""
    line = Line()
    write = wire_of(_seen(Cycle(line).send))
    assert write is not None

    line.unsent = 1
    full = write(_message(1))
    line.unsent, line.is_gone = 0, True
    gone = write(_message(2))

    assert (full, gone, line.written) == (False, False, [])


def test_what_waits_is_said_before_what_is_written_at_once() -> None:
    """A viewer's messages stay in order however the connection comes and goes."""
    said: list[str] = []
    takes = [True]

    def write(message: Message) -> bool:
        if takes[0]:
            said.append(message.text)
        return takes[0]

    async def watch() -> list[bool]:
        viewer = Viewer(0.0, [], is_complete=None)
        viewer.write_by(write)
        kept = [viewer.put(_message(0), 0.0)]  # before its task sleeps
        first = await viewer.take()
        said.extend(one.text for one in first)
        taking = asyncio.ensure_future(viewer.take())
        await asyncio.sleep(0)
        kept.append(viewer.put(_message(1), 0.0))  # it sleeps: at once
        takes[0] = False
        kept.append(viewer.put(_message(2), 0.0))  # wakes it
        takes[0] = True
        kept.append(viewer.put(_message(3), 0.0))  # woken, and not there yet
        said.extend(one.text for one in await taking)
        kept.append(viewer.put(_message(4), 0.0))  # nobody sleeps
        said.extend(one.text for one in await viewer.take())
        return kept

    assert asyncio.run(watch()) == [True] * 5
    assert said == ["0", "1", "2", "3", "4"]


def test_a_viewer_that_cannot_be_written_to_keeps_the_newest() -> None:
    """As many as its outbox holds; and is told that the stream lives only where nothing waits."""

    async def watch() -> tuple[int, list[str]]:
        viewer = Viewer(0.0, [], is_complete=None)
        viewer.write_by(lambda _message: False)
        kept = sum(viewer.put(_message(number), 0.0) for number in range(MAX_WAITING + 3))
        viewer.keep_alive(1.0)
        return kept, [one.text for one in await viewer.take()]

    kept, waited = asyncio.run(watch())

    assert kept == MAX_WAITING
    assert waited == [str(number) for number in range(3, MAX_WAITING + 3)]


def test_a_word_that_the_stream_lives_wakes_nobody() -> None:
    """Ten thousand quiet viewers are as many writes, not as many tasks."""
    said: list[Message] = []

    def write(message: Message) -> bool:
        said.append(message)
        return True

    async def watch() -> bool:
        viewer = Viewer(0.0, [], is_complete=None)
        viewer.write_by(write)
        taking = asyncio.ensure_future(viewer.take())
        await asyncio.sleep(0)
        viewer.keep_alive(1.0)
        await asyncio.sleep(0)
        is_asleep = not taking.done()
        viewer.end()
        assert await taking == []
        return is_asleep

    assert asyncio.run(watch())
    assert said == [HEARTBEAT]
