"""Topics, qualities of service, and what a broker's acknowledgement means."""

import pytest

from agent.uplink.lanes import Lanes, judge_puback, qos_of
from agent.uplink.port import Arrived, Channel, Undelivered

MAX_FILTERS = 8
"""AWS IoT takes no more in one SUBSCRIBE."""


def test_frames_alone_take_the_prefix() -> None:
    """Basic Ingest is for frames: a hello must reach whoever subscribes."""
    lanes = Lanes("hub-1", "$aws/rules/ingest/")

    assert lanes.topic(Channel.FRAMES) == "$aws/rules/ingest/hearthlink/v1/hub-1/frames"
    assert lanes.topic(Channel.HELLO) == "hearthlink/v1/hub-1/hello"
    assert lanes.topic(Channel.LIVE) == "hearthlink/v1/hub-1/live"


def test_a_hub_asks_for_its_own_topics_only() -> None:
    """Every filter names the thing, a wildcard stands for a job or an answer alone."""
    filters = Lanes("hub-1", "").filters

    assert len(filters) == len(set(filters)) <= MAX_FILTERS
    assert all("/hub-1/" in one and "#" not in one for one in filters)


@pytest.mark.parametrize(
    ("topic", "channel", "subject"),
    [
        ("hearthlink/v1/hub-1/receipts", Channel.RECEIPTS, ""),
        ("$aws/things/hub-1/shadow/name/tariff/get/accepted", Channel.TARIFF, ""),
        ("$aws/things/hub-1/shadow/name/tariff/update/delta", Channel.TARIFF, ""),
        ("$aws/things/hub-1/shadow/name/settings/get/accepted", Channel.SETTINGS, ""),
        ("$aws/things/hub-1/shadow/name/settings/update/delta", Channel.SETTINGS_DELTA, ""),
        ("$aws/things/hub-1/jobs/notify-next", Channel.JOB_NOTICE, ""),
        ("$aws/things/hub-1/jobs/start-next/accepted", Channel.JOB_ACCEPTED, ""),
        ("$aws/things/hub-1/jobs/j-7/update/rejected", Channel.JOB_REJECTED, "j-7"),
    ],
)
def test_what_comes_is_told_by_its_topic(topic: str, channel: Channel, subject: str) -> None:
    """Each kind has its channel; an answer about a job names the job."""
    assert Lanes("hub-1", "").arrived(topic, b"x") == Arrived(channel, b"x", subject)


@pytest.mark.parametrize(
    "topic",
    [
        "hearthlink/v1/hub-2/receipts",
        "$aws/things/hub-2/jobs/start-next/accepted",
        "$aws/things/hub-1/jobs/start-next",
        "$aws/things/hub-1/shadow/name/health/update/accepted",
    ],
)
def test_what_was_not_asked_for_is_nothing(topic: str) -> None:
    """Another hub's topics, and what a hub says itself."""
    assert Lanes("hub-1", "").arrived(topic, b"x") is None


def test_a_job_is_reported_on_its_own_topic() -> None:
    """The subject of a job's update is the job."""
    topic = Lanes("hub-1", "").topic(Channel.JOB_UPDATE, "j-7")

    assert topic == "$aws/things/hub-1/jobs/j-7/update"


def test_live_is_sent_at_most_once() -> None:
    """A live sample that is lost is not worth a second try; everything else is acknowledged."""
    qualities = {channel: qos_of(channel) for channel in Channel}

    assert qualities.pop(Channel.LIVE) == 0
    assert set(qualities.values()) == {1}


@pytest.mark.parametrize("code", [0x80, 0x87, 0x97])
def test_a_failure_code_is_a_refusal(code: int) -> None:
    """Not authorised, over quota: the session must know."""
    fault = judge_puback(Channel.FRAMES, code, "Not authorized", "")

    assert fault == Undelivered(Channel.FRAMES, "the broker refused a message: Not authorized")


def test_success_and_channels_without_an_answer_are_in_order() -> None:
    """A tariff asked for in vain, a live sample, a status: nothing to act on."""
    assert judge_puback(Channel.FRAMES, 0, "Success", "") is None
    assert judge_puback(Channel.TARIFF_GET, 0x87, "Not authorized", "") is None
    assert judge_puback(None, 0x10, "No matching subscribers", "") is None


def test_no_subscriber_is_offline_except_at_a_rule() -> None:
    """Nobody can subscribe to Basic Ingest: the code says nothing there."""
    told = "No matching subscribers"

    assert judge_puback(Channel.FRAMES, 0x10, told, "") is not None
    assert judge_puback(Channel.FRAMES, 0x10, told, "$aws/rules/ingest/") is None
    assert judge_puback(Channel.HELLO, 0x10, told, "$aws/rules/ingest/") is not None
