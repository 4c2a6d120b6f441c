"""The hub at the household's broker: a real Mosquitto, and a listener in Home Assistant's place."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import ParamSpec

import msgspec
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from agent.demo.ports import free_port
from agent.home import homeassistant
from agent.home.broker import BrokerPlace
from agent.home.discovery import Naming, Style
from agent.home.entities import Facts
from agent.home.homeassistant import HomeAssistant
from agent.home.inputs import Message
from tests.support.home_facts import IMPORT, home_facts
from tests.support.home_inputs import METER, NOW_MS, home_inputs
from tests.support.plain_broker import HOST, PlainBroker

NAMING = Naming("hub-1")
DEADLINE_S = 10.0
POLL_S = 0.01
Given = ParamSpec("Given")


class Listener:
    """Hears everything that is published, retained or not."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = self._take
        self._client.connect(HOST, port)
        self._client.loop_start()

    def _take(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))

    def last(self, topic: str) -> bytes | None:
        """What was said last on a topic."""
        return next((said for at, said in reversed(self.heard) if at == topic), None)

    def count(self, topic: str) -> int:
        """How often something was said on a topic."""
        return sum(at == topic for at, _ in self.heard)

    def close(self) -> None:
        """Hear no more."""
        self._client.disconnect()
        self._client.loop_stop()


def in_a_loop(test: Callable[Given, Awaitable[None]]) -> Callable[Given, None]:
    """Run a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*given: Given.args, **named: Given.kwargs) -> None:
        async def once() -> None:
            await test(*given, **named)

        asyncio.run(once())

    return run


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that is bound to come."""
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():  # noqa: ASYNC110 (paho hears in its own thread)
            await asyncio.sleep(POLL_S)


@contextlib.asynccontextmanager
async def telling(
    port: int,
    read: Callable[[], Facts],
    style: Style = "device",
    acknowledge: Callable[[int], bool] = lambda _message: False,
) -> AsyncIterator[HomeAssistant]:
    """A hub that tells what `read` says, until the end of the block."""
    place = BrokerPlace(HOST, port, "hearthlink-home-test")
    home = HomeAssistant(
        place, NAMING, style, read, draw=lambda least, _most: least, acknowledge=acknowledge
    )
    task = asyncio.create_task(home.run())
    try:
        yield home
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PlainBroker]:
    """A household's broker."""
    with PlainBroker(tmp_path) as one:
        yield one


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homeassistant, "SETTLE_S", 0.1)
    monkeypatch.setattr(homeassistant, "TURN_S", 0.05)
    monkeypatch.setattr(homeassistant, "FOLLOW_S", 0.05)


@in_a_loop
async def test_a_home_is_announced_told_and_said_to_be_gone(broker: PlainBroker) -> None:
    """Configurations and sums are retained for whoever comes later; the present is not."""
    home = NAMING.config("device", "home")
    early = Listener(broker.port)

    async with telling(broker.port, home_facts):
        await until(lambda: early.last(NAMING.now) is not None)
        late = Listener(broker.port)
        await until(lambda: late.last(NAMING.totals) is not None)
    await until(lambda: early.last(NAMING.status) == b"offline")

    assert msgspec.json.decode(early.last(NAMING.now) or b"")["power_w"] == 1_436
    assert home in {topic for topic, _ in late.heard}
    assert early.count(home) == 1
    early.close()
    late.close()


@in_a_loop
async def test_everything_is_said_again_at_home_assistants_birth(broker: PlainBroker) -> None:
    """A broker that forgot, or a Home Assistant that did, has it all again."""
    home = NAMING.config("device", "home")
    listener = Listener(broker.port)

    async with telling(broker.port, home_facts):
        await until(lambda: listener.count(NAMING.now) > 1)
        before = listener.count(NAMING.totals)
        broker.publish((NAMING.birth, b"online"))
        await until(lambda: listener.count(home) == 2 and listener.count(NAMING.totals) > before)

    listener.close()


