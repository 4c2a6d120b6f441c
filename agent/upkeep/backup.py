"""Backs the log up while the hub runs, and puts a backup back; either is verified first.

A backup is finished under another name and renamed when it is whole. Nothing is overwritten: what
stands in the way is moved aside.
"""

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from agent.consent_record import ConsentRecord, keep_record, read_record
from agent.database import PLAIN_VFS, connect, open_copy, open_database
from agent.reader import LogReader
from agent.upkeep.opening import RESTORED_FACT
from agent.upkeep.salvage import DAMAGED
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

    The database it replaces is kept under another name; its record of consent is carried over, so
    that no more may leave than before. The next start goes on under new log ids, because the
    numbers that follow the backup's have been used.
    """
    states = _verified(backup, progress)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_replacing = path.exists()
    if is_replacing:
        _fold(path)
    arriving = path.with_name(f"{path.name}.arriving")
    arriving.write_bytes(backup.read_bytes())
    with contextlib.closing(open_database(arriving)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (RESTORED_FACT, b"1"))
        if is_replacing:
            keep_record(connection, _consent_of(path))
        connection.execute("COMMIT")
    _sync(arriving)
    if is_replacing:
        # A second name first: cut here, the next try still finds whose choices it replaces.
        _keep(path, _aside(path))
    for leftover in (Path(f"{path}-wal"), Path(f"{path}-shm")):
        leftover.unlink(missing_ok=True)
    arriving.replace(path)
    return states


def _fold(path: Path) -> None:
    """Fold the WAL in; raises OperatorError where a hub runs, but not for a damaged database."""
    try:
        open_database(path).close()
    except (OperatorError, sqlite3.DatabaseError) as error:
        cause = error.__cause__ if isinstance(error, OperatorError) else error
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
            raise


def _consent_of(path: Path) -> ConsentRecord | None:
    """Read the record of consent of the database that is replaced; None where it is unreadable."""
    try:
        with open_copy(path) as connection:
            return read_record(connection)
    except OperatorError:
        return None


def _keep(path: Path, aside: Path) -> None:
    try:
        os.link(path, aside)
    except OSError:
        shutil.copyfile(path, aside)


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
