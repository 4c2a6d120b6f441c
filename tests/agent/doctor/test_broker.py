"""The way to the broker: each step that can fail has its own finding."""

import dataclasses
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.config import Config
from agent.demo.ports import free_port
from agent.doctor.broker import (
    Answer,
    Handshake,
    check_broker,
    judge_answer,
    judge_unreached,
    shake_hands,
)
from agent.doctor.check import Check, Result
from agent.doctor.network import Reach, connect
from agent.uplink.kinds import UplinkKind
from cloud.fleet.authority import Authority, Credentials
from shared.clock import SystemClock
from tests.support.hubs import config_in

JOIN_S = 5.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A fleet's authority, made for this test."""
    made = Authority(tmp_path / "fleet", SystemClock())
    made.prepare()
    return made


@contextmanager
def tls_server(
    authority: Authority, version: ssl.TLSVersion, farewell: bytes | None = None
) -> Iterator[int]:
    """A server that wants a certificate of this fleet, as its broker does, for one connection.

    It waits for the client to speak, as a broker does, unless it has a `farewell` to say first.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    context.load_cert_chain(authority.server.certificate, authority.server.key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    with socket.create_server(("localhost", 0)) as server:
        server.settimeout(JOIN_S)

        def serve() -> None:
            plain, _ = server.accept()
            plain.settimeout(JOIN_S)
            try:
                with context.wrap_socket(plain, server_side=True) as secured:
                    if farewell is None:
                        secured.recv(1)
                    else:
                        secured.sendall(farewell)
                        secured.unwrap()
            except OSError:
                plain.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(JOIN_S)


def check_with(folder: Path, port: int, shown: Credentials, ca: Path) -> Check:
    """Check a broker at this port of loopback, showing these credentials."""
    config = config_for(folder, port, shown, ca)
    return check_broker(config, shown.certificate, shown.key)


def config_for(folder: Path, port: int, shown: Credentials, ca: Path) -> Config:
    """The configuration of a hub with these credentials."""
    return config_in(
        folder,
        uplink_host="localhost",
        uplink_port=port,
        uplink_ca_file=str(ca),
        uplink_certificate_file=str(shown.certificate),
        uplink_key_file=str(shown.key),
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_broker_of_this_fleet_takes_the_hub(
    tmp_path: Path, authority: Authority, version: ssl.TLSVersion
) -> None:
    """Either version of TLS is told."""
    hub = authority.issue("hub")

    with tls_server(authority, version) as port:
        check = check_with(tmp_path, port, hub, authority.certificate)

    assert check.result is Result.OK
    assert version.name.replace("_", ".") in check.finding


def test_over_https_the_server_is_what_is_checked(tmp_path: Path, authority: Authority) -> None:
    """A web server asks for no certificate: nothing is said of whether it takes the hub's."""
    hub = authority.issue("hub")
    with tls_server(authority, ssl.TLSVersion.TLSv1_3) as port:
        config = dataclasses.replace(
            config_for(tmp_path, port, hub, authority.certificate), uplink_kind=UplinkKind.HTTPS
        )
        check = check_broker(config, hub.certificate, hub.key)

    assert check.result is Result.OK
    assert "speaks TLS as the cloud" in check.finding


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_hub_of_another_fleet_is_refused(
    tmp_path: Path, authority: Authority, version: ssl.TLSVersion
) -> None:
    """Also in TLS 1.3, where the refusal comes after the handshake."""
    strangers = Authority(tmp_path / "strangers", SystemClock())
    strangers.prepare()
    stranger = strangers.issue("hub")

    with tls_server(authority, version) as port:
        check = check_with(tmp_path, port, stranger, authority.certificate)

    assert check.result is Result.FAULT
    assert "refused the hub's certificate" in check.finding


