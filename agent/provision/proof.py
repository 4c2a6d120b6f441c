"""Proof that an identity is good: the transport of readings connects with it, once."""

import asyncio
import contextlib

from agent.uplink.port import Connected, Disconnected, Event, Uplink
from shared.errors import RetryableError

PROOF_S_MAX = 30.0
TRIES = 3
"""A broker may take a moment to learn of a certificate; one that is refused stays refused."""


async def connect_once(uplink: Uplink) -> None:
    """Connect and end again; raises RetryableError with the reason where that fails."""
    events: asyncio.Queue[Event] = asyncio.Queue()
    await uplink.start(events.put_nowait)
    reason, tries = "no connection in time", 0
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROOF_S_MAX):
                while tries < TRIES:
                    event = await events.get()
                    if isinstance(event, Connected):
                        return
                    if isinstance(event, Disconnected):
                        reason, tries = event.reason, tries + 1
    finally:
        await uplink.stop()
    raise RetryableError(f"the new certificate could not be proved: {reason}")
