"""One contract for what carries the provisioning dialogue, over a real Mosquitto.

The third stage has its key in a PKCS#11 token, which only the AWS runtime can use for TLS: it then
carries to any broker.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from agent.identity.keys import FileKeyStore
from agent.identity.token import TokenKeyStore
from agent.provision import aws_carrier
from agent.provision import carrier as carriers
from agent.provision.carrier import Carrier, ask, opened
from agent.provision.dialogue import ask_to_register
from agent.transports import carrier_of, open_uplink
from agent.uplink.access import CloudAccess
from agent.uplink.kinds import UplinkKind
from agent.uplink.port import Channel, Connected, Event
from cloud.fleet.authority import LEAF_VALIDITY
from shared import topics
from shared.errors import RetryableError
from tests.support.mosquitto import Broker
from tests.support.peers import connected
from tests.support.softhsm import software_token

THING = "hub-1"
TOPIC = topics.provision(THING)
REFUSED_S = 3.0
"""A broker on loopback that is to be trusted answers in a tenth of it."""

ACCEPTED = b'{"thingName":"hub-1"}'


@dataclass
class Stage:
    """A carrier's kind, how it reaches the broker, and the broker."""

    kind: UplinkKind
    access: CloudAccess
    broker: Broker

    def carrier(self) -> Carrier:
        """Make the carrier; inside the event loop."""
        return carrier_of(self.kind)(THING, self.access)


def with_file(broker: Broker, folder: Path) -> CloudAccess:
    """Reach the broker by a key in a file."""
    key = FileKeyStore().make(folder)
    (folder / "device.crt").write_text(
        broker.authority.sign(THING, key.public_key(), LEAF_VALIDITY).chain_pem
    )
    return CloudAccess(
        broker.host, broker.port, broker.ca, folder / "device.crt", folder / "device.key"
    )


def with_token(broker: Broker, folder: Path) -> CloudAccess:
    """Reach the broker by a key in a token."""
    store = TokenKeyStore(software_token())
    key = store.make(folder)
    (folder / "device.crt").write_text(
        broker.authority.sign(THING, key.public_key(), LEAF_VALIDITY).chain_pem
    )
    return CloudAccess(
        broker.host,
        broker.port,
        broker.ca,
        folder / "device.crt",
        None,
        token_key=store.reach(folder),
    )


STAGES: dict[str, tuple[UplinkKind, Callable[[Broker, Path], CloudAccess]]] = {
    "mqtt": (UplinkKind.MQTT, with_file),
    "aws": (UplinkKind.AWS, with_file),
    "mqtt-pkcs11": (UplinkKind.MQTT, with_token),
}


@pytest.fixture(params=list(STAGES))
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """Each carrier with a broker."""
    kind, reach = STAGES[request.param]
    with Broker() as broker:
        yield Stage(kind, reach(broker, tmp_path), broker)


@pytest.mark.slow
def test_a_question_is_carried_and_answered(stage: Stage) -> None:
    """What is published arrives as it is; what is subscribed is heard."""
    question = ask_to_register(THING, "token", {})

    async def scenario() -> str:
        async with opened(stage.carrier()) as carrier:
            asking = asyncio.create_task(ask(carrier, question))
            assert await asyncio.to_thread(devices.received) == (TOPIC, question.payload)
            await asyncio.to_thread(devices.publish, topics.accepted(TOPIC), ACCEPTED)
            return (await asking).thing_name

    with connected(stage.broker, stage.broker.service("cloud-devices")) as devices:
        devices.subscribe(TOPIC)
        assert asyncio.run(scenario()) == THING


@pytest.mark.slow
def test_a_broker_that_goes_is_told_of(stage: Stage) -> None:
    """Whoever waits for an answer learns that none will come."""

    async def scenario() -> None:
        async with opened(stage.carrier()) as carrier:
            await carrier.subscribe([topics.accepted(TOPIC)])
            stage.broker.kill()
            with pytest.raises(RetryableError):
                async with asyncio.timeout(20):
                    await carrier.hear()

    asyncio.run(scenario())


@pytest.mark.slow
def test_no_broker_is_told_of_with_the_address(stage: Stage) -> None:
    """The message says where nothing answered."""
    stage.broker.stop()

    async def scenario() -> None:
        async with opened(stage.carrier()):
            pass

    with pytest.raises(RetryableError, match=str(stage.broker.port)):
        asyncio.run(scenario())


@pytest.mark.slow
def test_a_foreign_certificate_is_refused(stage: Stage, tmp_path: Path) -> None:
    """One of another authority gets no connection."""
    other = tmp_path / "other"
    foreign = Broker(other)
    mine = foreign.issue(THING)
    access = CloudAccess(
        stage.broker.host, stage.broker.port, stage.broker.ca, mine.certificate, mine.key
    )

    async def scenario() -> None:
        async with opened(carrier_of(stage.kind)(THING, access)) as carrier:
            await carrier.subscribe([topics.accepted(TOPIC)])

    with pytest.raises(RetryableError):
        asyncio.run(scenario())


@pytest.mark.slow
def test_readings_go_to_a_self_hosted_broker_by_a_tokens_key(tmp_path: Path) -> None:
    """Mutual TLS under the fleet's own authority, the thing's name as client id."""
    events: list[Event] = []

    async def scenario(access: CloudAccess, heard: Callable[[], tuple[str, bytes]]) -> bytes:
        uplink = open_uplink(UplinkKind.MQTT, THING, access)
        await uplink.start(events.append)
        async with asyncio.timeout(20):
            while not any(isinstance(one, Connected) for one in events):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert uplink.publish(Channel.FRAMES, b"a frame")
        topic, payload = await asyncio.to_thread(heard)
        await uplink.stop()
        assert topic == topics.frames(THING)
        return payload

    with Broker() as broker, connected(broker, broker.service("cloud-ingest")) as ingest:
        ingest.subscribe(topics.frames(topics.ANY_THING))
        access = with_token(broker, tmp_path)

        assert asyncio.run(scenario(access, ingest.received)) == b"a frame"


@pytest.mark.slow
def test_a_tokens_key_is_shown_to_no_false_broker(tmp_path: Path) -> None:
    """One whose authority is another gets no connection."""
    other = Broker(tmp_path / "other")

    async def scenario(access: CloudAccess) -> None:
        async with opened(carrier_of(UplinkKind.MQTT)(THING, access)):
            pass

    with Broker() as broker:
        (tmp_path / "hub").mkdir()
        access = dataclasses.replace(with_token(broker, tmp_path / "hub"), ca_file=other.ca)

        with (
            mock.patch.object(carriers, "OPEN_S_MAX", REFUSED_S),
            mock.patch.object(aws_carrier, "ACK_S_MAX", REFUSED_S),
            pytest.raises(RetryableError),
        ):
            asyncio.run(scenario(access))
