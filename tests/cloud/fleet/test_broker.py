"""What the generated broker configuration lets through, judged by what Mosquitto delivers."""

import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud.fleet.authority import Authority
from cloud.fleet.broker import BrokerPlan, access_list, broker_config
from shared import topics
from shared.clock import SystemClock
from tests.support.mosquitto import Broker
from tests.support.peers import SUCCESS, WAIT_S, connected

NOT_AUTHORIZED = 0x87
NO_MATCHING_SUBSCRIBERS = 0x10
REFUSAL = "hub-a|SSL|reset"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One running Mosquitto for the tests that only talk to it."""
    with Broker(tmp_path_factory.mktemp("fleet")) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("topic", [topics.frames, topics.live, topics.hello, topics.status])
def test_a_hub_reaches_the_cloud_on_its_own_topics(
    broker: Broker, topic: Callable[[str], str]
) -> None:
    """Each topic a hub may write arrives at the ingest service."""
    own = topic("hub-a")
    with (
        connected(broker, broker.service()) as cloud,
        connected(broker, broker.issue("hub-a")) as hub,
    ):
        cloud.subscribe(own)

        code = hub.publish(own, b"mine")

        assert code == SUCCESS
        assert cloud.received() == (own, b"mine")


@pytest.mark.slow
def test_a_hub_cannot_publish_as_another(broker: Broker) -> None:
    """A frame under another hub's name is refused with 0x87 and reaches nobody."""
    with (
        connected(broker, broker.service()) as cloud,
        connected(broker, broker.issue("hub-a")) as hub,
    ):
        cloud.subscribe(topics.frames(topics.ANY_THING))

        forged = hub.publish(topics.frames("hub-b"), b"forged")
        hub.publish(topics.frames("hub-a"), b"own")

        assert forged == NOT_AUTHORIZED
        assert cloud.received() == (topics.frames("hub-a"), b"own")
        assert cloud.messages.empty()


@pytest.mark.slow
def test_a_hub_hears_only_its_own_receipts(broker: Broker) -> None:
    """The broker grants a subscription to every hub's receipts and yet delivers only the own."""
    with (
        connected(broker, broker.service()) as cloud,
        connected(broker, broker.issue("hub-a")) as hub,
    ):
        hub.subscribe(topics.receipts(topics.ANY_THING))

        cloud.publish(topics.receipts("hub-b"), b"foreign")
        cloud.publish(topics.receipts("hub-a"), b"own")

        assert hub.received() == (topics.receipts("hub-a"), b"own")
        assert hub.messages.empty()


@pytest.mark.slow
def test_a_hub_cannot_write_its_own_receipts(broker: Broker) -> None:
    """Only the cloud can say what is stored."""
    with connected(broker, broker.issue("hub-a")) as hub:
        code = hub.publish(topics.receipts("hub-a"))

        assert code == NOT_AUTHORIZED


@pytest.mark.slow
def test_a_hub_cannot_read_frames(broker: Broker) -> None:
    """A household's readings are not delivered to another household's hub."""
    with (
        connected(broker, broker.issue("hub-b")) as spy,
        connected(broker, broker.issue("hub-a")) as hub,
    ):
        spy.subscribe(topics.frames("hub-a"))
        spy.subscribe(topics.receipts("hub-b"))

        hub.publish(topics.frames("hub-a"), b"private")
        with connected(broker, broker.service()) as cloud:
            cloud.publish(topics.receipts("hub-b"), b"last")

        assert spy.received() == (topics.receipts("hub-b"), b"last")


@pytest.mark.slow
def test_a_shadow_is_shared_by_its_hub_and_the_cloud_alone(broker: Broker) -> None:
    """The `$aws` topics pass between a hub and the cloud, and no other hub writes them."""
    request = topics.shadow_get("hub-a", topics.TARIFF_SHADOW)
    answer = topics.shadow_get_accepted("hub-a", topics.TARIFF_SHADOW)
    with (
        connected(broker, broker.service()) as cloud,
        connected(broker, broker.issue("hub-a")) as hub,
        connected(broker, broker.issue("hub-b")) as other,
    ):
        cloud.subscribe(request)
        hub.subscribe(answer)

        forged = other.publish(answer, b"cheap")
        hub.publish(request, b"")
        cloud.publish(answer, b"tariff")

        assert forged == NOT_AUTHORIZED
        assert cloud.received() == (request, b"")
        assert hub.received() == (answer, b"tariff")


