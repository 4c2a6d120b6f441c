"""Opens the hub's log at start: salvaged where damaged, under new ids where it was rewound."""

import logging
from pathlib import Path

import msgspec

from agent.log import Log
from agent.marks import MARKS_NAME, Marks, place_of, read_marks
from agent.upkeep.salvage import salvage_if_damaged

RENEWED_FACT = "new_log_ids"
MARKED_FACT = "marked"
RESTORED_FACT = "restored"

COPIED = "the database is a copy, and its original may still run"
REWOUND = "the database is older than the sequences this hub has already used"
SALVAGED = "the database was damaged and salvaged"
RESTORED = "the database was restored from a backup"
UNMARKED = "the marks beside the database are gone, so it may be an older copy"

_logger = logging.getLogger(__name__)


class Renewal(msgspec.Struct, frozen=True):
    """Why meters were given new log ids, and which."""

    reason: str
    meters: list[str]


def open_log(path: Path) -> Log:
    """Open the log; raises OperatorError where a person must act first."""
    salvage = salvage_if_damaged(path)
    if salvage is not None:
        _logger.error(
            "the database was damaged (%s): %d samples salvaged, %d lost; the file lies in %s",
            *(
                salvage.reason,
                salvage.rows,
                salvage.lost + salvage.orphans + salvage.unread,
                salvage.moved_to,
            ),
        )
    log = Log(path)
    known = read_marks(path.parent / MARKS_NAME)
    marks = Marks(path.parent / MARKS_NAME, place_of(path))
    if known is not None:
        marks.generation = known.generation
    is_renewed = _renew_ids(log, known, marks.place, is_salvaged=salvage is not None)
    if known is not None and known.place == marks.place:
        marks.certain, marks.reserved = known.certain, known.reserved
    log.use_marks(marks)
    if log.fact(MARKED_FACT) is None:
        log.put_fact(MARKED_FACT, b"1")
    if known is None and not is_renewed:
        marks.settle({one.log_id: one.next_seq for one in log.meters.values()})
    return log


def _renew_ids(log: Log, known: Marks | None, place: str, *, is_salvaged: bool) -> bool:
    """Give new ids to the logs whose numbers somebody else may have used; say whether any."""
    reason, behind = "", list(log.meters.values())
    if is_salvaged:
        reason = SALVAGED
    elif log.fact(RESTORED_FACT) is not None:
        reason = RESTORED
    elif known is None:
        reason = UNMARKED if log.fact(MARKED_FACT) is not None else ""
    elif known.place != place:
        reason = COPIED
    else:
        reason = REWOUND
        behind = [one for one in behind if known.is_behind(one.log_id, one.next_seq)]
    if not reason or not behind:
        return False
    for one in behind:
        certain = known.certain.get(one.log_id, 0) if known is not None else 0
        if certain > one.next_seq:
            log.declare_lost(one.log, one.next_seq, certain - 1, "rewound")
        log.start_log(one.meter, one.medium)
    renewal = Renewal(reason, [one.meter for one in behind])
    log.put_fact(RENEWED_FACT, msgspec.json.encode(renewal))
    log.write("DELETE FROM facts WHERE name = ?", (RESTORED_FACT,))
    _logger.warning("new log ids for %d meters: %s", len(behind), reason)
    return True
