"""Links that are lost, silent or over: opened again, reported, and released."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from firmware_bridge.links import Backoff, Link, LinkEvent, LinkEventKind, chunks
from shared.errors import LinkError, OperatorError


class FakeLink:
    """Gives its chunks, then ends as `ending` says: "lost", "silent" or "over"."""

    def __init__(self, given: list[bytes], ending: str) -> None:
        self._given = list(given)
        self._ending = ending
        self.is_closed = False
        self.longest_pause_s = 0.0

    @property
    def is_finite(self) -> bool:
        return self._ending == "over"

    async def read(self) -> bytes:
        if self._given:
            return self._given.pop(0)
        if self._ending == "silent":
            await asyncio.Event().wait()
        raise LinkError("the fake has ended", hint="none")

    async def close(self) -> None:
        self.is_closed = True


def opener_of(openings: list[FakeLink | Exception]) -> Callable[[], Awaitable[Link]]:
    """Open each in turn; an exception is a failed opening."""

    async def open_next() -> Link:
        opening = openings.pop(0)
        if isinstance(opening, Exception):
            raise opening
        return opening

    return open_next


async def gather(
    openings: list[FakeLink | Exception], events: list[LinkEvent], backoff: Backoff | None = None
) -> list[bytes]:
    """Read to the end."""
    return [
        chunk
        async for chunk in chunks(
            opener_of(openings),
            silence_s=0.02,
            backoff=backoff or Backoff(first_s=0.001, longest_s=0.002),
            on_event=events.append,
        )
    ]


def test_lost_and_silent_links_are_opened_again_until_a_finite_one_ends() -> None:
    """Every byte of every opening comes through, and each change is told."""
    links = [
        FakeLink([b"a", b"b"], "lost"),
        FakeLink([b"c"], "silent"),
        FakeLink([b"d"], "over"),
    ]
    events: list[LinkEvent] = []

    got = asyncio.run(gather([links[0], LinkError("no port"), links[1], links[2]], events))

    assert got == [b"a", b"b", b"c", b"d"]
    assert [event.kind for event in events] == [
        LinkEventKind.OPENED,
        LinkEventKind.LOST,
        LinkEventKind.LOST,
        LinkEventKind.OPENED,
        LinkEventKind.SILENT,
        LinkEventKind.OPENED,
        LinkEventKind.ENDED,
    ]
    assert events[1].hint == "none"
    assert events[1].retry_s > 0
    assert all(link.is_closed for link in links)


def test_wrong_address_is_not_tried_again() -> None:
    """What a person must change passes through."""
    with pytest.raises(OperatorError):
        asyncio.run(gather([OperatorError("wrong")], []))


def test_leaving_early_closes_the_link() -> None:
    """Closing the iterator releases the port."""
    link = FakeLink([b"a", b"b"], "silent")

    async def take_one() -> None:
        stream = chunks(
            opener_of([link]), silence_s=1, backoff=Backoff(), on_event=lambda event: None
        )
        async with aclosing(stream):
            async for _ in stream:
                break

    asyncio.run(take_one())

    assert link.is_closed


def test_backoff_doubles_to_its_limit_with_jitter_and_begins_again() -> None:
    """Each pause is between half and the whole of its step."""
    backoff = Backoff(first_s=1, longest_s=8, source=random.Random(1))

    pauses = [backoff.next_s() for _ in range(6)]
    backoff.reset()

    for pause, whole in zip(pauses, [1, 2, 4, 8, 8, 8], strict=True):
        assert whole / 2 <= pause <= whole
    assert backoff.next_s() <= 1
    assert Backoff(first_s=3).next_s() <= 3