@pytest.mark.slow
def test_a_hub_cannot_take_anothers_connection(broker: Broker) -> None:
    """Whatever client id it asks for, it gets its own: the other stays, and misses nothing."""
    own = topics.receipts("hub-a")
    with (
        connected(broker, broker.service()) as cloud,
        connected(broker, broker.issue("hub-a"), session="hub-a") as hub,
    ):
        hub.subscribe(own)
        with connected(broker, broker.issue("hub-b"), session="hub-a") as thief:
            thief.subscribe(own)
            thief.subscribe(topics.receipts("hub-b"))

            cloud.publish(own, b"to a")
            cloud.publish(topics.receipts("hub-b"), b"to b")

            assert hub.received() == (own, b"to a")
            assert thief.received() == (topics.receipts("hub-b"), b"to b")
            assert thief.messages.empty()


@pytest.mark.slow
def test_a_name_has_one_connection(broker: Broker) -> None:
    """The copy of a key that asked for another client id is put out by the next that connects."""
    with connected(broker, broker.issue("hub-a"), session="hidden") as copy:
        ended = threading.Event()
        copy.client.on_disconnect = lambda *_: ended.set()
        copy.client.on_connect = None

        with connected(broker, broker.issue("hub-a"), session="hub-a"):
            assert ended.wait(WAIT_S)
            copy.client.disconnect()


@pytest.mark.slow
def test_a_service_may_connect_more_than_once(broker: Broker) -> None:
    """Workers share a certificate: on their own listener none of them puts another out."""
    credentials = broker.service("cloud-ingest")
    with (
        connected(broker, credentials, session="cloud-ingest-1") as first,
        connected(broker, credentials, session="cloud-ingest-2") as second,
        connected(broker, broker.issue("hub-a")) as hub,
    ):
        for worker in (first, second):
            worker.subscribe(topics.hello("hub-a"))

        hub.publish(topics.hello("hub-a"), b"hello")

        assert {worker.received() for worker in (first, second)} == {
            (topics.hello("hub-a"), b"hello")
        }


@pytest.mark.slow
def test_a_publish_without_a_listener_says_so(broker: Broker) -> None:
    """With no worker subscribed the broker answers 0x10, which an uplink must count as offline."""
    with connected(broker, broker.issue("hub-alone")) as hub:
        code = hub.publish(topics.frames("hub-alone"))

        assert code == NO_MATCHING_SUBSCRIBERS


@pytest.mark.slow
def test_a_certificate_of_another_authority_is_refused(broker: Broker, tmp_path: Path) -> None:
    """A client of someone else's fleet does not get a CONNACK, whatever name it bears."""
    stranger = Authority(tmp_path, SystemClock())
    stranger.prepare()
    context = ssl.create_default_context(cafile=str(broker.ca))
    forged = stranger.issue("hub-a")
    context.load_cert_chain(forged.certificate, forged.key)

    with pytest.raises(OSError, match=REFUSAL), connected(broker, forged, context):
        pass


