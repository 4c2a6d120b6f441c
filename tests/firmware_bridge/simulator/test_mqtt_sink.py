"""The simulated Glow on a real broker: all that counts as sent is read, in order, and once."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.demo.ports import free_port
from firmware_bridge.links import open_link
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.glow import GlowCodec
from firmware_bridge.simulator import mqtt_sink
from firmware_bridge.simulator.glow_meter import telegrams
from firmware_bridge.simulator.mqtt_sink import MqttSink
from firmware_bridge.simulator.openings import open_sink
from firmware_bridge.simulator.oracle import read_lines
from shared.errors import OperatorError
from shared.units import MS_PER_SECOND
from tests.support.plain_broker import PlainBroker

START_MS = 1_790_000_000_000
LIMIT_S = 60.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PlainBroker]:
    """Give a running broker that lets everybody in."""
    with PlainBroker(tmp_path, "allow_anonymous true", "sys_interval 1") as running:
        yield running


@pytest.fixture
def sink(broker: PlainBroker) -> Iterator[MqttSink]:
    """Give a sink at it, as `--link` opens it."""
    opened = open_sink(f"{broker.address}/home/meter")
    assert isinstance(opened, MqttSink)
    yield opened
    opened.close()


def emit(count: int) -> list[bytes]:
    """Make telegrams."""
    return [content for content, _ in telegrams(5, START_MS, START_MS + count * 10_000)][:count]


async def read(address: str, count: int) -> bytes:
    """Read so many lines."""
    link = await open_link(address)
    try:
        async with asyncio.timeout(LIMIT_S):
            got = b""
            while got.count(b"\n") < count:
                got += await link.read()
            return got
    finally:
        await link.close()


class Reader:
    """Reads so many lines in a thread of its own, from when it is started."""

    def __init__(self, address: str, count: int) -> None:
        self.got = b""
        self._thread = threading.Thread(target=self._run, args=(address, count))

    def _run(self, address: str, count: int) -> None:
        self.got = asyncio.run(read(address, count))

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def finish(self) -> bytes:
        """Wait for the last line; return all of them."""
        self._thread.join(LIMIT_S)
        return self.got


def test_lines_come_under_the_prefix_in_order_and_whole(
    broker: PlainBroker, sink: MqttSink
) -> None:
    """Also those that were there before anybody listened: the sink waits."""
    content = emit(40)
    reader = Reader(f"{broker.address}/home/meter/#", b"".join(content).count(b"\n"))
    threading.Timer(0.5, reader.start).start()

    sent = sink.send(content, lambda: False)

    assert sent == 40
    time.sleep(0.1)
    assert reader.finish() == b"".join(content).replace(b"glow/", b"home/meter/")


def test_nothing_counts_as_sent_while_nobody_listens(sink: MqttSink) -> None:
    """Told to stop, it says so."""
    deadline_s = time.monotonic() + 0.5

    assert sink.send(emit(3), lambda: time.monotonic() > deadline_s) == 0


def test_listener_that_goes_and_comes_again_gets_the_rest(
    broker: PlainBroker, sink: MqttSink
) -> None:
    """What nobody was there for is sent again, and nothing twice."""
    first, second = emit(20)[:10], emit(20)[10:]
    early = Reader(f"{broker.address}/#", b"".join(first).count(b"\n"))
    early.start()
    assert sink.send(first, lambda: False) == 10
    got = early.finish()
    late = Reader(f"{broker.address}/#", b"".join(second).count(b"\n"))
    threading.Timer(0.5, late.start).start()

    assert sink.send(second, lambda: False) == 10

    assert got + late.finish() == b"".join(first + second).replace(b"glow/", b"home/meter/")


def test_broker_that_is_lost_ends_the_sending_only_when_told_to(
    broker: PlainBroker, sink: MqttSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An acknowledgement that never comes is not waited for beyond the grace."""
    monkeypatch.setattr(mqtt_sink, "GRACE_S", 0.2)
    broker.kill()
    deadline_s = time.monotonic() + 0.3

    assert sink.send(emit(3), lambda: time.monotonic() > deadline_s) == 0


def test_slow_reader_is_waited_for(
    broker: PlainBroker, sink: MqttSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker says how much it holds."""
    monkeypatch.setattr(mqtt_sink, "MAX_STORED", -1)
    has_room = threading.Event()

    def make_room() -> None:
        has_room.set()
        monkeypatch.undo()

    threading.Timer(2.5, make_room).start()
    content = emit(2)
    reader = Reader(f"{broker.address}/#", b"".join(content).count(b"\n"))
    reader.start()

    assert sink.send(content, lambda: False) == 2

    assert has_room.is_set()
    assert reader.finish().count(b"\n") == b"".join(content).count(b"\n")


def test_line_that_a_fault_has_struck_is_published_all_the_same(
    broker: PlainBroker, sink: MqttSink
) -> None:
    """Its topic is made one again."""
    reader = Reader(f"{broker.address}/#", 2)
    reader.start()
    time.sleep(0.3)

    assert sink.send([b"glow/\xff#/A+ {\xff}\nnonsense\n"], lambda: False) == 1

    assert reader.finish() == "home/meter/\ufffd?/A? ".encode() + b"{\xff}\nhome/meter/ \n"


def test_broker_that_is_not_there_says_so() -> None:
    """It is to be started first."""
    with pytest.raises(OperatorError, match="cannot be reached"):
        open_sink(f"mqtt://127.0.0.1:{free_port()}/glow")


def test_prefix_with_a_wildcard_is_refused() -> None:
    """It can be listened to, not published under."""
    with pytest.raises(OperatorError, match="no topic to publish under"):
        open_sink("mqtt://127.0.0.1/glow/#")


def _decoded(content: list[bytes]) -> list[tuple[str, int | None, dict[str, int]]]:
    codec = GlowCodec()
    found = [entry for chunk in list(content) for entry in codec.feed(chunk)] + codec.feed(b"")
    samples = [s for entry in found if isinstance(entry, Telegram) for s in entry.samples]
    return [(s.meter, s.meter_time_ms, s.registers) for s in samples if s.registers]


def test_simulation_read_from_a_broker_equals_its_oracle(
    broker: PlainBroker, tmp_path: Path
) -> None:
    """The whole way: simulate, broker, link, codec; every sample, exactly."""
    from firmware_bridge.simulator.cli import run  # noqa: PLC0415 (as the command loads it)

    oracle = tmp_path / "oracle.jsonl"
    ended = threading.Event()
    content: list[bytes] = []

    async def listen() -> None:
        link = await open_link(broker.address)
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    content.append(await link.read())
        await link.close()

    listening = threading.Thread(target=lambda: asyncio.run(listen()))
    listening.start()
    now_ms = START_MS + 3 * 3_600 * MS_PER_SECOND
    run(
        ["--protocol=glow", f"--link={broker.address}/glow", "--seed=7", "--history-days=0.05",
         "--no-live", f"--now-ms={now_ms}", f"--oracle={oracle}", "--json"]
    )  # fmt: skip
    lines = list(read_lines(oracle.read_bytes()))
    deadline_s = time.monotonic() + LIMIT_S
    while len(_decoded(content)) < len(lines) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    ended.set()
    listening.join(LIMIT_S)

    decoded = _decoded(content)
    assert decoded == [(one.meter, one.taken_at_ms, one.registers) for one in lines]
    assert len(decoded) > 800
