"""One HTTPS connection: kept, opened anew, bounded, and told of where it breaks."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.uplink import exchange
from agent.uplink.exchange import Exchange
from cloud.fleet.authority import Authority
from shared.clock import SystemClock
from shared.errors import RetryableError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(authority: Authority, serve: Serve) -> AsyncIterator[Exchange]:
    """A TLS server that does as told, and an exchange with it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.server.certificate, authority.server.key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    made = Exchange("localhost", port, trust)
    try:
        yield made
    finally:
        await made.close()
        server.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A fleet's authority."""
    made = Authority(tmp_path / "fleet", SystemClock())
    made.prepare()
    return made


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read a request's head and its body of 4 bytes."""
    return await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(4)


def test_a_connection_is_kept_for_the_next_request(authority: Authority) -> None:
    """One handshake serves many requests, each with its path, its fields and its body."""
    heard: list[bytes] = []
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            try:
                heard.append(await read_request(reader))
            except asyncio.IncompleteReadError:
                writer.close()
                return
            writer.write(OK)

    async def scenario() -> None:
        async with served(authority, serve) as made:
            for number in range(3):
                answer = await made.post(f"/{number}", [("x-mine", "yes")], b"body")
                assert (answer.status, answer.body) == (200, b"ok")

    asyncio.run(scenario())

    assert connections == 1
    assert [request.split()[1] for request in heard] == [b"/0", b"/1", b"/2"]
    assert all(b"x-mine: yes\r\n" in one and one.endswith(b"body") for one in heard)


@pytest.mark.parametrize("answer", [OK, CLOSING])
def test_a_connection_that_was_closed_meanwhile_is_opened_anew(
    authority: Authority, answer: bytes
) -> None:
    """Servers close what is idle, with or without a word: that is no fault."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        async with served(authority, serve) as made:
            for _ in range(3):
                assert (await made.post("/", [], b"body")).status == 200

    asyncio.run(scenario())

    assert connections == 3


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "closed without an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTPS with"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nhalf", "no HTTPS with"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 3_000_000, "an answer of"),
    ],
)
def test_what_is_no_answer_is_told_of(authority: Authority, said: bytes, reason: str) -> None:
    """Nothing, another protocol, half an answer, a flood: each is a reason to try again later."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(said)
        writer.close()

    async def scenario() -> None:
        async with served(authority, serve) as made:
            with pytest.raises(RetryableError, match=reason):
                await made.post("/", [], b"body")

    asyncio.run(scenario())


def test_a_server_that_says_nothing_is_given_up(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-open link must not hold the uplink for ever."""
    monkeypatch.setattr(exchange, "ANSWER_S_MAX", 0.1)
    given_up = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await given_up.wait()
        writer.close()

    async def scenario() -> None:
        async with served(authority, serve) as made:
            with pytest.raises(RetryableError, match="does not answer in time"):
                await made.post("/", [], b"body")
            given_up.set()

    asyncio.run(scenario())


def test_a_server_of_another_authority_is_not_spoken_to(
    authority: Authority, tmp_path: Path
) -> None:
    """The hub proves the cloud before it says a word."""
    other = Authority(tmp_path / "other", SystemClock())
    other.prepare()
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    async def scenario() -> None:
        async with served(authority, serve) as made:
            made._context = ssl.create_default_context(cafile=str(other.certificate))
            with pytest.raises(RetryableError, match="certificate verify failed"):
                await made.post("/", [], b"body")

    asyncio.run(scenario())

    assert heard == []
