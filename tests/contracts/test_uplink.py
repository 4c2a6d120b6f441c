"""One suite for the Uplink port: the fake, paho and awsiotsdk over a real Mosquitto, and HTTPS."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from agent.transports import open_uplink
from agent.uplink.access import CloudAccess
from agent.uplink.kinds import UplinkKind
from agent.uplink.port import Arrived, Channel, Connected, Disconnected, Event, Undelivered
from shared.errors import OperatorError
from shared.protocol import Hello, Live, LogState, Receipt, encode_message
from shared.readings import Medium
from tests.support.https_stage import HttpsStage
from tests.support.mosquitto import OBSERVER
from tests.support.stages import PATIENCE_S, FakeStage, MosquittoStage, Stage

LOG_ID = bytes(range(16)).hex()
HELLO = encode_message(Hello("1.0", 1, [LogState(LOG_ID, "M1", 1, 9)]))
PAYLOADS = {
    Channel.FRAMES: bytes(range(256)),
    Channel.HELLO: HELLO,
    Channel.LIVE: encode_message(Live("M1", Medium.ELECTRICITY, 1_772_323_200_000, {})),
    Channel.TARIFF_GET: b"{}",
}
TARIFF = json.dumps(
    {
        "state": {
            "desired": {
                "meters": {
                    "M1": {
                        "name": "Flat",
                        "currency": "GBP",
                        "versions": [
                            {
                                "version": "1",
                                "starts_on": "2026-01-01",
                                "standing_millionths_per_day": 1,
                                "vat_permille": 50,
                                "prices": {"kind": "flat", "price_millionths_per_kwh": 245_000},
                            }
                        ],
                    }
                }
            }
        }
    }
).encode()
STAGES: dict[str, Callable[[], Stage]] = {
    "fake": FakeStage,
    "mqtt": lambda: MosquittoStage(UplinkKind.MQTT),
    "aws": lambda: MosquittoStage(UplinkKind.AWS),
    "https": HttpsStage,
}


@pytest.fixture(params=["fake", *(pytest.param(one, marks=pytest.mark.slow) for one in UplinkKind)])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Each transport with its other end."""
    made = STAGES[request.param]()
    yield made
    made.close()


@pytest.fixture(params=[UplinkKind.MQTT, UplinkKind.AWS])
def mosquitto(request: pytest.FixtureRequest) -> Iterator[MosquittoStage]:
    """Each MQTT uplink over a real broker."""
    made = MosquittoStage(request.param)
    yield made
    made.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something the network brings."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 (what is waited for happens in another process)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def started(stage: Stage) -> AsyncIterator[list[Event]]:
    """Start an uplink, list its events as they come, and stop it."""
    events: list[Event] = []
    await stage.uplink.start(events.append)
    try:
        yield events
    finally:
        await stage.uplink.stop()


def has(events: list[Event], kind: type[Event]) -> Callable[[], bool]:
    """Ask whether an event of a kind has come."""
    return lambda: any(isinstance(event, kind) for event in events)


def test_it_connects_and_says_so(stage: Stage) -> None:
    """Before the connection stands nothing is taken; then an event tells of it."""

    async def scenario() -> None:
        stage.up()
        early = stage.uplink.publish(Channel.HELLO, HELLO)
        async with started(stage) as events:
            await until(has(events, Connected))
        assert not early

    asyncio.run(scenario())


@pytest.mark.parametrize("channel", list(PAYLOADS))
def test_what_is_published_arrives_as_it_is(stage: Stage, channel: Channel) -> None:
    """Bytes go through unchanged, on the channel they were meant for."""

    async def scenario() -> None:
        stage.up()
        stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            assert stage.uplink.publish(channel, PAYLOADS[channel])
            await until(lambda: stage.received(channel) == [PAYLOADS[channel]])
            assert not has(events, Undelivered)()

    asyncio.run(scenario())


def test_many_messages_all_arrive_in_order(stage: Stage) -> None:
    """A window of frames handed over at once is taken, and none is lost on a good connection."""

    async def scenario() -> None:
        stage.up()
        stage.listen()
        frames = [bytes([number]) * 1_000 for number in range(16)]
        async with started(stage) as events:
            await until(has(events, Connected))
            assert all(stage.uplink.publish(Channel.FRAMES, frame) for frame in frames)
            await until(lambda: len(stage.received(Channel.FRAMES)) == len(frames))
        assert stage.received(Channel.FRAMES) == frames

    asyncio.run(scenario())