@in_a_loop
async def test_a_birth_before_the_first_turn_is_not_lost(
    broker: PlainBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant that starts with the hub has everything without waiting for a change."""
    monkeypatch.setattr(homeassistant, "TURN_S", 600.0)
    monkeypatch.setattr(homeassistant, "SETTLE_S", 0.5)
    listener = Listener(broker.port)

    async with telling(broker.port, home_facts) as home:
        await until(home.broker.is_connected.is_set)
        while not home.births:
            broker.publish((NAMING.birth, b"online"))
            await asyncio.sleep(POLL_S)
        assert listener.count(NAMING.now) == 0
        await until(lambda: listener.count(NAMING.config("device", "home")) == 2)

    listener.close()


@in_a_loop
async def test_a_press_reads_the_message_that_it_names(broker: PlainBroker) -> None:
    """At once, and once; what names no message that waits, or was retained, changes nothing."""
    messages = {7: Message(7, "Power off on 3 May", NOW_MS)}
    broker.publish((NAMING.acknowledge, b"7"), retain=True)
    listener = Listener(broker.port)
    read: list[int] = []

    def facts() -> Facts:
        return home_facts(home_inputs(messages=list(messages.values())))

    def acknowledge(message: int) -> bool:
        read.append(message)
        return messages.pop(message, None) is not None

    async with telling(broker.port, facts, acknowledge=acknowledge) as home:
        await until(lambda: b'"messages_open":1' in (listener.last(NAMING.messages) or b""))
        assert read == []
        for payload in (b"8", b"", b"7 ", b"-7", b"9" * 5_000, b"\xff"):
            broker.publish((NAMING.acknowledge, payload))
        broker.publish((NAMING.acknowledge, b"7"))
        broker.publish((NAMING.acknowledge, b"7"))
        await until(lambda: b'"messages_open":0' in (listener.last(NAMING.messages) or b""))
        await until(lambda: home.presses_refused == 7)

    assert (read, home.presses) == ([7], 1)
    listener.close()


@in_a_loop
async def test_what_the_hub_before_had_announced_and_is_no_more_is_taken_back(
    broker: PlainBroker,
) -> None:
    """The broker remembers what was announced: no file of the hub has to."""
    gone = NAMING.config("device", "meter-OLD")
    broker.publish((gone, b'{"components":{"gas_l":{"platform":"sensor"}}}'), retain=True)
    listener = Listener(broker.port)

    async with telling(broker.port, home_facts):
        await until(lambda: listener.last(gone) == b"")

    assert listener.last(NAMING.meter("meter-OLD")) == b""
    listener.close()


@in_a_loop
async def test_a_broker_that_is_killed_ends_and_loses_nothing_else(broker: PlainBroker) -> None:
    """The hub goes on, and tells everything to the one that comes back empty."""
    async with telling(broker.port, home_facts) as home:
        await until(home.broker.is_connected.is_set)
        broker.kill()
        await until(lambda: not home.broker.is_connected.is_set())
        broker.start()
        await until(home.broker.is_connected.is_set)
        listener = Listener(broker.port)
        await until(lambda: listener.last(NAMING.config("device", "home")) is not None)

    assert home.failures == 0
    listener.close()


@in_a_loop
async def test_a_broker_that_comes_back_is_told_without_waiting_for_a_turn(
    broker: PlainBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant, which may start with it, would show the home as unavailable meanwhile."""
    monkeypatch.setattr(homeassistant, "TURN_S", 600.0)
    monkeypatch.setattr(homeassistant, "FOLLOW_S", 600.0)

    async with telling(broker.port, home_facts) as home:
        await until(lambda: bool(home._said))
        broker.kill()
        await until(lambda: not home.broker.is_connected.is_set())
        broker.start()
        listener = Listener(broker.port)
        await until(lambda: listener.last(NAMING.now) is not None)

    assert listener.last(NAMING.config("device", "home"))
    listener.close()


@in_a_loop
async def test_a_turn_that_fails_is_counted_and_the_next_one_comes(broker: PlainBroker) -> None:
    """No fault in what is told ends the hub."""
    turns = iter([OSError("disk"), OSError("disk")])

    def read() -> Facts:
        fault = next(turns, None)
        if fault is not None:
            raise fault
        return home_facts(counters={METER: [IMPORT]})

    listener = Listener(broker.port)
    async with telling(broker.port, read, "entity") as home:
        await until(lambda: listener.last(NAMING.now) is not None)

    assert home.failures == 2
    listener.close()


@in_a_loop
async def test_a_broker_that_is_not_there_is_waited_for() -> None:
    """Nothing is said, nothing is kept, nothing is raised."""
    async with telling(free_port(), home_facts) as home:
        await asyncio.sleep(0.2)

    assert (home.failures, home.broker.connects) == (0, 0)
