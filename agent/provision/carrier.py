"""The port that carries a provisioning dialogue over MQTT, and how a question is asked through it.

Its adapters are mqtt_carrier.py (paho) and aws_carrier.py (awscrt); the transports of readings are
others, because they say that the hub is online.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from agent.provision.dialogue import Question
from agent.uplink.access import CloudAccess
from shared.errors import RetryableError

Answer = TypeVar("Answer")

OPEN_S_MAX = 20.0
ANSWER_S_MAX = 10.0
"""A cloud answers in milliseconds; AWS gives itself some seconds."""

TRIES = 3
"""A message may be lost with a service that is restarted; asked twice, it answers twice."""


class Carrier(Protocol):
    """One MQTT connection under one name."""

    async def open(self) -> None:
        """Connect; raises RetryableError saying why not."""

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe, and return once the broker has; raises RetryableError."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message over at QoS 1; raises RetryableError without a connection."""

    async def hear(self) -> tuple[str, bytes]:
        """Wait for the next message; raises RetryableError when the connection has ended."""

    async def close(self) -> None:
        """Disconnect; never raises."""


OpenCarrier = Callable[[str, CloudAccess], Carrier]
"""Makes a carrier for a client id."""


@asynccontextmanager
async def opened(carrier: Carrier) -> AsyncIterator[Carrier]:
    """Connect for a block; raises RetryableError where it takes too long."""
    try:
        try:
            async with asyncio.timeout(OPEN_S_MAX):
                await carrier.open()
        except TimeoutError as error:
            raise RetryableError("the broker does not take the connection in time") from error
        yield carrier
    finally:
        with contextlib.suppress(RetryableError):
            await carrier.close()


async def ask(
    carrier: Carrier, question: Question[Answer], patience_s: float = ANSWER_S_MAX
) -> Answer:
    """Ask until it is answered; raises RefusedError, or RetryableError where nobody answers."""
    await carrier.subscribe(question.filters)
    for _ in range(TRIES):
        await carrier.publish(question.topic, question.payload)
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    answer = question.hear(*await carrier.hear())
                    if answer is not None:
                        return answer
        except TimeoutError:
            continue
    raise RetryableError(
        f"nobody answered {question.what} on {question.topic}",
        hint="is the cloud's device service running? (hearthlink cloud devices)",
    )