def test_a_message_that_nobody_hears_comes_back_as_undelivered(stage: Stage) -> None:
    """A cloud that is there but cannot take anything says so: it counts as offline."""

    async def scenario() -> None:
        stage.up()
        async with started(stage) as events:
            await until(has(events, Connected))
            stage.uplink.publish(Channel.HELLO, HELLO)
            await until(has(events, Undelivered))
        (undelivered,) = [one for one in events if isinstance(one, Undelivered)]
        assert undelivered.channel is Channel.HELLO
        assert undelivered.reason

    asyncio.run(scenario())


def test_receipts_arrive(stage: Stage) -> None:
    """What the cloud says to this hub comes as an event, unchanged."""
    receipt = encode_message(Receipt("store-1", LOG_ID, 7, [(1, 9, 0)], [], 16, 1_772_323_200_000))

    async def scenario() -> None:
        stage.up()
        stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            stage.send_receipt(receipt)
            stage.uplink.publish(Channel.HELLO, HELLO)
            await until(has(events, Arrived))
        assert [one for one in events if isinstance(one, Arrived)] == [
            Arrived(Channel.RECEIPTS, receipt)
        ]

    asyncio.run(scenario())


def test_the_tariff_arrives_when_it_is_asked_for(stage: Stage) -> None:
    """What the household pays reaches its hub as the shadow's document."""

    async def scenario() -> None:
        stage.up()
        stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            stage.uplink.publish(Channel.HELLO, HELLO)
            await until(lambda: stage.received(Channel.HELLO) == [HELLO])
            stage.set_tariff(TARIFF)
            stage.uplink.publish(Channel.TARIFF_GET, b"{}")
            await until(lambda: any(is_tariff(event) for event in events))
        (arrived, *_) = [one for one in events if isinstance(one, Arrived) and is_tariff(one)]
        desired = json.loads(arrived.payload)["state"]["desired"]
        assert desired["meters"]["M1"]["name"] == "Flat"

    asyncio.run(scenario())


def is_tariff(event: Event) -> bool:
    """Tell a tariff among events."""
    return isinstance(event, Arrived) and event.channel is Channel.TARIFF


def test_it_comes_back_after_the_connection_broke(stage: Stage) -> None:
    """A lost connection is told of; when the network is back, so is the uplink."""

    async def scenario() -> None:
        stage.up()
        async with started(stage) as events:
            await until(has(events, Connected))
            stage.down()
            await until(has(events, Disconnected))
            taken = stage.uplink.publish(Channel.FRAMES, b"into the void")
            events.clear()
            stage.up()
            await until(has(events, Connected))
            assert not taken
            assert stage.uplink.publish(Channel.HELLO, HELLO)

    asyncio.run(scenario())


def test_nothing_is_taken_after_the_stop(stage: Stage) -> None:
    """A stopped uplink says so by taking nothing."""

    async def scenario() -> None:
        stage.up()
        async with started(stage) as events:
            await until(has(events, Connected))
        assert not stage.uplink.publish(Channel.FRAMES, b"late")

    asyncio.run(scenario())


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(UplinkKind))
def test_a_stop_says_offline_with_the_connections_own_id(kind: UplinkKind) -> None:
    """Online and offline name one connection, so that a late one of another is ignored."""
    stage = STAGES[kind]()

    async def scenario() -> None:
        stage.up()
        stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            await until(lambda: [one.online for one in stage.statuses()][-1:] == [True])
        # A connection that broke meanwhile has left a pair of its own before the last.
        await until(lambda: not stage.statuses()[-1].online)
        *_, online, offline = stage.statuses()
        assert online.connection_id
        assert offline.connection_id == online.connection_id
        assert (online.online, offline.online) == (True, False)

    try:
        asyncio.run(scenario())
    finally:
        stage.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(UplinkKind))
def test_the_status_is_said_again_with_every_hello(kind: UplinkKind) -> None:
    """A worker that subscribed after the hub had connected learns that it is online."""
    stage = STAGES[kind]()

    async def scenario() -> None:
        stage.up()
        stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            for _ in range(2):
                assert stage.uplink.publish(Channel.HELLO, PAYLOADS[Channel.HELLO])
            await until(lambda: len(stage.received(Channel.HELLO)) == 2)
            said = stage.statuses()
            assert len(said) == 3
            assert len({one.connection_id for one in said}) == 1
            assert all(one.online for one in said)

    try:
        asyncio.run(scenario())
    finally:
        stage.close()


