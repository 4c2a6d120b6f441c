"""From where on the pieces of the clock ledger are numbered, so that revisions never fall back.

A database put back from a copy, or salvaged without all of its clock ledger, has given numbers that
it no longer knows of. Owns the fact that they are counted from.
"""

import logging
from collections.abc import Sequence

from agent.log import Log
from agent.timekeeping import ClockLedger
from agent.uplink.ledger import Stored
from shared.frames import MAX_SEQ

BASE_FACT = "revision_base"

MAX_BASE = MAX_SEQ // 2
"""A higher revision than this is nobody's: numbers above it must still fit a frame."""

_logger = logging.getLogger(__name__)


def restore_base(log: Log, ledger: ClockLedger) -> None:
    """Number the ledger's pieces from where it was told to; a fact that rotted is learned anew."""
    written = (log.fact(BASE_FACT) or b"").decode(errors="replace")
    ledger.count_from(int(written) if written.isdecimal() else 0)


def outbid(log: Log, ledger: ClockLedger, stored: Sequence[Stored]) -> bool:
    """Number pieces above what the cloud lists as stored, where this ledger cannot have made it.

    Says whether any of that is to be offered again. Raises sqlite3.Error where the disk is full.
    """
    highest = max((revision for _, _, revision in stored), default=0)
    if ledger.highest < highest <= MAX_BASE:
        log.put_fact(BASE_FACT, str(highest).encode())
        ledger.count_from(highest)
        _logger.warning("the cloud has revision %d, which this log knows nothing of", highest)
    return any(0 < revision <= ledger.base for _, _, revision in stored)