def test_a_broker_of_another_fleet_is_not_trusted(tmp_path: Path, authority: Authority) -> None:
    """The hub's own side of the handshake refuses."""
    strangers = Authority(tmp_path / "strangers", SystemClock())
    strangers.prepare()

    with tls_server(authority, ssl.TLSVersion.TLSv1_3) as port:
        check = check_with(tmp_path, port, authority.issue("hub"), strangers.certificate)

    assert check.result is Result.FAULT
    assert "does not trust" in check.finding


def test_a_refused_connection_is_no_fault_of_the_hub(tmp_path: Path, authority: Authority) -> None:
    """Offline is normal: readings wait."""
    check = check_with(tmp_path, free_port(), authority.issue("hub"), authority.certificate)

    assert check.result is Result.WARNING
    assert "refused the connection" in check.finding


def test_a_port_that_speaks_no_tls_is_told() -> None:
    """The plain port of a broker answers with something else."""
    ours, theirs = socket.socketpair()
    theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with ours, theirs:
        answer = shake_hands(ours, ssl.create_default_context(), "localhost")

    assert answer.handshake is Handshake.FAILED


def test_a_silent_port_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain MQTT listener waits for a CONNECT that never comes."""
    monkeypatch.setattr("agent.doctor.broker.CONNECT_S", 0.1)
    ours, theirs = socket.socketpair()

    with ours, theirs:
        answer = shake_hands(ours, ssl.create_default_context(), "localhost")

    assert answer.handshake is Handshake.TIMEOUT
    assert "1883" in judge_answer(answer, "broker", 1883).fix


def test_a_peer_that_hangs_up_is_a_failure() -> None:
    """The other side closed before it said anything."""
    ours, theirs = socket.socketpair()
    theirs.close()

    with ours:
        answer = shake_hands(ours, ssl.create_default_context(), "localhost")

    assert answer.handshake is Handshake.FAILED


@pytest.mark.parametrize("handshake", [one for one in Handshake if one is not Handshake.DONE])
def test_every_failed_handshake_is_a_fault_with_a_fix(handshake: Handshake) -> None:
    """No way of failing is without words."""
    check = judge_answer(Answer(handshake, "REASON"), "broker", 8883)

    assert check.result is Result.FAULT
    assert check.fix


@pytest.mark.parametrize("reach", [one for one in Reach if one is not Reach.CONNECTED])
def test_every_way_of_not_arriving_has_words(reach: Reach) -> None:
    """Name, refusal, timeout and network are told apart."""
    check = judge_unreached(reach, "broker", 8883)

    assert check.result is Result.WARNING
    assert "broker" in check.finding
    assert check.fix


def test_a_name_that_cannot_be_is_unknown() -> None:
    """Neither a resolver's answer nor Python's own refusal of it escapes."""
    assert connect("a..b", 1).reach is Reach.UNKNOWN_NAME


def test_a_host_that_does_not_answer_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is bounded."""

    def never(*_arguments: object, **_options: object) -> socket.socket:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", never)

    assert connect("broker", 8883).reach is Reach.TIMEOUT


def test_a_network_that_is_down_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own words are kept."""

    def down(*_arguments: object, **_options: object) -> socket.socket:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", down)

    attempt = connect("broker", 8883)

    assert (attempt.reach, attempt.detail) == (Reach.UNREACHABLE, "Network is unreachable")


def test_a_server_that_hangs_up_after_the_handshake_refused_the_hub(
    tmp_path: Path, authority: Authority
) -> None:
    """Some servers close instead of saying why."""
    hub = authority.issue("hub")

    with tls_server(authority, ssl.TLSVersion.TLSv1_3, farewell=b"") as port:
        check = check_with(tmp_path, port, hub, authority.certificate)

    assert check.result is Result.FAULT
    assert "closed the connection" in check.finding


def test_a_server_that_speaks_first_has_taken_the_hub(tmp_path: Path, authority: Authority) -> None:
    """Whatever it says, it says it to a client it took."""
    hub = authority.issue("hub")

    with tls_server(authority, ssl.TLSVersion.TLSv1_3, farewell=b"hello") as port:
        check = check_with(tmp_path, port, hub, authority.certificate)

    assert check.result is Result.OK
