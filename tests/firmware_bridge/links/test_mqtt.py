"""The MQTT link against a real Mosquitto, and against brokers that answer strangely."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from agent.demo.ports import free_port
from firmware_bridge.links import Backoff, LinkEvent, LinkEventKind, LinkSettings, chunks, open_link
from firmware_bridge.links import mqtt as mqtt_module
from firmware_bridge.links.mqtt import MqttLink
from firmware_bridge.links.mqtt_address import parse_subscription
from firmware_bridge.links.mqtt_faults import unreachable
from firmware_bridge.links.port import READ_BYTES
from shared.errors import LinkError, OperatorError
from tests.support.mosquitto import Broker
from tests.support.plain_broker import PlainBroker

LIMIT_S = 60.0
T = TypeVar("T")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PlainBroker]:
    """Give a running broker that lets everybody in."""
    with PlainBroker(tmp_path) as running:
        yield running


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a scenario within the limit."""

    async def limited() -> T:
        async with asyncio.timeout(LIMIT_S):
            return await scenario

    return asyncio.run(limited())


async def read_lines(address: str, publish: Callable[[], None], count: int) -> bytes:
    """Open, let something be published, and read so many lines."""
    link = await open_link(address)
    try:
        await asyncio.to_thread(publish)
        got = b""
        while got.count(b"\n") < count:
            got += await link.read()
        return got
    finally:
        await link.close()


def test_messages_come_as_lines_of_topic_and_payload(broker: PlainBroker) -> None:
    """In order; an end of line within a payload is none of the stream."""
    messages = [("glow/A/STATE", b'{"a":\r\n1}'), ("glow/A/SENSOR/gasmeter", b"{}"), ("x", b"no")]

    got = run(read_lines(f"{broker.address}/glow/#", lambda: broker.publish(*messages), 2))

    assert got == b'glow/A/STATE {"a":  1}\nglow/A/SENSOR/gasmeter {}\n'


def test_message_of_qos_0_comes_too(broker: PlainBroker) -> None:
    """A Glow's quality of service is its own."""
    got = run(
        read_lines(
            f"{broker.address}/+/STATE", lambda: broker.publish(("glow/STATE", b"1"), qos=0), 1
        )
    )

    assert got == b"glow/STATE 1\n"


def test_retained_message_is_passed_over(broker: PlainBroker) -> None:
    """Its age is unknown; the same topic's next message comes."""
    broker.publish(("glow/A", b"old"), retain=True)

    got = run(
        read_lines(broker.address, lambda: broker.publish(("glow/A", b"new"), retain=True), 1)
    )

    assert got == b"glow/A new\n"


def test_user_name_and_password_open_the_door(tmp_path: Path) -> None:
    """A wrong password and none at all say what to set; the link never repeats it."""
    broker = PlainBroker(tmp_path)
    broker.set_password("glow", "right")

    async def scenario() -> None:
        link = await open_link(broker.address, LinkSettings(username="glow", password="right"))
        await link.close()
        with pytest.raises(LinkError, match=r"'glow' or its password.*meter\.password") as wrong:
            await open_link(broker.address, LinkSettings(username="glow", password="wrong"))
        assert "wrong" not in str(wrong.value)
        with pytest.raises(LinkError, match=r"nobody in without a name.*meter\.username"):
            await open_link(broker.address)

    with broker:
        run(scenario())


def test_broker_that_is_not_there_says_so() -> None:
    """With what a fresh Mosquitto needs."""
    with pytest.raises(LinkError, match=r"no broker listens.*listener"):
        run(open_link(f"mqtt://127.0.0.1:{free_port()}"))


def test_unknown_host_says_so() -> None:
    """A name that no resolver knows (RFC 6761)."""
    with pytest.raises(LinkError, match=r"'glow\.invalid' is not known"):
        run(open_link("mqtt://glow.invalid"))


def test_tls_certificate_that_nobody_trusts_says_so() -> None:
    """And how to trust it."""
    with Broker() as broker, pytest.raises(LinkError, match=r"not trusted.*SSL_CERT_FILE"):
        run(open_link(f"mqtts://localhost:{broker.port}"))


