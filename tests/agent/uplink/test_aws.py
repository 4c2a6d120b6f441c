"""The uplink over awsiotsdk: what only it has to do, beside the contract that all uplinks keep."""

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent.uplink import crt
from agent.uplink.access import CloudAccess
from agent.uplink.aws import KEEPALIVE_S, AwsUplink
from agent.uplink.crt import tls_options
from agent.uplink.port import Disconnected, Event
from cloud.fleet.authority import Authority
from shared.clock import SystemClock
from shared.frames import MAX_FRAME_BYTES
from shared.protocol import MAX_HELLO_BYTES

JOIN_S = 10.0
MQTT_CONNECT = 0x10
PROTOCOL = b"\x00\x04MQTT\x05"
"""Name and version; a byte of flags and the keepalive follow (MQTT 5 §3.1.2)."""

CONNACK = b"\x20\x03\x00\x00\x00"
CONNACK_REFUSED = b"\x20\x03\x00\x87\x00"
SUBACK_REFUSED = b"\x90\x09\x00\x01\x00\x87" + b"\x01" * 5
"""Of packet 1, the first that a connection numbers; the receipts' topic is asked for first."""


class GreetedServer:
    """A TLS server that notes what a client asks for and the first packet it sends."""

    def __init__(self, authority: Authority, *answers: bytes) -> None:
        self._answers = answers
        self.server_name: str | None = None
        self.protocol: str | None = None
        self.first = b""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
        context.load_cert_chain(authority.server.certificate, authority.server.key)
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols([crt.ALPN_PROTOCOL])
        context.sni_callback = self._note_name
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(JOIN_S)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def join(self) -> None:
        """Wait until the one client has been noted."""
        self._thread.join(JOIN_S)
        self._listener.close()

    def _note_name(self, _socket: object, name: str | None, _context: object) -> None:
        self.server_name = name

    def _serve(self) -> None:
        plain, _ = self._listener.accept()
        with self._context.wrap_socket(plain, server_side=True) as secured:
            self.protocol = secured.selected_alpn_protocol()
            secured.settimeout(JOIN_S)
            self.first = secured.recv(4_096)
            for answer in self._answers:
                secured.sendall(answer)
                secured.recv(4_096)


def access_to(tmp_path: Path, port: int) -> tuple[Authority, CloudAccess]:
    """Make a fleet and a hub's access to a port of this machine."""
    authority = Authority(tmp_path / "fleet", SystemClock())
    authority.prepare()
    hub = authority.issue("hub-1")
    return authority, CloudAccess("localhost", port, hub.authority, hub.certificate, hub.key)


def test_it_asks_for_mqtt_by_alpn_on_443_and_names_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS IoT Core wants the server's name always, and on 443 the protocol's; keepalive is 30 s."""
    authority, _ = access_to(tmp_path, 1)
    server = GreetedServer(authority)
    monkeypatch.setattr(crt, "ALPN_PORT", server.port)
    _, access = access_to(tmp_path, server.port)

    async def scenario() -> list[Event]:
        uplink = AwsUplink("hub-1", access)
        events: list[Event] = []
        await uplink.start(events.append)
        await asyncio.to_thread(server.join)
        async with asyncio.timeout(JOIN_S):
            while not events:  # noqa: ASYNC110 (told from the runtime's thread)
                await asyncio.sleep(0.01)
        await uplink.stop()
        return events

    events = asyncio.run(scenario())

    assert server.server_name == "localhost"
    assert server.protocol == "x-amzn-mqtt-ca"
    assert server.first[0] == MQTT_CONNECT
    keepalive = server.first.partition(PROTOCOL)[2][1:3]
    assert int.from_bytes(keepalive, "big") == KEEPALIVE_S
    assert isinstance(events[0], Disconnected)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([CONNACK_REFUSED], "refused the connection"),
        ([CONNACK, SUBACK_REFUSED], "refused to let hub-1 hear hearthlink/v1/hub-1/receipts"),
        ([CONNACK, b"\x00"], "did not take the subscriptions"),
    ],
)
def test_a_broker_that_refuses_is_told_of(
    tmp_path: Path, answers: list[bytes], reason: str
) -> None:
    """A policy that does not let the hub in, or hear its receipts, must not look like a network."""
    authority, _ = access_to(tmp_path, 1)
    server = GreetedServer(authority, *answers)
    _, access = access_to(tmp_path, server.port)

    async def scenario() -> Event:
        uplink = AwsUplink("hub-1", access)
        events: list[Event] = []
        await uplink.start(events.append)
        async with asyncio.timeout(JOIN_S):
            while not events:  # noqa: ASYNC110 (told from the runtime's thread)
                await asyncio.sleep(0.01)
        await uplink.stop()
        return events[0]

    event = asyncio.run(scenario())
    server.join()

    assert isinstance(event, Disconnected)
    assert reason in event.reason


def test_on_another_port_it_asks_for_no_protocol(tmp_path: Path) -> None:
    """Brokers on 8883 need not know AWS's name for MQTT."""
    _, access = access_to(tmp_path, 8883)

    assert tls_options(access).alpn_list is None


def test_nothing_is_larger_than_aws_takes() -> None:
    """A payload has 128 KB at the most, whatever it is."""
    assert max(MAX_FRAME_BYTES, MAX_HELLO_BYTES) <= 128 * 1024


def test_certificates_that_vanish_are_told_of(tmp_path: Path) -> None:
    """Files that cannot be read any more are a reason given, and the uplink goes on trying."""
    _, access = access_to(tmp_path, 1)

    async def scenario() -> list[Event]:
        uplink = AwsUplink("hub-1", access)
        access.certificate_file.with_suffix(".key").unlink()
        events: list[Event] = []
        await uplink.start(events.append)
        async with asyncio.timeout(JOIN_S):
            while not events:  # noqa: ASYNC110 (told by another task)
                await asyncio.sleep(0.01)
        await uplink.stop()
        return events

    (event,) = asyncio.run(scenario())

    assert isinstance(event, Disconnected)
    assert "certificate" in event.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "loaded"), [("mqtt", {"paho"}), ("aws", {"awscrt"}), ("https", {"h11"})]
)
def test_each_kind_loads_its_own_library_only(tmp_path: Path, kind: str, loaded: set[str]) -> None:
    """Megabytes of a library that is not used are not in the hub's memory."""
    _, access = access_to(tmp_path, 1)
    program = (
        "import sys; from pathlib import Path; from agent.transports import open_uplink\n"
        "from agent.uplink.access import CloudAccess; from agent.uplink.kinds import UplinkKind\n"
        "before = {'paho', 'awscrt'} & set(sys.modules)\n"
        "host, port, *files, kind = sys.argv[1:]\n"
        "access = CloudAccess(host, int(port), *map(Path, files))\n"
        "open_uplink(UplinkKind(kind), 'hub-1', access)\n"
        "print(before, *({'paho', 'awscrt', 'h11', 'httpx', 'cloud'} & set(sys.modules)))\n"
    )
    files = (access.ca_file, access.certificate_file, access.key_file)

    printed = subprocess.run(
        [sys.executable, "-c", program, "localhost", "1", *map(str, files), kind],
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    ).stdout

    before, *found = printed.split()
    assert before == "set()"
    assert set(found) - {"h11"} == loaded - {"h11"}
