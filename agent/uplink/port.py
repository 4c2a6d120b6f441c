"""The port every transport to the cloud fills: it moves bytes and decides nothing."""

import enum
from collections.abc import Callable
from typing import Protocol

import msgspec


class Channel(enum.StrEnum):
    """What a message is, so that a transport can choose its topic and its quality of service."""

    FRAMES = "frames"
    LIVE = "live"
    HELLO = "hello"
    TARIFF_GET = "tariff-get"
    RECEIPTS = "receipts"
    TARIFF = "tariff"
    HEALTH_UPDATE = "health-update"
    SETTINGS_GET = "settings-get"
    SETTINGS_UPDATE = "settings-update"
    SETTINGS = "settings"
    SETTINGS_DELTA = "settings-delta"
    LIVE_GET = "live-get"
    LIVE_DEMAND = "live-demand"
    JOB_NEXT = "job-next"
    JOB_UPDATE = "job-update"
    JOB_NOTICE = "job-notice"
    JOB_ACCEPTED = "job-accepted"
    JOB_REJECTED = "job-rejected"


class Connected(msgspec.Struct, frozen=True):
    """The transport is connected and its subscriptions are made."""


class Disconnected(msgspec.Struct, frozen=True):
    """The transport lost its connection, or could not make one."""

    reason: str


class Arrived(msgspec.Struct, frozen=True):
    """A message from the cloud; `subject` names the job, where it answers what was said of one."""

    channel: Channel
    payload: bytes
    subject: str = ""


class Undelivered(msgspec.Struct, frozen=True):
    """The broker took a message that nobody was there to hear (MQTT PUBACK 0x10), or refused it."""

    channel: Channel
    reason: str


Event = Connected | Disconnected | Arrived | Undelivered


class Uplink(Protocol):
    """A transport to the cloud. It reconnects by itself; delivery is proved by receipts alone."""

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin connecting, and go on doing so; `deliver` is called on the event loop."""

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Hand a message over without blocking; False where there is no connection to take it.

        Before a hello goes the hub's status: who began to listen meanwhile learns it is online.
        `subject` names the job that JOB_UPDATE is about. False too for a channel that this
        transport does not carry: over HTTPS there are no shadows but the tariff, and no jobs.
        """

    def recall(self) -> bool:
        """Drop frames and live samples that wait here and have not left; tell whether any did."""

    async def stop(self) -> None:
        """Say that the hub goes offline and disconnect."""