def test_tls_broker_whose_authority_is_trusted_is_spoken_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks for a client certificate, which is more than a household's own broker does."""
    with Broker() as broker:
        monkeypatch.setenv("SSL_CERT_FILE", str(broker.ca))

        with pytest.raises(LinkError, match="mqtts://localhost") as refused:
            run(open_link(f"mqtts://localhost:{broker.port}"))

    assert "not trusted" not in str(refused.value)


def test_port_without_tls_says_so(broker: PlainBroker) -> None:
    """mqtts:// where mqtt:// was meant."""
    with pytest.raises(LinkError, match="mqtts://127"):
        run(open_link(f"mqtts://127.0.0.1:{broker.port}"))


def test_broker_that_dies_ends_the_link_after_what_had_come(broker: PlainBroker) -> None:
    """Nothing that was received is lost with it."""

    async def scenario() -> bytes:
        link = await open_link(broker.address)
        assert isinstance(link, MqttLink)
        await asyncio.to_thread(broker.publish, ("glow/A", b"1"))
        while not link._lines:  # noqa: ASYNC110 (what has come shows nowhere else yet)
            await asyncio.sleep(0.01)
        broker.kill()
        got = await link.read()
        with pytest.raises(LinkError, match="ended the connection"):
            await link.read()
        await link.close()
        await link.close()
        return got

    assert run(scenario()) == b"glow/A 1\n"


def test_restarted_broker_is_subscribed_to_again(broker: PlainBroker) -> None:
    """By the reconnecting loop every link goes through."""
    events: list[LinkEventKind] = []
    opened = 0

    def on_event(event: LinkEvent) -> None:
        nonlocal opened
        events.append(event.kind)
        if event.kind is LinkEventKind.OPENED:
            opened += 1
            message = ("glow/A", str(opened).encode())
            threading.Thread(target=broker.publish, args=(message,)).start()

    async def scenario() -> list[bytes]:
        got: list[bytes] = []
        stream = chunks(
            lambda: open_link(broker.address),
            silence_s=10,
            backoff=Backoff(first_s=0.05, longest_s=0.1),
            on_event=on_event,
        )
        async with contextlib.aclosing(stream):
            async for chunk in stream:
                got.append(chunk)
                if len(got) == 2:
                    break
                await asyncio.to_thread(broker.kill)
                await asyncio.to_thread(broker.start)
        return got

    assert run(scenario()) == [b"glow/A 1\n", b"glow/A 2\n"]
    assert events[0] is LinkEventKind.OPENED
    assert LinkEventKind.LOST in events


def test_long_line_comes_in_pieces_none_of_them_too_long(broker: PlainBroker) -> None:
    """A read never returns more than a reader has room for."""
    payload = b"x" * (READ_BYTES + 1_000)

    async def scenario() -> list[bytes]:
        link = await open_link(broker.address)
        await asyncio.to_thread(broker.publish, ("glow/A", payload), ("glow/A", b"2"))
        pieces: list[bytes] = []
        while not b"".join(pieces).endswith(b"2\n"):
            pieces.append(await link.read())
        await link.close()
        return pieces

    pieces = run(scenario())

    assert b"".join(pieces) == b"glow/A " + payload + b"\nglow/A 2\n"
    assert max(map(len, pieces)) <= READ_BYTES


