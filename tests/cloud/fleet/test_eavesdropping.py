"""What a hub hears of another and says in its name, on every topic there is: judged by delivery.

The broker grants a forbidden subscription, so that a SUBACK proves nothing.
"""

from collections.abc import Iterator

import pytest

from shared import topics
from tests.support.mosquitto import Broker
from tests.support.peers import connected

NOT_AUTHORIZED = 0x87
OTHER, SPY = "hub-a", "hub-b"

SAID_BY_THE_OTHER = (
    topics.frames(OTHER),
    topics.live(OTHER),
    topics.hello(OTHER),
    topics.status(OTHER),
    topics.shadow_get(OTHER, topics.TARIFF_SHADOW),
    topics.shadow_update(OTHER, topics.HEALTH_SHADOW),
    topics.job_start_next(OTHER),
    topics.job_update(OTHER, "job-1"),
)
TOLD_TO_THE_OTHER = (
    topics.receipts(OTHER),
    topics.shadow_get_accepted(OTHER, topics.TARIFF_SHADOW),
    topics.shadow_delta(OTHER, topics.SETTINGS_SHADOW),
    topics.accepted(topics.job_start_next(OTHER)),
    topics.jobs_notify_next(OTHER),
)
FILTERS = (
    "#",
    "+/#",
    "hearthlink/#",
    f"hearthlink/v1/{OTHER}/#",
    "hearthlink/v1/+/frames",
    f"$share/spies/hearthlink/v1/{OTHER}/frames",
    "$aws/#",
    f"$aws/things/{OTHER}/#",
    "$aws/things/+/shadow/#",
    "$aws/things/+/jobs/#",
    *SAID_BY_THE_OTHER,
    *TOLD_TO_THE_OTHER,
)

pytestmark = pytest.mark.slow


@pytest.fixture(name="broker", scope="module")
def _broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("fleet")) as running:
        yield running


def test_a_hub_hears_nothing_of_another_whatever_it_subscribes_to(broker: Broker) -> None:
    """Wildcards, shared subscriptions and plain topics: of all that passes only its own comes."""
    own = topics.receipts(SPY)
    with (
        connected(broker, broker.service()) as cloud,
        connected(broker, broker.issue(OTHER)) as other,
        connected(broker, broker.issue(SPY)) as spy,
    ):
        cloud.subscribe("hearthlink/#")
        for one in FILTERS:
            spy.subscribe(one)

        for topic in SAID_BY_THE_OTHER:
            other.publish(topic, b"private")
        for topic in TOLD_TO_THE_OTHER:
            cloud.publish(topic, b"private")
        cloud.publish(own, b"last")

        assert spy.received() == (own, b"last")
        # One that matches several filters may come more than once.
        assert {one for one, _ in spy.messages.queue} <= {own}
        assert {cloud.received()[0] for _ in range(4)} == set(SAID_BY_THE_OTHER[:4])


def test_a_hub_says_nothing_in_the_name_of_another(broker: Broker) -> None:
    """Refused on each topic that the other may publish on or hears, and delivered to nobody."""
    with (
        connected(broker, broker.service()) as cloud,
        connected(broker, broker.issue(OTHER)) as other,
        connected(broker, broker.issue(SPY)) as spy,
    ):
        for heard in ("hearthlink/#", "$aws/things/#"):
            cloud.subscribe(heard)
        for told in TOLD_TO_THE_OTHER:
            other.subscribe(told)

        codes = [spy.publish(one, b"forged") for one in SAID_BY_THE_OTHER + TOLD_TO_THE_OTHER]
        cloud.publish(topics.receipts(OTHER), b"last")

        assert codes == [NOT_AUTHORIZED] * len(codes)
        assert other.received() == (topics.receipts(OTHER), b"last")
        assert cloud.received() == (topics.receipts(OTHER), b"last")
        assert other.messages.empty()
        assert cloud.messages.empty()
