"""Which topic and quality of service each channel has over MQTT, and what a PUBACK means. Pure.

Both MQTT transports follow it, so that one hub behaves alike over either library.
"""

from collections.abc import Mapping

from agent.uplink.port import Arrived, Channel, Undelivered
from shared import topics

BASIC_INGEST = "$aws/rules/"
"""Topics that feed an AWS rule; nobody can subscribe to them."""

ANY_JOB = "+"
JOB_LEVEL = 4
"""$aws/things/<thing>/jobs/<job>/update"""

JOB_ANSWERS = {"accepted": Channel.JOB_ACCEPTED, "rejected": Channel.JOB_REJECTED}

NO_MATCHING_SUBSCRIBERS = 0x10
FIRST_FAILURE = 0x80
ANSWERED = (Channel.FRAMES, Channel.HELLO)
"""Channels the session waits for an answer on; for the others a loss is nothing to act on."""


class Lanes:
    """The topics of one hub; `frames_prefix` is that of AWS Basic Ingest, or empty."""

    def __init__(self, thing: str, frames_prefix: str) -> None:
        self._thing = topics.check_thing(thing)
        self._jobs = topics.jobs_branch(thing).removesuffix("#")
        tariff, settings = topics.TARIFF_SHADOW, topics.SETTINGS_SHADOW
        live = topics.LIVE_SHADOW
        self._sent: Mapping[Channel, str] = {
            Channel.FRAMES: topics.frames(thing, frames_prefix),
            Channel.LIVE: topics.live(thing),
            Channel.HELLO: topics.hello(thing),
            Channel.TARIFF_GET: topics.shadow_get(thing, tariff),
            Channel.HEALTH_UPDATE: topics.shadow_update(thing, topics.HEALTH_SHADOW),
            Channel.SETTINGS_GET: topics.shadow_get(thing, settings),
            Channel.SETTINGS_UPDATE: topics.shadow_update(thing, settings),
            Channel.LIVE_GET: topics.shadow_get(thing, live),
            Channel.JOB_NEXT: topics.job_start_next(thing),
        }
        self._heard: Mapping[str, Channel] = {
            topics.receipts(thing): Channel.RECEIPTS,
            topics.shadow_get_accepted(thing, tariff): Channel.TARIFF,
            topics.shadow_delta(thing, tariff): Channel.TARIFF,
            topics.shadow_get_accepted(thing, settings): Channel.SETTINGS,
            topics.shadow_delta(thing, settings): Channel.SETTINGS_DELTA,
            topics.shadow_get_accepted(thing, live): Channel.LIVE_DEMAND,
            topics.shadow_delta(thing, live): Channel.LIVE_DEMAND,
            topics.jobs_notify_next(thing): Channel.JOB_NOTICE,
        }

    @property
    def filters(self) -> list[str]:
        """What a hub subscribes to: six, of the eight that AWS IoT takes in one request."""
        thing = self._thing
        answers = (topics.job_start_next(thing), topics.job_update(thing, ANY_JOB))
        return [
            topics.receipts(thing),
            # All named shadows at once, those nobody listens to here too: they are small and rare.
            topics.shadow_get_accepted(thing, topics.ANY_SHADOW),
            topics.shadow_delta(thing, topics.ANY_SHADOW),
            topics.jobs_notify_next(thing),
            *(f"{topic}/+" for topic in answers),
        ]

    def topic(self, channel: Channel, subject: str = "") -> str:
        """Name the topic of what a hub publishes; `subject` is the job of a JOB_UPDATE."""
        if channel is Channel.JOB_UPDATE:
            return topics.job_update(self._thing, subject)
        return self._sent[channel]

    def arrived(self, topic: str, payload: bytes) -> Arrived | None:
        """Say on which channel a message came; None for a topic that was not asked for."""
        if topic in self._heard:
            return Arrived(self._heard[topic], payload)
        asked, _, end = topic.rpartition("/")
        channel = JOB_ANSWERS.get(end)
        if channel is None or not asked.startswith(self._jobs):
            return None
        subject = "" if asked == self.topic(Channel.JOB_NEXT) else asked.split("/")[JOB_LEVEL]
        return Arrived(channel, payload, subject)


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
