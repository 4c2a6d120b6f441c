"""Retention: what is freed because it is stored and old, and what is done when room runs out.

Nothing is freed because it was sent. What no receipt lists stays until the log's size or the disk
forces it to be thinned (`thinning`), which is counted and shown. Days count from when a range was
stored, not from when its rows were taken: the cloud may go back to a backup of any of them.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence

from agent.config import Config
from agent.log import Log
from agent.pieces import BelievedTime
from agent.reserve import FULL_BELOW_BYTES, Reserve
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.untimed import count_untimed
from agent.upkeep.storage_days import StorageDays, decode_days, encode_days, fact_of
from agent.upkeep.thinning import Thinner, count_thinned
from shared.errors import BadInputError
from shared.ranges import Range, intersect, subtract
from shared.units import MS_PER_DAY

MAX_FREED_ROWS = 5_000
"""What one deletion takes at the most, so that the log is never locked for long."""

BYTES_PER_MB = 1_000_000

ROOM_BYTES = 256 << 10
"""Room kept within the log's own file while the disk has none: days of one meter, sealed."""

MAX_PASSES = 50
"""Days of one meter that one call thins; the next call goes on."""

_logger = logging.getLogger(__name__)

Stored = Callable[[int], Sequence[Range] | None]
"""What receipts list as stored of a log; None where there is no cloud to store anything."""


class Retention:
    """Frees and thins one log."""

    def __init__(
        self, log: Log, ledger: ClockLedger, config: Config, stored: Stored, boot: int = 0
    ) -> None:
        self._log = log
        self._boot = boot
        self._ledger = ledger
        self._retention_ms = config.log_retention_days * MS_PER_DAY
        self._max_bytes = config.log_max_mb * BYTES_PER_MB
        self._stored = stored
        self._thinner = Thinner(
            log, ledger.resolve, config.hub_zone, lambda log: self._stored(log) or []
        )
        self.reserve = Reserve(config.hub_state_dir)
        self.thinned = 0
        """Samples given up to make room, as last counted: the page asks every second."""
        self.untimed = 0
        """Samples of boots that never learned the time, as last counted."""
        self._count_thinned()

    def tidy(self, believed: BelievedTime | None) -> int:
        """Do what is due each hour; return how many rows were freed."""
        freed = self.free_stored(believed)
        self.keep_within_limits()
        self.reserve.make()
        self.untimed = count_untimed(self._log, self._boot)
        return freed

    def free_stored(self, believed: BelievedTime | None) -> int:
        """Delete rows whose retention has passed since receipts have listed them as stored.

        Without a cloud nobody will ever store them: then retention alone decides. A hub that does
        not know the time frees nothing: a wrong clock would make everything look old.
        """
        if believed is None:
            return 0
        before_ms = believed.utc_ms - believed.uncertainty_ms - self._retention_ms
        utc_day = (believed.utc_ms + believed.uncertainty_ms) // MS_PER_DAY
        freed = 0
        for meter_log in self._log.all_logs():
            held = self._log.held_range(meter_log.log)
            if held is None:
                continue
            stored = self._stored(meter_log.log)
            old = [held]
            if stored is not None:
                known = self._note_stored(meter_log.log, stored, held, utc_day, before_ms)
                old = intersect(stored, known.until(before_ms // MS_PER_DAY - 1))
            for span in intersect([held], old):
                freed += self._free_old(meter_log.log, span, before_ms)
        self._count_thinned()
        return freed

    def _note_stored(
        self, log: int, stored: Sequence[Range], held: Range, utc_day: int, before_ms: int
    ) -> StorageDays:
        """Note, once a day, what has been stored since the day before."""
        store_id = self._log.fact("store_id") or b""
        try:
            known = decode_days(self._log.fact(fact_of(log)), store_id)
        except BadInputError as error:
            _logger.warning("when rows were stored is not known any more: %s", error)
            known = StorageDays(store_id)
        noted = known.note(stored, held, utc_day, before_ms // MS_PER_DAY - 1)
        is_less = subtract(intersect(known.known(), [held]), noted.known())
        if is_less or noted.days[-1:] != known.days[-1:]:
            try:
                self._log.put_fact(fact_of(log), encode_days(noted))
            except sqlite3.Error as error:
                # A full disk: what was noted before can still be freed, and that makes room.
                _logger.warning("when rows were stored could not be noted: %s", error)
        return noted

    def _free_old(self, log: int, span: Range, before_ms: int) -> int:
        held = self._log.held_range(log, span)
        if held is None:
            return 0
        last_seq = min(held[1], held[0] + MAX_FREED_ROWS - 1)
        return self._log.free(log, held[0], self._last_before(log, held[0], last_seq, before_ms))

    def _last_before(self, log: int, first_seq: int, last_seq: int, at_ms: int) -> int:
        """Find the last row before the first young one; damaged and timeless ones go with it."""
        last = first_seq - 1
        for row in self._log.read(log, first_seq, last_seq):
            resolved = self._ledger.resolve(row) if isinstance(row, LogRow) else None
            if resolved is not None and resolved[0] >= at_ms:
                break
            if resolved is not None and isinstance(row, LogRow):
                last = row.seq
        return last

    def keep_within_limits(self) -> int:
        """Thin while the log is too large or has no room on a full disk; return rows given up."""
        given_up = 0
        for _ in range(MAX_PASSES):
            if not self._is_too_large() and not self._is_out_of_room():
                break
            thinned = self._thinner.thin()
            given_up += thinned
            if not thinned:
                break
        if given_up:
            self._count_thinned()
        return given_up

    def _count_thinned(self) -> None:
        self.thinned = sum(count_thinned(self._log.committed).values())

    def make_room(self) -> int:
        """Help a commit that met a full disk: give up the reserve, thin until there is room."""
        self.reserve.give_up()
        return self.keep_within_limits()

    def _is_too_large(self) -> bool:
        size, free = self._file_bytes()
        return size - free > self._max_bytes

    def _is_out_of_room(self) -> bool:
        _, free = self._file_bytes()
        return free < ROOM_BYTES and self.reserve.free_bytes() < FULL_BELOW_BYTES

    def _file_bytes(self) -> tuple[int, int]:
        return file_bytes(self._log.committed)


def file_bytes(connection: sqlite3.Connection) -> tuple[int, int]:
    """Measure a database: the size of its file, and what of it is free for new rows."""
    size, pages, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return size * pages, size * free
