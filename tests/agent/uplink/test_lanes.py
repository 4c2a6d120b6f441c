"""Topics, qualities of service, and what a broker's acknowledgement means."""

import pytest

from agent.uplink.lanes import heard_topics, judge_puback, qos_of, sent_topics
from agent.uplink.port import Channel, Undelivered


def test_frames_alone_take_the_prefix() -> None:
    """Basic Ingest is for frames: a hello must reach whoever subscribes."""
    named = sent_topics("hub-1", "$aws/rules/ingest/")

    assert named[Channel.FRAMES] == "$aws/rules/ingest/hearthlink/v1/hub-1/frames"
    assert named[Channel.HELLO] == "hearthlink/v1/hub-1/hello"
    assert named[Channel.LIVE] == "hearthlink/v1/hub-1/live"


def test_a_hub_hears_its_own_topics_only() -> None:
    """Receipts and the tariff shadow of this thing, nothing with a wildcard."""
    assert set(heard_topics("hub-1").values()) == {Channel.RECEIPTS, Channel.TARIFF}
    assert all("hub-1" in topic and not set(topic) & set("+#") for topic in heard_topics("hub-1"))


def test_live_is_sent_at_most_once() -> None:
    """A live sample that is lost is not worth a second try; everything else is acknowledged."""
    qualities = {channel: qos_of(channel) for channel in sent_topics("hub-1", "")}

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