@pytest.mark.slow
def test_a_client_without_a_certificate_is_refused(broker: Broker) -> None:
    """Knowing the authority is not enough to connect."""
    context = ssl.create_default_context(cafile=str(broker.ca))

    with (
        pytest.raises(OSError, match=REFUSAL),
        connected(broker, broker.issue("hub-a"), context),
    ):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_current_tls_versions_connect(broker: Broker, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and TLS 1.3 clients both get in."""
    credentials = broker.issue("hub-a")
    context = broker.tls_context(credentials)
    context.minimum_version = context.maximum_version = version

    with connected(broker, credentials, context) as hub:
        assert hub.client.is_connected()


@pytest.mark.slow
def test_a_killed_broker_comes_back_on_its_port(tmp_path: Path) -> None:
    """After SIGKILL and a restart the same certificates connect to the same port."""
    with Broker(tmp_path) as broker:
        hub = broker.issue("hub-a")
        port = broker.port

        broker.kill()
        broker.restart()

        with connected(broker, hub):
            assert broker.port == port


@pytest.mark.slow
def test_a_lasting_broker_keeps_its_own_folder(tmp_path: Path) -> None:
    """Without `ephemeral` the broker starts too, and its store lies in the state folder."""
    with Broker(tmp_path, ephemeral=False) as broker, connected(broker, broker.issue("hub-a")):
        pass

    assert (tmp_path / "broker" / "mosquitto.db").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "topic",
    [
        topics.accepted(topics.shadow_update("hub-a", topics.SETTINGS_SHADOW)),
        topics.shadow_delta("hub-a", topics.SETTINGS_SHADOW),
        "$aws/things/hub-a/shadow/junk/1",
        topics.jobs_notify_next("hub-a"),
        "$aws/things/hub-a/jobs/junk",
    ],
)
def test_a_hub_writes_requests_on_its_branches_and_nothing_else(broker: Broker, topic: str) -> None:
    """Answers and made-up topics are refused to it; what it may ask arrives."""
    requests = [
        topics.shadow_update("hub-a", topics.HEALTH_SHADOW),
        topics.job_start_next("hub-a"),
        topics.job_update("hub-a", "job-1"),
    ]
    with (
        connected(broker, broker.service()) as cloud,
        connected(broker, broker.issue("hub-a")) as hub,
    ):
        cloud.subscribe("$aws/things/hub-a/#")

        refused = hub.publish(topic)
        codes = [hub.publish(request) for request in requests]

        assert refused == NOT_AUTHORIZED
        assert codes == [SUCCESS] * len(requests)
        assert [cloud.received()[0] for _ in requests] == requests


@pytest.mark.slow
def test_nothing_is_retained(broker: Broker) -> None:
    """A hub that asks for it is disconnected: no message outlives its sender's revocation."""
    own = topics.frames("hub-r")
    with connected(broker, broker.issue("hub-r")) as hub:
        ended = threading.Event()
        hub.client.on_disconnect = lambda *_: ended.set()

        hub.client.publish(own, b"kept", qos=1, retain=True)

        assert ended.wait(WAIT_S)
    with connected(broker, broker.service()) as cloud:
        cloud.subscribe(own)
        cloud.publish(own, b"fresh")
        assert cloud.received() == (own, b"fresh")


def test_every_limit_is_written(tmp_path: Path) -> None:
    """No queue of the broker is left at an unlimited or a defaulted size."""
    text = broker_config(BrokerPlan(tmp_path, 8883, 8884))

    for limit in (
        "max_queued_messages",
        "max_queued_bytes",
        "max_inflight_messages",
        "message_size_limit",
        "max_connections",
        "memory_limit",
        "persistent_client_expiration",
    ):
        assert f"\n{limit} " in text


def test_only_root_asks_to_stay_root(tmp_path: Path) -> None:
    """An operator's own user needs no `user` line; root needs one to read the keys."""
    ordinary = broker_config(BrokerPlan(tmp_path, 8883, 8884))
    as_root = broker_config(BrokerPlan(tmp_path, 8883, 8884, as_root=True))

    assert "user root" not in ordinary
    assert "user root" in as_root


def test_no_pattern_lets_a_hub_reach_beyond_its_name() -> None:
    """Every line that applies to hubs carries the certificate's name."""
    patterns = [line for line in access_list().splitlines() if line.startswith("pattern")]

    named = [line for line in patterns if topics.CREATE_FROM_CSR not in line]
    assert len(patterns) - len(named) == 3
    assert named
    assert all("/%u/" in line for line in named)
