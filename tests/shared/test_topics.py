"""Topics: each spelled once, and read back to its thing."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import topics
from shared.errors import BadInputError

THINGS = st.from_regex(topics.THING_PATTERN, fullmatch=True)


@pytest.mark.parametrize(
    ("topic", "kind", "spelled"),
    [
        (topics.frames, "frames", "hearthlink/v1/hub-1/frames"),
        (topics.live, "live", "hearthlink/v1/hub-1/live"),
        (topics.hello, "hello", "hearthlink/v1/hub-1/hello"),
        (topics.status, "status", "hearthlink/v1/hub-1/status"),
        (topics.receipts, "receipts", "hearthlink/v1/hub-1/receipts"),
    ],
)
def test_each_topic_names_thing_and_kind(
    topic: Callable[[str], str], kind: str, spelled: str
) -> None:
    """The thing is the third level and the kind the last."""
    assert topic("hub-1") == spelled
    assert topics.thing_of(spelled) == "hub-1"
    assert topics.kind_of(spelled) == kind


@pytest.mark.parametrize(
    ("topic", "kind", "spelled"),
    [
        (topics.shadow_get, "get", "$aws/things/hub-1/shadow/name/tariff/get"),
        (
            topics.shadow_get_accepted,
            "accepted",
            "$aws/things/hub-1/shadow/name/tariff/get/accepted",
        ),
        (
            topics.shadow_get_rejected,
            "rejected",
            "$aws/things/hub-1/shadow/name/tariff/get/rejected",
        ),
        (topics.shadow_delta, "delta", "$aws/things/hub-1/shadow/name/tariff/update/delta"),
    ],
)
def test_shadow_topics_are_those_of_aws(
    topic: Callable[[str, str], str], kind: str, spelled: str
) -> None:
    """AWS IoT's own spelling, under the branch that a hub may use."""
    assert topic("hub-1", topics.TARIFF_SHADOW) == spelled
    assert topics.thing_of(spelled) == "hub-1"
    assert topics.kind_of(spelled) == kind
    assert spelled.startswith(topics.shadow_branch("hub-1").removesuffix("#"))


def test_frames_may_go_by_basic_ingest() -> None:
    """On AWS a rule's name stands before the topic."""
    assert (
        topics.frames("hub-1", "$aws/rules/ingest/")
        == "$aws/rules/ingest/hearthlink/v1/hub-1/frames"
    )


def test_workers_share_a_subscription() -> None:
    """The group stands before the filter for every thing."""
    shared = topics.shared_subscription("ingest", topics.frames(topics.ANY_THING))

    assert shared == "$share/ingest/hearthlink/v1/+/frames"


@given(THINGS)
def test_a_thing_comes_back_out_of_its_topics(thing: str) -> None:
    """Every name that is allowed is read back whole."""
    assert topics.check_thing(thing) == thing
    assert topics.thing_of(topics.frames(thing)) == thing
    assert topics.thing_of(topics.shadow_get(thing, topics.TARIFF_SHADOW)) == thing


@pytest.mark.parametrize(
    "thing", ["", "-hub", "_hub", "hub 1", "hub/1", "+", "#", "$hub", "hüb", "hub\n", "h" * 65]
)
def test_a_name_that_is_no_topic_level_is_refused(thing: str) -> None:
    """Wildcards, separators and names too long never reach a topic."""
    with pytest.raises(BadInputError, match="thing name"):
        topics.check_thing(thing)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "hearthlink",
        "hearthlink/v1/hub-1",
        "hearthlink/v1/hub-1/frames/more",
        "hearthlink/v2/hub-1/frames",
        "hearthlink/v1/+/frames",
        "hearthlink/v1//frames",
        "$aws/things/hub-1",
        "$aws/rules/ingest/hearthlink/v1/hub-1/frames",
        "elsewhere/v1/hub-1/frames",
    ],
)
def test_a_topic_of_no_thing_is_refused(topic: str) -> None:
    """What is not spelled here is set aside."""
    with pytest.raises(BadInputError):
        topics.thing_of(topic)