def test_reader_that_is_slow_loses_nothing(
    broker: PlainBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is read no faster than the lines are."""
    monkeypatch.setattr(mqtt_module, "MAX_UNREAD", 4)
    messages = [("glow/A", b"%d" % number) for number in range(200)]

    async def scenario() -> tuple[bytes, int]:
        link = await open_link(broker.address)
        assert isinstance(link, MqttLink)
        publishing = asyncio.create_task(asyncio.to_thread(broker.publish, *messages))
        got = b""
        while got.count(b"\n") < len(messages):
            got += await link.read()
            await asyncio.sleep(0.002)
        await publishing
        await link.close()
        return got, link.dropped

    got, dropped = run(scenario())

    assert got == b"".join(b"glow/A %d\n" % number for number in range(200))
    assert dropped == 0


def test_reader_that_has_stopped_keeps_the_newest(
    broker: PlainBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest go, are counted, and told of."""
    monkeypatch.setattr(mqtt_module, "MAX_UNREAD", 4)
    monkeypatch.setattr(mqtt_module, "PATIENCE_S", 0.05)
    messages = [("glow/A", b"%d" % number) for number in range(20)]

    async def scenario() -> tuple[bytes, int]:
        link = await open_link(broker.address)
        assert isinstance(link, MqttLink)
        await asyncio.to_thread(broker.publish, *messages)
        while link.dropped < 16:  # noqa: ASYNC110 (bounded by `run`)
            await asyncio.sleep(0.01)
        got = await link.read()
        await link.close()
        return got, link.dropped

    got, dropped = run(scenario())

    assert got == b"".join(b"glow/A %d\n" % number for number in range(16, 20))
    assert dropped == 16
    assert "not read" in caplog.text


class StrangeBroker:
    """Takes connections and answers each with what it was given for it, then listens."""

    def __init__(self, *answers: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._answers = answers
        self._thread = threading.Thread(target=self._serve)
        self.heard: list[bytes] = []

    @property
    def address(self) -> str:
        port: int = self._listener.getsockname()[1]
        return f"mqtt://127.0.0.1:{port}/glow/#"

    def _serve(self) -> None:
        for answer in self._answers:
            client, _ = self._listener.accept()
            client.settimeout(5)
            with client, contextlib.suppress(OSError):
                self.heard.append(client.recv(1_000))
                client.sendall(answer)
                while answer and client.recv(1_000):
                    pass

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.close()
        self._thread.join(10)


CONNACK_OLD = bytes.fromhex("20020001")
CONNACK_311 = bytes.fromhex("20020000")
SUBACK_311 = bytes.fromhex("9003000101")
RETAINED_311 = b"\x31\x08\x00\x06glow/A"
PUBLISH_311 = b"\x30\x09\x00\x06glow/A1"


def test_broker_of_mqtt_3_1_1_is_spoken_to_in_its_own_way() -> None:
    """It keeps retained messages to itself no more than it is told; we pass them over."""
    answer = CONNACK_311 + SUBACK_311 + RETAINED_311 + PUBLISH_311

    async def scenario(address: str) -> bytes:
        link = await open_link(address)
        got = await link.read()
        await link.close()
        return got

    with StrangeBroker(CONNACK_OLD, answer) as old:
        assert run(scenario(old.address)) == b"glow/A 1\n"

    assert [packet[8] for packet in old.heard] == [5, 4]


def test_broker_that_refuses_for_another_reason_says_which() -> None:
    """Server unavailable, in MQTT 5."""
    with (
        StrangeBroker(bytes.fromhex("2003008800")) as busy,
        pytest.raises(LinkError, match="refused us"),
    ):
        run(open_link(busy.address))


def test_broker_that_refuses_the_subscription_says_so() -> None:
    """Not authorized, in MQTT 5."""
    answer = bytes.fromhex("2003000000") + bytes.fromhex("900400010087")
    with (
        StrangeBroker(answer) as strict,
        pytest.raises(LinkError, match=r"'glow/#'.*access list"),
    ):
        run(open_link(strict.address))


def test_broker_that_hangs_up_at_once_says_so() -> None:
    """A port with TLS does, to one who speaks without."""
    with StrangeBroker(b"") as mute, pytest.raises(LinkError, match=r"ended the connection.*mqtts"):
        run(open_link(mute.address))


def test_broker_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop must not hang on it."""
    monkeypatch.setattr(mqtt_module, "CONNECT_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]

        with pytest.raises(LinkError, match="did not answer"):
            run(open_link(f"mqtt://127.0.0.1:{port}"))


def test_empty_filter_is_the_operators_to_mend() -> None:
    """No retry would help."""
    with pytest.raises(OperatorError, match="topic filter"):
        run(open_link("mqtt://127.0.0.1/"))


def test_network_error_without_a_name_of_its_own_is_told() -> None:
    """Whatever the system says."""
    broker = parse_subscription("mqtt://hub")

    told = unreachable(broker, OSError(113, "No route to host"))
    tls = unreachable(broker, ssl.SSLError(1, "wrong version"))

    assert "No route to host" in told.message
    assert "does not speak TLS" in tls.message
