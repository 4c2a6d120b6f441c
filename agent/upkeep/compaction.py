"""Makes the database as small as it can be: all full segments sealed, no free page, small pages."""

import contextlib
from pathlib import Path

from agent.database import PAGE_BYTES, open_database
from agent.upkeep.opening import open_log
from agent.upkeep.sealing import seal
from agent.upkeep.verification import Progress


def compact(path: Path, progress: Progress) -> tuple[int, int]:
    """Compact a database that no hub has open; return its size before and after, in bytes.

    SQLite rewrites the file behind a journal: cut in the middle of it, the old one is there.
    Raises OperatorError where a hub runs.
    """
    log = open_log(path)
    before = path.stat().st_size
    loose = sum(log.count_loose(entry.log) for entry in log.entries())
    done = 0
    while sealed := seal(log):
        done += sealed
        progress(done, loose)
    log.close()
    with contextlib.closing(open_database(path)) as connection:
        # Only outside of WAL mode can the size of a page be changed.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("VACUUM")
        connection.execute("PRAGMA journal_mode = WAL")
    return before, path.stat().st_size
