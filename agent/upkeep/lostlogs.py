"""Names the logs whose own row a damaged database has lost, by the marks beside it.

Without that nobody can tell the meter of a log, neither to keep its rows nor to declare them lost.
"""

import sqlite3
from collections import Counter

from agent.marks import Marks
from agent.reader import LogReader


def name_lost_logs(new: sqlite3.Connection, marks: Marks) -> dict[int, int]:
    """Write the rows of logs that only the marks know; return what each used at least, by number.

    A number that two logs claim, or another log has, names neither. A meter's newest log goes on
    where it has no other. The next sequence is for now the highest that may have been used.
    """
    entries = LogReader(new).entries()
    numbers, ids = {one.log for one in entries}, {one.log_id for one in entries}
    meters = {one.meter for one in entries if one.is_open}
    claims = Counter(name.log for name in marks.names.values())
    lost = {
        log_id: name
        for log_id, name in marks.names.items()
        if log_id in marks.certain
        and log_id not in ids
        and name.log not in numbers
        and claims[name.log] == 1
    }
    for log_id, name in sorted(lost.items(), key=lambda one: one[1].log, reverse=True):
        is_open = name.meter not in meters
        meters.add(name.meter)
        next_seq = max(marks.reserved.get(log_id, 0), marks.certain[log_id])
        row = (name.log, log_id, name.meter, name.medium.value, next_seq, is_open)
        new.execute("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?)", row)
    return {name.log: marks.certain[log_id] for log_id, name in lost.items()}


def settle_next_seqs(new: sqlite3.Connection, used: dict[int, int]) -> None:
    """Say what was used of those logs: what the marks are certain of, and what came through."""
    reader = LogReader(new)
    for log, certain in used.items():
        held = reader.held_range(log)
        next_seq = max(certain, held[1] + 1 if held is not None else 1)
        new.execute("UPDATE logs SET next_seq = ? WHERE log = ?", (next_seq, log))


def declare_lost_logs(new: sqlite3.Connection, marks: Marks) -> int:
    """Declare all that the marks are certain of lost, where nothing at all can be read; count it.

    What the cloud has stored of it a receipt says before any of this is sent.
    """
    used = name_lost_logs(new, marks)
    settle_next_seqs(new, used)
    spans = [(log, 1, next_seq - 1) for log, next_seq in used.items() if next_seq > 1]
    new.executemany("INSERT INTO damaged_ranges VALUES (?, ?, ?, 'salvaged')", spans)
    return sum(last_seq for _, _, last_seq in spans)
