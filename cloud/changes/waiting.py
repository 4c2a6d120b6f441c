"""Requests that wait for a change: one look at the database each half second, however many wait."""

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from cloud.changes.repository import read_revisions
from cloud.db import Database
from cloud.scope import Scope

LOOK_EVERY_S = 0.5
"""What changes comes from other processes: it is looked for."""

MAX_WAITING = 5_000
"""One more is answered at once: it may ask again."""

MAX_WAITING_OF_HOME = 16
"""The phones and tablets of a family: a home with more takes no place of another home."""

_log = logging.getLogger(__name__)


class ChangeWatch:
    """One process's; `run` is its task."""

    def __init__(self, database: Database, look_every_s: float = LOOK_EVERY_S) -> None:
        self._database = database
        self._look_every_s = look_every_s
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._seen: dict[str, int] = {}
        self._count = 0

    @property
    def waiting_count(self) -> int:
        """How many requests wait."""
        return self._count

    async def wait(self, household_id: str, revision: int, wait_s: float) -> None:
        """Return once a household's changes have gone past a revision, or the time is over."""
        of_home = len(self._waiting.get(household_id, ()))
        if self._count >= MAX_WAITING or of_home >= MAX_WAITING_OF_HOME:
            return
        event = asyncio.Event()
        self._waiting.setdefault(household_id, set()).add(event)
        self._seen[household_id] = min(revision, self._seen.get(household_id, revision))
        self._count += 1
        try:
            async with asyncio.timeout(wait_s):
                await event.wait()
        except TimeoutError:
            return
        finally:
            self._count -= 1
            self._waiting.get(household_id, set()).discard(event)
            if not self._waiting.get(household_id):
                self._waiting.pop(household_id, None)
                self._seen.pop(household_id, None)

    async def run(self) -> None:
        """Look while somebody waits; for ever."""
        while True:
            await asyncio.sleep(self._look_every_s)
            if not self._waiting:
                continue
            try:
                newest = await run_in_threadpool(self._read, frozenset(self._waiting))
            except SQLAlchemyError as error:
                _log.warning("changes cannot be read: %s", error)
                continue
            for household_id, revision in newest.items():
                if revision > self._seen.get(household_id, revision):
                    for event in self._waiting.get(household_id, ()):
                        event.set()

    def _read(self, household_ids: frozenset[str]) -> dict[str, int]:
        scope = Scope(household_ids)
        with self._database.reading(scope) as connection:
            return read_revisions(connection, scope)
