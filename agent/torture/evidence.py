"""What the hub had committed, read from a copy of its files each time it was taken away.

The copy is opened as the hub would open it, so its own file is left as the kill left it.
"""

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from random import Random

from agent.log import Log
from agent.rows import LogRow
from agent.torture.card import Key, flip_bits
from agent.torture.consent import Narrowing

NEWEST = 200
"""Rows and blocks in which a bit may turn: what is older is stored long since."""


def digest_of(registers: dict[str, int]) -> int:
    """Shorten what a sample said to 64 bits: a long torture compares millions."""
    return hash(tuple(sorted(registers.items())))


class Evidence:
    """Every row that was seen committed, and those damaged on purpose."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._seen: dict[str, int] = {}
        self.committed: dict[Key, int] = {}
        self.damaged: set[Key] = set()
        self.changed: list[Key] = []
        self.narrowings: list[Narrowing] = []
        """Spans in which the household let less leave."""

    def look(self, database: Path | None = None) -> dict[str, tuple[int, int]]:
        """Read what is committed by now; the hub must not be running. Returns what each log holds.

        A row that was seen before and is not there, or says something else, is noted. Another hub's
        `database` may be named.
        """
        path = database or self._database
        held: dict[str, tuple[int, int]] = {}
        with tempfile.TemporaryDirectory(prefix="hearthlink-torture-") as folder:
            for file in path.parent.glob(f"{path.name}*"):
                shutil.copy(file, folder)
            log = Log(Path(folder) / path.name)
            try:
                for meter_log in log.all_logs():
                    log_id, span = meter_log.log_id.hex(), log.held_range(meter_log.log)
                    if span is None:
                        continue
                    held[log_id] = span
                    self._read(log, meter_log.log, log_id, span)
            finally:
                log.close()
        return held

    def _read(self, log: Log, number: int, log_id: str, span: tuple[int, int]) -> None:
        seen = self._seen.get(log_id, span[0] - 1)
        # A few that were seen before are read again: a kill must not have taken them back.
        for row in log.read(number, max(span[0], seen - 100), span[1]):
            if not isinstance(row, LogRow):
                continue
            said = digest_of(row.registers)
            if self.committed.setdefault(Key(log_id, row.seq), said) != said:
                self.changed.append(Key(log_id, row.seq))
        if span[1] < seen:
            self.changed.append(Key(log_id, seen))
        self._seen[log_id] = max(seen, span[1])

    def flip_bits(self, draw: Random, places: int) -> int:
        """Flip a bit in some of the newest of the hub's own rows; say how many are damaged."""
        with contextlib.closing(sqlite3.connect(self._database, isolation_level=None)) as disk:
            damaged = flip_bits(disk, draw, places, NEWEST)
        self.damaged |= damaged
        return len(damaged)

    def may_withhold(self, key: Key) -> bool:
        """Tell whether consent may have kept a sample back, or all of it but its counters."""
        return any(narrowing.may_withhold(key) for narrowing in self.narrowings)

    def forget_since(self, held: dict[str, tuple[int, int]]) -> None:
        """Forget what came after these ranges: the card it was on is no longer the hub's."""
        nothing = (0, 0)
        gone = [key for key in self.committed if key.seq > held.get(key.log_id, nothing)[1]]
        for key in gone:
            del self.committed[key]
        self.damaged -= set(gone)
        self._seen = {log_id: held[log_id][1] for log_id in self._seen if log_id in held}
