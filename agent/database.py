"""Opens the hub's SQLite file: pragmas and numbered migrations. Knows no table."""

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path

from shared.errors import OperatorError

SCHEMA = Path(__file__).parent / "schema"
BUSY_TIMEOUT_MS = 5_000
CACHE_KIB = 256
"""The log is appended to and read in order: a larger page cache would hold the unasked for."""

PAGE_BYTES = 1_024
"""A commit writes whole pages: 13.2 KB for six rows at this size, 25.5 KB at 4,096 (measured)."""

WAL_AUTOCHECKPOINT_PAGES = 400
"""The WAL is written over from its start in a few hours; a longer one costs more as it grows."""

WAL_FRAME_BYTES, WAL_HEADER_BYTES = 24 + PAGE_BYTES, 32
WAL_SPARE_PAGES = 100
"""What a seal writes past the checkpoint that is due."""

WAL_KEPT_BYTES = 4 << 20
"""A WAL is kept at its size, because growing costs the file system more than the frames do."""

COPY_TRIES = 20

MAX_LENGTHENED_BYTES = 1 << 33
"""A damaged header may claim any size; the file made of it is empty where nothing was."""

READABLE_FROM = 4
"""The oldest schema whose programs can go on with a database of the newest (docs/decisions/0022).

A migration that only adds tables and indexes leaves it; one that does more raises it to its own
number, and then there is no way back over it.
"""

READABLE_FACT = "readable_from"
UNREADABLE = 1 << 31

PLAIN_VFS, HUB_VFS = "unix", "unix-excl"
"""The hub keeps its database to itself: the WAL's index stays in memory then, which as a file would
cost the card 14 KB of every commit (measured). Others read a copy (`open_copy`)."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file for writing, durably: WAL with synchronous=FULL, migrated to the newest schema.

    NORMAL lost committed rows in 58 of 60 simulated power cuts, FULL in none (DESIGN rule 4).
    The connection may be used from other threads, one at a time. Raises OperatorError where the
    file cannot be opened, is in use by another process or is newer than this program.
    """
    connection = connect(path, HUB_VFS)
    try:
        _prepare(connection, path)
    except BaseException:
        # Left to be collected it would keep the file locked, to this process too.
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # The size of a page is chosen when the file is made; `hearthlink log compact` changes it.
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_AUTOCHECKPOINT_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection, path)
    lengthen_wal(path)


class Transaction:
    """Commits what its block wrote, or undoes all of it; entered by one thread at a time.

    It is made once and entered again and again: a commit of a few rows is shorter than what a
    generator takes to be set up.
    """

    def __init__(
        self, connection: sqlite3.Connection, lock: threading.Lock, on_undone: Callable[[], None]
    ) -> None:
        """`lock` is held within the block; `on_undone` forgets what was learned in it."""
        self._connection = connection
        self._cursor = connection.cursor()
        self._lock = lock
        self._on_undone = on_undone

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._lock.release()
            raise
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_raised: object) -> None:
        try:
            if kind is None:
                self._cursor.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        else:
            if kind is not None:
                self._undo()
        finally:
            self._lock.release()

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")
        self._on_undone()


