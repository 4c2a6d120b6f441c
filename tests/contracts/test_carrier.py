"""One contract for what carries the provisioning dialogue, over a real Mosquitto.

The third stage has its key in a PKCS#11 token, which only the AWS runtime can use for TLS.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.identity.keys import FileKeyStore
from agent.identity.token import TokenKeyStore
from agent.provision.carrier import Carrier, ask, opened
from agent.provision.dialogue import ask_to_register
from agent.transports import carrier_of, open_uplink
from agent.uplink.access import CloudAccess
from agent.uplink.kinds import UplinkKind
from cloud.fleet.authority import LEAF_VALIDITY
from shared import topics
from shared.errors import OperatorError, RetryableError
from tests.support.mosquitto import Broker
from tests.support.peers import connected
from tests.support.softhsm import software_token

THING = "hub-1"
TOPIC = topics.provision(THING)
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
    "aws-pkcs11": (UplinkKind.AWS, with_token),
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


def test_a_tokens_key_is_refused_for_a_self_hosted_broker_in_words(tmp_path: Path) -> None:
    """Python's TLS cannot use it: the message says what can."""
    broker = Broker(tmp_path / "fleet")
    (tmp_path / "hub").mkdir()
    access = with_token(broker, tmp_path / "hub")

    with pytest.raises(OperatorError, match=r"PKCS#11") as caught:
        open_uplink(UplinkKind.MQTT, THING, access)

    assert "'aws' or 'https'" in caught.value.hint
