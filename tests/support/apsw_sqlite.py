"""SQLite through apsw with the face of the standard library's sqlite3, on a disk that is watched.

The log's own code runs on it unchanged: every write, truncation, sync and deletion of its files is
recorded in order, so that the disk can be rebuilt as a power cut after any of them leaves it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import apsw


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing done to a file; `payload` is what was written at `offset`."""

    kind: Literal["write", "truncate", "sync", "delete"]
    file: str
    offset: int = 0
    payload: bytes = b""


@dataclass
class Recording:
    """What was done to the disk, in order."""

    operations: list[Operation] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.operations)


class _File(apsw.VFSFile):
    def __init__(self, recording: Recording, name: Any, flags: list[int]) -> None:
        self._recording = recording
        self._name = Path(name.filename() if hasattr(name, "filename") else str(name)).name
        super().__init__("", name, flags)

    def _note(self, kind: Any, offset: int = 0, payload: bytes = b"") -> None:
        self._recording.operations.append(Operation(kind, self._name, offset, payload))

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 (SQLite's name)
        super().xWrite(data, offset)
        self._note("write", offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._note("truncate", newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._note("sync")


class RecordingVfs(apsw.VFS):
    """A VFS that does what SQLite asks for, and records it."""

    def __init__(self, name: str, recording: Recording) -> None:
        self._recording = recording
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        return _File(self._recording, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._recording.operations.append(Operation("delete", Path(filename).name))


class Cursor:
    """Rows of one statement, all fetched: nothing stays open behind a caller's back."""

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self._place = 0
        self.rowcount = rowcount

    def fetchone(self) -> Any:
        """Hand over the next row; None behind the last."""
        return next(self, None)

    def fetchall(self) -> list[Any]:
        """Hand over what is left."""
        return list(self)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._place >= len(self._rows):
            raise StopIteration
        self._place += 1
        return self._rows[self._place - 1]


class Connection:
    """The part of sqlite3.Connection that the log uses."""

    def __init__(self, path: Path, vfs: str) -> None:
        self._db = apsw.Connection(str(path), vfs=vfs)
        # Without shared memory in this VFS; in the hub the index of the WAL lies in memory too.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Cursor:
        """Run a statement and fetch its rows."""
        try:
            rows = list(self._db.execute(sql, tuple(values)))
        except apsw.Error as error:
            raise _translated(error) from error
        return Cursor(rows, self._db.changes())

    def executemany(self, sql: str, all_values: Sequence[Sequence[Any]]) -> Cursor:
        """Run a statement for each of many values."""
        try:
            self._db.executemany(sql, [tuple(values) for values in all_values])
        except apsw.Error as error:
            raise _translated(error) from error
        return Cursor([], self._db.changes())

    def cursor(self) -> Self:
        """Give what runs statements again and again: here that is the connection itself."""
        return self

    def executescript(self, sql: str) -> Cursor:
        """Run several statements."""
        return self.execute(sql)

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self._db.in_transaction

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _translated(error: apsw.Error) -> sqlite3.Error:
    translated = sqlite3.OperationalError(str(error))
    translated.sqlite_errorcode = getattr(error, "extendedresult", 0)
    return translated


def images(recording: Recording) -> Iterator[tuple[int, "Disk"]]:
    """Yield the disk after each operation: the same object, moved on."""
    disk = Disk()
    for number, operation in enumerate(recording.operations, 1):
        disk.do(operation)
        yield number, disk


@dataclass
class Disk:
    """What a disk certainly has of each file, and what was written to it since its last sync."""

    durable: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[str, list[Operation]] = field(default_factory=dict)

    def do(self, operation: Operation) -> None:
        """Do one operation."""
        file = operation.file
        if operation.kind == "delete":
            self.durable.pop(file, None)
            self.pending.pop(file, None)
            return
        if operation.kind == "sync":
            apply(self.durable.setdefault(file, bytearray()), self.pending.pop(file, []))
            return
        self.pending.setdefault(file, []).append(operation)


def apply(content: bytearray, operations: Sequence[Operation]) -> None:
    """Do writes and truncations to a file's bytes."""
    for one in operations:
        if one.kind == "truncate":
            del content[one.offset :]
            continue
        end = one.offset + len(one.payload)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        content[one.offset : end] = one.payload
