"""Backs the log up while the hub runs, and puts a backup back; either is verified first.

A backup is finished under another name and renamed when it is whole. Nothing is overwritten: what
stands in the way is moved aside.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

from agent.database import PLAIN_VFS, connect, open_copy, open_database
from agent.reader import LogReader
from agent.upkeep.opening import RESTORED_FACT
from agent.upkeep.verification import LogState, Progress, check_file, is_sound, verify
from shared.errors import OperatorError

PAGES_AT_ONCE = 1_000


def back_up(path: Path, target: Path, progress: Progress) -> list[LogState]:
    """Write a verified copy of what is committed; raises OperatorError where it does not hold."""
    if target.exists():
        raise OperatorError(f"{target} is there already", hint="name a file that is not")
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    with open_copy(path) as source, contextlib.closing(sqlite3.connect(partial)) as copy:
        source.backup(
            copy,
            pages=PAGES_AT_ONCE,
            progress=lambda _status, left, total: progress(total - left, total),
        )
        # One file is easier to carry: no WAL beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
    states = _verified(partial, progress)
    _sync(partial)
    partial.replace(target)
    return states


def restore(path: Path, backup: Path, progress: Progress) -> list[LogState]:
    """Put a verified backup in the database's place; the hub must not run.

    The database it replaces is moved aside. The next start goes on under new log ids, because the
    numbers that follow the backup's have been used.
    """
    states = _verified(backup, progress)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        # Opening folds the WAL in, and is refused where a hub runs.
        with contextlib.suppress(sqlite3.DatabaseError):
            open_database(path).close()
        path.replace(_aside(path))
    for leftover in (Path(f"{path}-wal"), Path(f"{path}-shm")):
        leftover.unlink(missing_ok=True)
    arriving = path.with_name(f"{path.name}.arriving")
    arriving.write_bytes(backup.read_bytes())
    with contextlib.closing(open_database(arriving)) as connection:
        connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (RESTORED_FACT, b"1"))
    _sync(arriving)
    arriving.replace(path)
    return states


def _aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.replaced-{number}")).exists():
        number += 1
    return aside


def _verified(file: Path, progress: Progress) -> list[LogState]:
    """Read all of a backup; raises OperatorError where anything of it is damaged."""
    if not file.exists():
        raise OperatorError(f"{file} is not there", hint="name a file that log backup wrote")
    try:
        with contextlib.closing(connect(file, PLAIN_VFS)) as connection:
            reader = LogReader(connection)
            states = [verify(reader, entry, progress) for entry in reader.entries()]
            fault = check_file(connection)
    except sqlite3.Error as error:
        raise OperatorError(f"{file} is no backup of a hub: {error}") from error
    if not is_sound(states, fault):
        damaged = sum(state.damaged for state in states)
        missing = sum(state.missing for state in states)
        raise OperatorError(
            f"{file} is not whole: {damaged} samples damaged, {missing} missing {fault}".rstrip(),
            hint="hearthlink log verify names them in the hub's own database",
        )
    return states


def _sync(file: Path) -> None:
    for place in (file, file.parent):
        opened = os.open(place, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
