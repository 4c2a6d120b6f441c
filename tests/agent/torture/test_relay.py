"""The relay carries bytes as its link lets it."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from agent.torture import relay as relaying
from agent.torture.relay import Link, Relay

SOON_S = 5.0
NEVER_S = 0.2

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Listen where the broker would."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        there.settimeout(SOON_S)
        yield there


@pytest.fixture
def relay(listener: socket.socket) -> Iterator[Relay]:
    """Relay to it."""
    one = Relay(listener.getsockname()[1])
    yield one
    one.close()


def connected(relay: Relay, listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Connect through the relay: this end and the other."""
    here = socket.create_connection(("127.0.0.1", relay.port), timeout=SOON_S)
    there, _ = listener.accept()
    there.settimeout(SOON_S)
    return here, there


def test_bytes_go_both_ways(relay: Relay, listener: socket.socket) -> None:
    """A link that is up is not noticed."""
    here, there = connected(relay, listener)

    here.sendall(b"ping")
    there.sendall(b"pong")

    assert (there.recv(9), here.recv(9)) == (b"ping", b"pong")
    here.close()
    there.close()


def test_a_half_open_link_keeps_bytes_back_until_it_is_up(
    relay: Relay, listener: socket.socket
) -> None:
    """Nobody is told of anything; what was sent arrives late."""
    here, there = connected(relay, listener)
    relay.set(Link.HALF_OPEN)
    here.sendall(b"ping")
    there.settimeout(NEVER_S)

    with pytest.raises(TimeoutError):
        there.recv(9)
    relay.set(Link.UP)
    there.settimeout(SOON_S)

    assert there.recv(9) == b"ping"
    here.close()
    there.close()


def test_a_link_that_is_down_resets_and_refuses(relay: Relay, listener: socket.socket) -> None:
    """Connections break, and new ones are not served."""
    here, there = connected(relay, listener)

    relay.set(Link.DOWN)

    with pytest.raises(ConnectionError):
        _ended(here)
    with pytest.raises(ConnectionError):
        _ended(socket.create_connection(("127.0.0.1", relay.port), timeout=SOON_S))
    here.close()
    there.close()


def test_a_torn_link_carries_half_a_piece_and_is_gone(
    relay: Relay, listener: socket.socket
) -> None:
    """Whoever reads it has the beginning of a message that never ends."""
    here, there = connected(relay, listener)
    relay.set(Link.TORN)

    here.sendall(b"ping")

    assert there.recv(9) == b"pi"
    with pytest.raises(ConnectionError):
        _ended(there)
    assert relay.struck == 1
    here.close()
    there.close()


def test_a_lossy_link_loses_nothing_in_the_end(
    relay: Relay, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TCP sends again what was lost: late, whole and in order."""
    monkeypatch.setattr(relaying, "RETRANSMIT_S", 0.001)
    monkeypatch.setattr(relaying, "LOST", 1.0)
    here, there = connected(relay, listener)
    relay.set(Link.LOSSY)

    here.sendall(b"ping")

    assert there.recv(9) == b"ping"
    assert relay.struck == 1
    here.close()
    there.close()


def test_a_connection_that_is_made_while_the_link_goes_down_is_cut_too(
    relay: Relay, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker has it already, the relay not yet among those it would cut."""
    connect = asyncio.open_connection

    async def connect_too_late(host: str, port: int) -> Ends:
        ends = await connect(host, port)
        await relay._change(Link.DOWN, 0.0)
        return ends

    monkeypatch.setattr(asyncio, "open_connection", connect_too_late)

    here, there = connected(relay, listener)

    with pytest.raises(ConnectionError):
        _ended(here)
    here.close()
    there.close()


def _ended(one: socket.socket) -> None:
    if one.recv(9) == b"":
        raise ConnectionResetError
