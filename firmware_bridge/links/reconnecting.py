"""A link that is opened again whenever it is lost or falls silent."""

import asyncio
import enum
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import msgspec

from firmware_bridge.links.port import Link
from shared.errors import LinkError

Opener = Callable[[], Awaitable[Link]]
"""Opens the link anew; raises LinkError where trying again may help."""


class LinkEventKind(enum.StrEnum):
    """What happened to a link."""

    OPENED = "opened"
    LOST = "lost"
    """It could not be opened, or it failed or closed."""
    SILENT = "silent"
    """No byte came for too long; a pulled cable raises no event of its own."""
    ENDED = "ended"
    """A finite link gave all it had; there will be no more chunks."""


class LinkEvent(msgspec.Struct, frozen=True):
    """One change of a link, to count and show; `retry_s` is the pause before the next try."""

    kind: LinkEventKind
    reason: str = ""
    hint: str = ""
    retry_s: float = 0.0


@dataclass(slots=True)
class Backoff:
    """Pauses that double from `first_s` to `longest_s`, each shortened at random by up to half.

    The jitter keeps many readers of one adapter from returning all at once.
    """

    first_s: float = 0.5
    longest_s: float = 30.0
    source: random.Random | None = None
    _next_s: float = 0.0

    def next_s(self) -> float:
        """Return the pause to make now, and double the next one."""
        whole = self._next_s or self.first_s
        self._next_s = min(self.longest_s, whole * 2)
        draw = self.source.random() if self.source else random.random()  # noqa: S311 (no secret)
        return min(self.longest_s, whole) * (1 - draw / 2)

    def reset(self) -> None:
        """Begin again at `first_s`: the link works."""
        self._next_s = 0.0


async def chunks(
    opener: Opener,
    *,
    silence_s: float,
    backoff: Backoff,
    on_event: Callable[[LinkEvent], None],
) -> AsyncGenerator[bytes, None]:
    """Yield a link's bytes for ever, opening it again when it is lost or silent for `silence_s`.

    Ends only when a finite link ends. Errors other than LinkError (a wrong address) pass through.
    Close the iterator (`contextlib.aclosing`) to release the link early.
    """
    while True:
        try:
            link = await opener()
        except LinkError as error:
            await _pause(LinkEventKind.LOST, error, backoff, on_event)
            continue
        on_event(LinkEvent(LinkEventKind.OPENED))
        try:
            while True:
                chunk = await _read(link, silence_s)
                backoff.reset()
                yield chunk
        except LinkError as error:
            failure = error
        finally:
            await link.close()
        if link.is_finite:
            on_event(LinkEvent(LinkEventKind.ENDED, failure.message))
            return
        kind = LinkEventKind.SILENT if isinstance(failure, _SilenceError) else LinkEventKind.LOST
        await _pause(kind, failure, backoff, on_event)


class _SilenceError(LinkError):
    """No byte came for as long as the watchdog waits."""


async def _read(link: Link, silence_s: float) -> bytes:
    if link.is_finite:
        return await link.read()
    longest_s = max(silence_s, link.longest_pause_s)
    try:
        async with asyncio.timeout(longest_s):
            return await link.read()
    except TimeoutError as error:
        raise _SilenceError(
            f"no byte came for {longest_s:g} s",
            hint="check the cable, and that the meter's port is switched on",
        ) from error


async def _pause(
    kind: LinkEventKind,
    error: LinkError,
    backoff: Backoff,
    on_event: Callable[[LinkEvent], None],
) -> None:
    pause_s = backoff.next_s()
    on_event(LinkEvent(kind, error.message, error.hint, pause_s))
    await asyncio.sleep(pause_s)