@pytest.mark.slow
def test_live_alone_is_sent_at_most_once(mosquitto: MosquittoStage) -> None:
    """A lost live sample is not worth a second try; frames and hellos are acknowledged."""

    async def scenario() -> None:
        mosquitto.up()
        mosquitto.listen()
        async with started(mosquitto) as events:
            await until(has(events, Connected))
            for channel, payload in PAYLOADS.items():
                assert mosquitto.uplink.publish(channel, payload)
            await until(lambda: all(mosquitto.received(channel) for channel in PAYLOADS))

    asyncio.run(scenario())

    heard = {topic.rpartition("/")[2]: qos for topic, qos in mosquitto.qualities.items()}
    assert heard == {"status": 1, "frames": 1, "hello": 1, "live": 0, "get": 1}


@pytest.mark.slow
def test_a_death_lets_the_last_will_speak(mosquitto: MosquittoStage) -> None:
    """A connection that broke is said to be offline by its own id; the next one has another."""

    async def scenario() -> None:
        mosquitto.up()
        mosquitto.listen()
        async with started(mosquitto) as events:
            await until(has(events, Connected))
            await until(lambda: len(mosquitto.statuses()) == 1)
            mosquitto.cut()
            await until(lambda: len(mosquitto.statuses()) == 3)
            said = [(one.connection_id, one.online) for one in mosquitto.statuses()]
            (first, second) = dict.fromkeys(connection for connection, _ in said)
            assert sorted(said) == sorted([(first, True), (first, False), (second, True)])

    asyncio.run(scenario())


@pytest.mark.slow
@pytest.mark.parametrize("kind", [UplinkKind.MQTT, UplinkKind.AWS])
def test_a_foreign_topic_is_refused(kind: UplinkKind) -> None:
    """The broker's access list holds a hub to its own topics; the refusal is told."""
    stage = MosquittoStage(kind, frames_prefix="elsewhere/")

    async def scenario() -> None:
        stage.up()
        stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            stage.uplink.publish(Channel.FRAMES, b"not mine to say")
            await until(has(events, Undelivered))
        (undelivered,) = [one for one in events if isinstance(one, Undelivered)]
        assert "refused" in undelivered.reason

    try:
        asyncio.run(scenario())
    finally:
        stage.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [UplinkKind.MQTT, UplinkKind.AWS])
@pytest.mark.parametrize("is_heard", [True, False])
def test_frames_go_to_a_rule_of_basic_ingest(kind: UplinkKind, *, is_heard: bool) -> None:
    """Nobody can subscribe to a rule's topic: that none does is no sign of being offline."""
    stage = MosquittoStage(kind, frames_prefix="$aws/rules/ingest/")
    stage.broker.allow("pattern write $aws/rules/ingest/hearthlink/v1/%u/frames")

    async def scenario() -> None:
        stage.up()
        if is_heard:
            stage.broker.allow(f"user {OBSERVER}", "topic read $aws/rules/#")
            stage.broker.restart()
            stage.listen()
        async with started(stage) as events:
            await until(has(events, Connected))
            assert stage.uplink.publish(Channel.FRAMES, b"frame")
            stage.uplink.publish(Channel.TARIFF_GET, b"{}")
            if is_heard:
                await until(lambda: stage.received(Channel.FRAMES) == [b"frame"])
            stage.uplink.publish(Channel.HELLO, HELLO)
            await until(lambda: is_heard or has(events, Undelivered)())
        undelivered = [one.channel for one in events if isinstance(one, Undelivered)]
        assert undelivered == ([] if is_heard else [Channel.HELLO])

    try:
        asyncio.run(scenario())
    finally:
        stage.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(UplinkKind))
def test_a_cloud_that_is_away_is_told_of(kind: UplinkKind) -> None:
    """Without a cloud the uplink goes on trying, and says where."""
    stage = STAGES[kind]()

    async def scenario() -> None:
        async with started(stage) as events:
            await until(has(events, Disconnected))
        (first, *_) = [one for one in events if isinstance(one, Disconnected)]
        assert str(stage.port) in first.reason

    try:
        asyncio.run(scenario())
    finally:
        stage.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(UplinkKind))
def test_certificates_that_do_not_fit_are_an_operators_error(kind: UplinkKind) -> None:
    """A key of another certificate is named before anything is tried."""
    stage = MosquittoStage()
    mine, other = stage.broker.issue("hub-a"), stage.broker.issue("hub-b")
    access = CloudAccess("localhost", 1, mine.authority, mine.certificate, other.key)

    with pytest.raises(OperatorError, match="cannot be used") as caught:
        open_uplink(kind, "hub-a", access)

    stage.close()
    assert "belong together" in caught.value.hint
