"""What a worker does beside messages, a little each minute: remind, read in, export, prune.

Every worker does it; all of it may be done twice, or by two at once.
"""

import logging
from collections import Counter
from typing import Protocol

from cloud.changes.repository import prune_changes
from cloud.db import Database
from cloud.ingest.pruning import prune
from cloud.ingest.service import Addressed, IngestService
from shared.clock import Clock
from shared.errors import HearthlinkError

INTERVAL_S = 60.0
"""A fifth of the time after which a hub is due to be reminded of a hole."""

_log = logging.getLogger(__name__)


class LakeUpkeep(Protocol):
    """What upkeep asks of a lake, where there is one (cloud/lake/upkeep.py)."""

    def run(self) -> int:
        """Export a little of what is due; return how many frames."""

    def exported_to(self) -> int:
        """Number the last frame that is in the lake; 0 where none is."""


class Upkeep:
    """One worker's upkeep; `run` returns the receipts to publish."""

    def __init__(
        self,
        service: IngestService,
        database: Database,
        clock: Clock,
        lake: LakeUpkeep | None = None,
    ) -> None:
        self._service = service
        self._lake = lake
        self._database = database
        self._clock = clock
        self._has_replayed = False
        self.counts: Counter[str] = Counter()

    def run(self) -> list[Addressed]:
        """Do a round; raises what the database raises."""
        receipts = self._service.remind()
        self.counts["reminders"] += len(receipts)
        if not self._has_replayed:
            # What this program knows changes with an upgrade, which is a restart.
            receipts += self._read_in()
            self._has_replayed = True
        exported_to = self._export()
        with self._database.writing() as connection:
            pruned = prune(connection, self._clock.utc_ms(), exported_to)
            self.counts["changes-pruned"] += prune_changes(connection, self._clock.utc_ms())
        self.counts["frames-pruned"] += pruned.frames
        self.counts["dead-letters-expired"] += pruned.dead_letters
        return receipts

    def _export(self) -> int | None:
        """Export to the lake; number the last frame in it, None where there is no lake."""
        if self._lake is None:
            return None
        try:
            self.counts["frames-exported"] += self._lake.run()
        except HearthlinkError as error:
            # A lake out of reach keeps no hub waiting for its receipts.
            self.counts["failed-exports"] += 1
            _log.warning("the export is put off: %s", error)
        return self._lake.exported_to()

    def _read_in(self) -> list[Addressed]:
        done = self._service.replay_known()
        for one in done:
            _log.info("dead letter %d of %s: %s", one.dead_letter_id, one.thing, one.code or "read")
        self.counts["dead-letters-read"] += sum(not one.code for one in done)
        return [receipt for one in done for receipt in one.receipts]
