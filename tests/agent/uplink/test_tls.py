"""TLS where the machine's clock is wrong: certificates judged by the time the hub knows.

The machine's clock is not touched: the certificates are dated years ahead of it, as a certificate
of today is for a machine in 1970.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.floor import KnownTime
from agent.uplink.access import CloudAccess
from agent.uplink.mqtt import MqttUplink
from agent.uplink.port import Connected, Disconnected, Event
from agent.uplink.tls import NO_CHECK_TIME, client_context, judge_dates
from cloud.fleet.authority import LEAF_VALIDITY, Authority, Credentials
from shared.clock import DrivenClock, SystemClock
from shared.errors import OperatorError
from shared.units import MS_PER_DAY, MS_PER_SECOND

AHEAD_MS = 20_000 * MS_PER_DAY
"""As far as 1970 is from today."""

PATIENCE_S = 60.0
CONNACK = bytes.fromhex("2003000000")
SUBACK = bytes.fromhex("90060001 00 010101")
"""To a client's first subscription, which is of three topics."""


@pytest.fixture(scope="module")
def made_at_ms() -> int:
    """When the certificates of the days to come are made."""
    return SystemClock().utc_ms() + AHEAD_MS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, made_at_ms: int) -> Authority:
    """A fleet's authority of the days to come."""
    made = Authority(tmp_path_factory.mktemp("fleet"), DrivenClock(made_at_ms))
    made.prepare()
    made.issue("hub")
    return made


