"""Checks that the database is whole: schema, SQLite's own check, checksums, sequences."""

import sqlite3
import time
from pathlib import Path

from agent.database import UNREADABLE, migrations, readable_from
from agent.doctor.check import Check, Result
from agent.doctor.reading import read_declared, read_held, read_logs, read_rows, read_stored
from agent.home.words import format_count
from agent.rows import LogRow
from shared.frames import GapKind
from shared.ranges import Range, count, subtract, union

CHECKED_ROWS = 5_000
"""Half a day of one meter's samples at ten seconds; a card that dies damages what it wrote last."""

QUICK_CHECK_S = 60
"""A year's log takes seconds; a card so slow that this is not enough is a finding by itself."""

PROGRESS_STEPS = 100_000
MAX_NAMED = 5

SALVAGE = "stop the hub, copy its whole state folder to another disk, then change the card"


def check_database(path: Path) -> Check:
    """Say what of the database is there; it opened."""
    wal = Path(f"{path}-wal")
    finding = f"{path} opens"
    if wal.exists() and wal.stat().st_size:
        finding += f", {wal.stat().st_size // 1000:,} KB of it not folded in yet"
    return Check("database", Result.OK, finding)


def check_schema(connection: sqlite3.Connection) -> Check:
    """Check the schema's number against this program's."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    return judge_schema(version, migrations()[-1][0], readable_from(connection))


def judge_schema(version: int, known: int, readable: int = UNREADABLE) -> Check:
    """Say how a schema fits a program; `readable` is the oldest whose programs may go on."""
    if version > known >= readable:
        finding = f"version {version} of a newer program; this one knows {known}, and can go on"
        return Check("schema", Result.OK, finding)
    if version > known:
        finding = f"version {version}, this program knows {known}"
        fix = "start the newer version of hearthlink that wrote it"
        return Check("schema", Result.FAULT, finding, fix)
    if version < known:
        finding = f"version {version}, this program's is {known}"
        fix = "nothing: the hub brings it up to date when it next starts"
        return Check("schema", Result.WARNING, finding, fix)
    return Check("schema", Result.OK, f"version {version}")


def check_integrity(connection: sqlite3.Connection) -> Check:
    """Let SQLite check the file, for a bounded time."""
    deadline_s = time.monotonic() + QUICK_CHECK_S
    connection.set_progress_handler(lambda: time.monotonic() > deadline_s, PROGRESS_STEPS)
    try:
        said = [row[0] for row in connection.execute(f"PRAGMA quick_check({MAX_NAMED})")]
    except sqlite3.OperationalError as error:
        if str(error) != "interrupted":
            raise
        finding = f"SQLite's quick check did not end in {QUICK_CHECK_S} s"
        return Check("integrity", Result.WARNING, finding, "the disk is very slow: change the card")
    finally:
        connection.set_progress_handler(None, 0)
    if said == ["ok"]:
        return Check("integrity", Result.OK, "SQLite's quick check finds the file whole")
    return Check("integrity", Result.FAULT, f"the file is damaged: {'; '.join(said)}", SALVAGE)


def check_checksums(connection: sqlite3.Connection) -> Check:
    """Check the newest rows of each log against their checksums."""
    checked, damaged = 0, []
    for entry in read_logs(connection):
        declared = [(first, last) for first, last, _ in read_declared(connection, entry.log)]
        for one in read_rows(connection, entry.log, CHECKED_ROWS):
            if isinstance(one, LogRow):
                checked += 1
            elif one.kind is GapKind.DAMAGED:
                for first, last in subtract([(one.first_seq, one.last_seq)], declared):
                    checked += last - first + 1
                    damaged += [f"{entry.meter} {seq}" for seq in range(last, first - 1, -1)]
    return judge_checksums(checked, damaged)


def judge_checksums(checked: int, damaged: list[str]) -> Check:
    """Say how many of the rows looked at are damaged; `damaged` names meter and sequence."""
    name = "checksums"
    rows = format_count(checked, "newest row")
    if not damaged:
        return Check(name, Result.OK, f"{rows} looked at, none damaged")
    named = ", ".join(damaged[:MAX_NAMED]) + (", …" if len(damaged) > MAX_NAMED else "")
    finding = f"{len(damaged):,} of the {rows} damaged (meter, sequence: {named})"
    fix = f"the cloud is told they are damaged, energy is not lost; the disk is failing: {SALVAGE}"
    return Check(name, Result.FAULT, finding, fix)


def check_sequences(connection: sqlite3.Connection) -> Check:
    """Check that no log lacks a sample that no receipt has named."""
    faults = []
    for entry in read_logs(connection):
        held = read_held(connection, entry.log)
        stored = read_stored(connection, entry.log)
        fault = sequence_fault(held, stored, entry.next_seq)
        if fault:
            faults.append(f"{entry.meter}: {fault}")
    if not faults:
        return Check("sequence", Result.OK, "no sample is missing")
    fix = (
        f"{SALVAGE}; if the cloud was restored from a backup, samples freed before that look "
        "the same and are safe"
    )
    return Check("sequence", Result.FAULT, "; ".join(faults), fix)


def sequence_fault(held: list[Range], stored: list[Range], next_seq: int) -> str:
    """Say what is wrong with a log's numbering; "" for nothing.

    Samples before the oldest held were freed; later ones may only be absent where they are stored.
    """
    if held and held[-1][1] >= next_seq:
        return f"sample {held[-1][1]} is there, but the next would be numbered {next_seq}"
    if not held:
        return ""
    missing = subtract([(held[0][0], next_seq - 1)], union([*held, *stored]))
    if not missing:
        return ""
    spans = ", ".join(f"{first} to {last}" for first, last in missing[:MAX_NAMED])
    return f"{format_count(count(missing), 'sample')} missing that no receipt names ({spans})"
