"""Which topic and quality of service each channel has over MQTT, and what a PUBACK means. Pure.

Both MQTT transports follow it, so that one hub behaves alike over either library.
"""

from collections.abc import Mapping

from agent.uplink.port import Channel, Undelivered
from shared import topics

BASIC_INGEST = "$aws/rules/"
"""Topics that feed an AWS rule; nobody can subscribe to them."""

NO_MATCHING_SUBSCRIBERS = 0x10
FIRST_FAILURE = 0x80
ANSWERED = (Channel.FRAMES, Channel.HELLO)
"""Channels the session waits for an answer on; for the others a loss is nothing to act on."""


def sent_topics(thing: str, frames_prefix: str) -> Mapping[Channel, str]:
    """Name the topic of everything a hub publishes for the session."""
    return {
        Channel.FRAMES: topics.frames(thing, frames_prefix),
        Channel.LIVE: topics.live(thing),
        Channel.HELLO: topics.hello(thing),
        Channel.TARIFF_GET: topics.shadow_get(thing, topics.TARIFF_SHADOW),
    }


def heard_topics(thing: str) -> Mapping[str, Channel]:
    """Name the channel of every topic a hub subscribes to."""
    return {
        topics.receipts(thing): Channel.RECEIPTS,
        topics.shadow_get_accepted(thing, topics.TARIFF_SHADOW): Channel.TARIFF,
        topics.shadow_delta(thing, topics.TARIFF_SHADOW): Channel.TARIFF,
    }


def qos_of(channel: Channel) -> int:
    """Say at which quality of service a channel is published."""
    return topics.LIVE_QOS if channel is Channel.LIVE else topics.FRAMES_QOS


def judge_puback(
    channel: Channel | None, code: int, text: str, frames_prefix: str
) -> Undelivered | None:
    """Say what a broker's answer to a message means; None where it is in order."""
    if channel not in ANSWERED or channel is None:
        return None
    if code >= FIRST_FAILURE:
        return Undelivered(channel, f"the broker refused a message: {text}")
    # A rule is no subscriber: over Basic Ingest this code says nothing, and receipts decide.
    to_a_rule = channel is Channel.FRAMES and frames_prefix.startswith(BASIC_INGEST)
    if code == NO_MATCHING_SUBSCRIBERS and not to_a_rule:
        return Undelivered(channel, "the broker is up, but no ingest listens")
    return None