@contextmanager
def server_of(authority: Authority, *answers: bytes) -> Iterator[int]:
    """A server with the authority's certificate that says one thing each time it is spoken to."""
    to_say = iter(answers or [b"!"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server.certificate, authority.server.key)
    with socket.create_server(("localhost", 0)) as listener:
        listener.settimeout(PATIENCE_S)

        def serve() -> None:
            try:
                plain, _ = listener.accept()
                plain.settimeout(PATIENCE_S)
                with context.wrap_socket(plain, server_side=True) as secured:
                    while secured.recv(1_024):
                        secured.sendall(next(to_say, b""))
            except OSError:
                return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(PATIENCE_S)


def context_of(authority: Authority, time: KnownTime | None) -> ssl.SSLContext:
    hub = authority.credentials("hub")
    return client_context(hub.authority, hub.certificate, hub.key, lambda: time)


def speak(authority: Authority, time: KnownTime | None, name: str = "localhost") -> bytes:
    """Connect, say a byte and hear the answer; raises what the handshake raises."""
    context = context_of(authority, time)
    with (
        server_of(authority) as port,
        socket.create_connection(("localhost", port), PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        secured.sendall(b"?")
        return secured.recv(1)


def refusal_of(authority: Authority, time: KnownTime | None, name: str = "localhost") -> str:
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        speak(authority, time, name)
    return caught.value.verify_message


def test_a_machine_in_the_past_refuses_a_good_certificate(authority: Authority) -> None:
    """This is what locks a hub out; without a better time nothing is different from ever."""
    assert refusal_of(authority, None) == "certificate is not yet valid"


def test_the_floor_lets_a_hub_in(authority: Authority, made_at_ms: int) -> None:
    """A hub that knows only what is past takes a certificate that had not expired by then."""
    assert speak(authority, KnownTime(made_at_ms + MS_PER_DAY, is_exact=False)) == b"!"


def test_a_certificate_made_after_the_floor_is_taken(authority: Authority, made_at_ms: int) -> None:
    """A hub that lay in a drawer while the broker's certificate was renewed is not locked out."""
    assert speak(authority, KnownTime(made_at_ms - 300 * MS_PER_DAY, is_exact=False)) == b"!"


def test_a_certificate_that_had_expired_by_the_floor_is_refused(
    authority: Authority, made_at_ms: int
) -> None:
    """It is surely past its end."""
    after_ms = made_at_ms + int(LEAF_VALIDITY.total_seconds()) * MS_PER_SECOND + MS_PER_DAY

    assert refusal_of(authority, KnownTime(after_ms, is_exact=False)) == "certificate has expired"


def test_a_time_that_is_known_judges_both_dates(authority: Authority, made_at_ms: int) -> None:
    """The cloud has told the time, the machine's clock still stands in the past."""
    assert speak(authority, KnownTime(made_at_ms + MS_PER_DAY, is_exact=True)) == b"!"
    assert (
        refusal_of(authority, KnownTime(made_at_ms - 300 * MS_PER_DAY, is_exact=True))
        == "certificate is not yet valid"
    )


def test_name_and_authority_are_checked_all_the_same(
    authority: Authority, made_at_ms: int, tmp_path: Path
) -> None:
    """Only the dates are judged differently."""
    time = KnownTime(made_at_ms + MS_PER_DAY, is_exact=False)
    stranger = Authority(tmp_path, DrivenClock(made_at_ms))
    stranger.prepare()
    context = context_of(stranger_with_hub(stranger), time)

    wrong_name = refusal_of(authority, time, "broker.example")
    with (
        server_of(authority) as port,
        socket.create_connection(("localhost", port), PATIENCE_S) as plain,
        pytest.raises(ssl.SSLCertVerificationError) as caught,
    ):
        context.wrap_socket(plain, server_hostname="localhost")

    assert "Hostname mismatch" in wrong_name
    assert "unable to get local issuer" in caught.value.verify_message or (
        "self-signed" in caught.value.verify_message
    )


def stranger_with_hub(authority: Authority) -> Authority:
    authority.issue("hub")
    return authority


def test_the_machine_is_asked_again_once_it_is_right(authority: Authority, made_at_ms: int) -> None:
    """The same context goes back to the library's own check: a good clock is believed."""
    times = [KnownTime(made_at_ms, is_exact=False), None]
    hub = authority.credentials("hub")
    context = client_context(hub.authority, hub.certificate, hub.key, lambda: times.pop(0))
    before = context.verify_flags

    for _ in range(2):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")

    assert not context.verify_flags & NO_CHECK_TIME
    assert context.verify_flags == before


@pytest.mark.parametrize("days", [1, 40_000])
def test_asyncio_judges_the_same(authority: Authority, made_at_ms: int, days: int) -> None:
    """A connection made by asyncio uses buffers in place of sockets; the dates count there too."""
    time = KnownTime(made_at_ms + days * MS_PER_DAY, is_exact=False)

    async def scenario(port: int) -> bytes:
        reader, writer = await asyncio.open_connection(
            "localhost", port, ssl=context_of(authority, time)
        )
        writer.write(b"?")
        heard = await reader.read(1)
        writer.close()
        return heard

    with server_of(authority) as port:
        if days == 1:
            assert asyncio.run(scenario(port)) == b"!"
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                asyncio.run(scenario(port))


def test_an_authority_that_has_expired_by_the_floor_is_refused() -> None:
    """All of them must have: one that is alive may be the one that signed."""
    good = {"notBefore": "Jan  1 00:00:00 2026 GMT", "notAfter": "Jan  1 00:00:00 2030 GMT"}
    dead = {"notBefore": "Jan  1 00:00:00 2016 GMT", "notAfter": "Jan  1 00:00:00 2026 GMT"}
    time = KnownTime(ssl.cert_time_to_seconds("Jan  1 00:00:00 2027 GMT") * 1_000, is_exact=False)

    judge_dates(good, [dead, good], time)
    with pytest.raises(ssl.SSLCertVerificationError, match="authority"):
        judge_dates(good, [dead], time)


def test_authorities_that_the_system_trusts_are_judged_by_the_floor_too(
    authority: Authority, made_at_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cloud on the internet has a certificate of theirs, and the hub no file of its own."""
    hub = authority.credentials("hub")
    monkeypatch.setenv("SSL_CERT_FILE", str(hub.authority))
    monkeypatch.setenv("SSL_CERT_DIR", "")
    time = KnownTime(made_at_ms, is_exact=False)
    context = client_context(None, hub.certificate, hub.key, lambda: time)

    with (
        server_of(authority) as port,
        socket.create_connection(("localhost", port), PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(b"?")
        heard = secured.recv(1)

    assert heard == b"!"


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """All three, with what to check."""
    with pytest.raises(OperatorError) as caught:
        client_context(tmp_path / "ca", tmp_path / "crt", tmp_path / "key")

    assert "belong together" in caught.value.hint


def connect(hub: Credentials, port: int, know_time: Callable[[], KnownTime | None]) -> Event:
    """Let the MQTT uplink connect, and tell the first that it says of it."""
    access = CloudAccess(
        "localhost", port, hub.authority, hub.certificate, hub.key, know_time=know_time
    )
    uplink = MqttUplink("hub", access)

    async def scenario() -> Event:
        told: asyncio.Queue[Event] = asyncio.Queue()
        await uplink.start(told.put_nowait)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await told.get()
        finally:
            await uplink.stop()

    return asyncio.run(scenario())


def test_the_mqtt_uplink_connects_by_the_floor(authority: Authority, made_at_ms: int) -> None:
    """From a machine whose clock is decades behind the broker's certificate."""
    hub = authority.credentials("hub")
    time = KnownTime(made_at_ms, is_exact=False)

    with server_of(authority, CONNACK, SUBACK) as port:
        by_floor = connect(hub, port, lambda: time)
    with server_of(authority, CONNACK, SUBACK) as port:
        by_machine = connect(hub, port, lambda: None)

    assert isinstance(by_floor, Connected)
    assert isinstance(by_machine, Disconnected)