def lengthen_wal(path: Path) -> None:
    """Give the WAL the length it will have, as zeros, which recovery takes for its end.

    A file that grows has the file system write where its new blocks are with every commit: on an
    ext4 of 1 KiB blocks 17.6 KB a commit while the WAL grew, and 10.9 KB from then on (measured).
    A full disk refuses it: that costs wear, and no more.
    """
    pages = WAL_AUTOCHECKPOINT_PAGES + WAL_SPARE_PAGES
    with suppress(OSError), Path(f"{path}-wal").open("r+b", buffering=0) as wal:
        length = wal.seek(0, os.SEEK_END)
        zeros = bytes(max(WAL_HEADER_BYTES + pages * WAL_FRAME_BYTES - length, 0))
        if wal.write(zeros) < len(zeros):
            # What room is left is for commits.
            wal.truncate(length)
        os.fsync(wal.fileno())


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the file for reading only, beside the connection of this process that writes it."""
    connection = connect(path, HUB_VFS)
    connection.execute("PRAGMA query_only = ON")
    return connection


@contextmanager
def open_copy(path: Path, *, is_mended: bool = False) -> Iterator[sqlite3.Connection]:
    """Open what is committed for reading, whether a hub runs or not; the file is only read.

    File and WAL are copied as they are and the copy opened, as after a power cut at that moment.
    `is_mended` makes a copy that was cut short as long as it says it is, so that what is left of it
    can be read. Raises OperatorError where they cannot be copied or opened.
    """
    with tempfile.TemporaryDirectory(prefix="hearthlink-") as folder:
        copy = Path(folder) / path.name
        try:
            _copy_settled(path, copy)
            if is_mended:
                _lengthen(copy)
        except OSError as error:
            raise OperatorError(
                f"the hub's database {path} cannot be copied to be read: {error}",
                hint="run as the user that runs the hub, with room for temporary files",
            ) from error
        with closing(connect(copy, PLAIN_VFS)) as connection:
            connection.execute("PRAGMA query_only = ON")
            yield connection


def _copy_settled(path: Path, copy: Path) -> None:
    """Copy file and WAL; again where the WAL was begun anew meanwhile and may not fit the file."""
    for _ in range(COPY_TRIES):
        before = _wal_header(path)
        shutil.copyfile(path, copy)
        wal, wal_copy = Path(f"{path}-wal"), Path(f"{copy}-wal")
        wal_copy.unlink(missing_ok=True)
        if before:
            shutil.copyfile(wal, wal_copy)
        if _wal_header(path) == before:
            return
    raise OSError(f"it is being written faster than it can be copied, {COPY_TRIES} times")


def _lengthen(copy: Path) -> None:
    """Fill a file up with zeros to the pages its header counts (SQLite file format, 1.3)."""
    with copy.open("r+b") as file:
        head = file.read(32)
        page = int.from_bytes(head[16:18], "big")
        pages = int.from_bytes(head[28:32], "big")
        size = (65_536 if page == 1 else page) * pages
        if copy.stat().st_size < size <= MAX_LENGTHENED_BYTES:
            file.truncate(size)


def _wal_header(path: Path) -> bytes:
    try:
        with Path(f"{path}-wal").open("rb") as file:
            return file.read(32)
    except FileNotFoundError:
        return b""


def connect(path: Path, vfs: str) -> sqlite3.Connection:
    """Open a file as it is; raises OperatorError where it cannot be opened or is no database."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?vfs={vfs}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = _text
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise OperatorError(
            f"the hub's database {path} cannot be opened: {error}", hint=_hint(error)
        ) from error
    return connection


def _text(written: bytes) -> str:
    """Read a text; where its bytes rotted, no single one of them keeps the rest from being read."""
    return written.decode(errors="replace")


def _hint(error: sqlite3.Error) -> str:
    if is_locked(error):
        return "another process has it: is a hub running on this folder? stop that one first"
    return "check that its folder exists and is writable by this user, and the disk not full"


def is_locked(error: BaseException | None) -> bool:
    """Tell whether an error of SQLite says that another process has the file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error of SQLite says that the disk is full."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


@cache
def migrations() -> list[tuple[int, str]]:
    """List the migrations shipped with this program as (number, SQL), in order."""
    return sorted(
        (int(entry.name.split("_", 1)[0]), entry.read_text()) for entry in SCHEMA.glob("*.sql")
    )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply each missing migration in a transaction of its own; `user_version` counts them.

    A database of a newer program is gone on with where that program left word that it may be: so a
    hub can go back to the version before. Raises OperatorError otherwise.
    """
    known = migrations()
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > known[-1][0]:
        if readable_from(connection) <= known[-1][0]:
            return
        raise OperatorError(
            f"the hub's database {path} has schema {version}, this program knows {known[-1][0]}",
            hint="start the newer version of hearthlink that wrote it",
        )
    for number, sql in known:
        if number > version:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;"
            )
    if readable_from(connection) != READABLE_FROM:
        connection.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)", (READABLE_FACT, b"%d" % READABLE_FROM)
        )


def readable_from(connection: sqlite3.Connection) -> int:
    """Tell the oldest schema whose programs can go on with this database; a huge one if unknown."""
    try:
        found = connection.execute(
            "SELECT value FROM facts WHERE name = ?", (READABLE_FACT,)
        ).fetchone()
        return int(found[0]) if found else UNREADABLE
    except (sqlite3.Error, ValueError):
        return UNREADABLE
