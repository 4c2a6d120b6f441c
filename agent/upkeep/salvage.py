"""Salvages a damaged database: what can be read goes into a new one, the rest is declared.

The damaged file is moved aside, never deleted. Every step can be cut by a power loss and is taken
up again at the next start: the new database takes the old one's place only when it is whole.
"""

import contextlib
import os
import shutil
import sqlite3
import time
from pathlib import Path

import msgspec

from agent.consent_record import lose_record, read_record
from agent.database import open_copy, open_database
from agent.marks import MARKS_NAME, Marks, place_of, read_marks
from agent.reader import LogReader
from agent.upkeep.lostlogs import declare_lost_logs
from agent.upkeep.remains import Remains
from agent.upkeep.reruns import find_runs
from shared.errors import OperatorError

SALVAGE_FACT = "salvage"
CHECK_S = 20.0
"""SQLite's own check at start; a file that takes longer is taken as it is, and rows are checked."""

PROGRESS_STEPS = 100_000
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Salvage(msgspec.Struct, frozen=True):
    """What a salvage found: where the damaged file lies, why, rows kept, sequences given up.

    `lost` are declared under their meters; `orphans` were samples of logs that are lost, of which
    nobody can tell the meter; `partly` names the tables that could not be read whole.
    `unread` are the samples that the marks beside the database know of, in logs of which not even
    one row could be read; what the cloud had stored of them is among them.
    """

    moved_to: str
    reason: str
    rows: int
    lost: int
    orphans: int = 0
    partly: list[str] = []
    unread: int = 0


def salvage_if_damaged(path: Path) -> Salvage | None:
    """Put a salvaged database in a damaged one's place; None where it is sound, or there is none.

    Raises OperatorError where the disk has no room for it, or another process has the file.
    """
    finished = Path(f"{path}.salvaged")
    if finished.exists():
        _put_in_place(finished, path)
    reason = why_damaged(path) if path.exists() else None
    if reason is None:
        return None
    aside = _keep_aside(path)
    building = Path(f"{path}.salvaging")
    for leftover in (building, *_side_files(building)):
        leftover.unlink(missing_ok=True)
    found = _rebuild(path, building, str(aside), reason)
    building.replace(finished)
    _sync_folder(path.parent)
    _put_in_place(finished, path)
    return found


def why_damaged(path: Path) -> str | None:
    """Say what SQLite finds wrong with a file; None where it finds nothing."""
    try:
        with contextlib.closing(open_database(path)) as connection:
            deadline_s = time.monotonic() + CHECK_S
            connection.set_progress_handler(lambda: time.monotonic() > deadline_s, PROGRESS_STEPS)
            said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            return None if said == "ok" else said
    except (OperatorError, sqlite3.Error) as error:
        cause = error.__cause__ if isinstance(error, OperatorError) else error
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            return str(cause)
        if getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            return None
        raise


def _keep_aside(path: Path) -> Path:
    """Give the damaged files a second name; their bytes stay whatever happens to the first."""
    number = 1
    while (aside := Path(f"{path}.damaged-{number}")).exists():
        number += 1
    for source, target in zip(
        (path, *_side_files(path)), (aside, *_side_files(aside)), strict=True
    ):
        if source.exists():
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
    _sync_folder(path.parent)
    return aside


def _side_files(path: Path) -> list[Path]:
    return [Path(f"{path}-wal"), Path(f"{path}-shm")]


def _put_in_place(finished: Path, path: Path) -> None:
    for leftover in _side_files(path):
        leftover.unlink(missing_ok=True)
    finished.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _rebuild(path: Path, building: Path, aside: str, reason: str) -> Salvage:
    known = read_marks(path.parent / MARKS_NAME)
    # A copy's original may still run: what is lost here may yet come from there.
    marks = known if known is not None and known.place == place_of(path) else None
    with contextlib.closing(open_database(building)) as new:
        new.execute("BEGIN IMMEDIATE")
        # Rows may name others that are lost; they are kept all the same.
        new.execute("PRAGMA defer_foreign_keys = ON")
        lost, orphans, partly, consent = 0, 0, [], None
        try:
            with open_copy(path, is_mended=True) as old:
                remains = Remains(old, new, marks)
                remains.copy()
                lost, orphans, partly = remains.tie_up(), remains.orphans, remains.partly
                consent = read_record(old)
                if "register_runs" in partly:
                    # Without its run a wrapped register would lose what was used across the wrap.
                    _write_runs(new)
        except OperatorError:
            lost = declare_lost_logs(new, marks) if marks is not None else 0
        if consent is None:
            lose_record(new)
        kept = sum(LogReader(new).count_rows(one.log) for one in LogReader(new).entries())
        unread = 0 if orphans else _count_unread(known, new)
        found = Salvage(aside, reason, kept, lost, orphans, partly, unread)
        new.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)",
            (SALVAGE_FACT, msgspec.json.encode(found)),
        )
        new.execute("COMMIT")
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found


def _write_runs(new: sqlite3.Connection) -> None:
    new.executemany(
        "INSERT OR IGNORE INTO register_runs VALUES (?, ?, ?, ?, ?)",
        [(c.log, c.register, c.from_seq, c.run, c.modulus) for c in list(find_runs(new))],
    )


def read_salvage(reader: LogReader) -> Salvage | None:
    """Read what the last salvage found; None where there was none."""
    written = reader.fact(SALVAGE_FACT)
    return None if written is None else msgspec.json.decode(written, type=Salvage)


def _count_unread(marks: Marks | None, new: sqlite3.Connection) -> int:
    """Count the sequences that the marks know to be used, of logs that the new database lacks."""
    known = {one.log_id for one in LogReader(new).entries()}
    used = {} if marks is None else marks.certain
    return sum(next_seq - 1 for log_id, next_seq in used.items() if log_id not in known)
