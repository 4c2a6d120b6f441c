"""Fetches an artefact with as many tries as bring it on, in a thread of its own.

Owns the tries and their pauses; one try is `download.py`'s.
"""

import asyncio
import logging
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.update.download import OpenContext, check_room, fetch_some, forget_others, part_of
from agent.update.source import read_url
from agent.uplink.pacing import Backoff
from shared.errors import RetryableError
from shared.jobs import Artefact

FETCH_AGAIN_S = (2.0, 600.0)
MAX_FRUITLESS = 24
"""Tries that bring not one byte: three hours of a server that is away."""

_Result = TypeVar("_Result")

_logger = logging.getLogger(__name__)


async def fetch_whole(
    artefact: Artefact,
    folder: Path,
    open_context: OpenContext,
    tell: Callable[[int], None],
    pauses: tuple[float, float] = FETCH_AGAIN_S,
) -> Path:
    """Fetch an artefact into a folder, going on where it was cut off; raises as `fetch_some`.

    `tell` hears how many bytes there are, in the thread that fetches.
    """
    read_url(artefact.url)
    forget_others(folder, artefact)
    backoff, fruitless = Backoff(*pauses, random.random), 0
    while True:
        held = _size(part_of(folder, artefact))
        try:
            check_room(folder, artefact)
            return await in_thread(
                lambda is_wanted: fetch_some(artefact, folder, open_context, is_wanted, tell)
            )
        except RetryableError as error:
            has_come_on = _size(part_of(folder, artefact)) > held
            fruitless = 0 if has_come_on else fruitless + 1
            if fruitless > MAX_FRUITLESS:
                raise
            if has_come_on:
                backoff.reset()
            _logger.info("the artefact is fetched again: %s", error)
        await asyncio.sleep(backoff.next_s())


async def in_thread(call: Callable[[Callable[[], bool]], _Result]) -> _Result:
    """Run what blocks in a thread, and have it stop when this task is cancelled."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(call, lambda: not stop.is_set())
    finally:
        stop.set()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
