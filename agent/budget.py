"""The household's budget, kept as a small fact of the database. What it means is agent/home/'s."""

import logging
import sqlite3

from agent.log import Log
from shared.errors import RetryableError

FACT = "budget"

_logger = logging.getLogger(__name__)


class BudgetFact:
    """The budget for a month, in millionths of the tariff's currency; None where none is set."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.millionths = _decode(log.fact(FACT))

    def set(self, millionths: int | None) -> None:
        """Keep another budget, durably, or none; raises RetryableError for a full disk."""
        written = b"" if millionths is None else str(millionths).encode()
        try:
            self._log.put_fact(FACT, written)
        except sqlite3.Error as error:
            raise RetryableError(
                f"the budget could not be kept: {error}",
                hint="make room on the hub's disk, then try again",
            ) from error
        self.millionths = millionths


def _decode(written: bytes | None) -> int | None:
    if not written:
        return None
    if not written.isdigit():
        _logger.warning("the budget cannot be read: %r", written[:20])
        return None
    return int(written) or None
