"""Keeping a transport connected: tries for ever, whatever a try ends with."""

import asyncio
from collections.abc import Callable

import pytest

from agent.uplink import keeper
from agent.uplink.keeper import Keeper
from agent.uplink.port import Disconnected, Event


def test_it_tries_again_after_any_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason is told; an error nobody foresaw is told too, and ends nothing."""
    monkeypatch.setattr(keeper, "RECONNECT_S_MIN", 0.001)
    ends = iter(["refused", ZeroDivisionError("oh"), "gone"])
    events: list[Event] = []

    async def connect_once(_succeeded: Callable[[], None]) -> str:
        end = next(ends, None)
        if end is None:
            await asyncio.sleep(60)
        if isinstance(end, Exception):
            raise end
        return str(end)

    async def scenario() -> None:
        kept = Keeper(connect_once, events.append)
        async with asyncio.timeout(5):
            while len(events) < 3:  # noqa: ASYNC110 (told by another task)
                await asyncio.sleep(0.001)
        await kept.stop()

    asyncio.run(scenario())

    assert events == [Disconnected("refused"), Disconnected("unforeseen: oh"), Disconnected("gone")]
