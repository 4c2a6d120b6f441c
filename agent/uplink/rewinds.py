"""What the cloud's answers tell of rewound databases: rows under used numbers move to another log.

After one unanswered start whatever the cloud has of its rows is not this database's. After several
the card may have been copied between them: then the first parts are what the cloud has, and the
next hello proves them. Owns what is in doubt; must not decide what is sent.
"""

import logging
import sqlite3

from agent.log import Log
from agent.records import MeterLog
from agent.starts import first_unproved
from agent.uplink.greeting import PROVED_AT_ONCE, Asked, proofs_of
from agent.uplink.sender import SessionState
from shared.proofs import Proof
from shared.protocol import Receipt

_logger = logging.getLogger(__name__)


class Rewinds:
    """Looks at each receipt for numbers that this database has not sent."""

    def __init__(self, log: Log, state: SessionState) -> None:
        self._log = log
        self._state = state
        self._doubted: dict[int, int] = {}

    def proofs(self) -> dict[int, list[Proof]]:
        """Prove the logs that are in doubt, as many as a hello has room for."""
        return {
            log: proofs_of(self._log, log, self._log.starts.of(log), newest_seq)
            for log, newest_seq in list(self._doubted.items())[:PROVED_AT_ONCE]
        }

    def settle(self, meter_log: MeterLog, framed_to: int, receipt: Receipt, asked: Asked) -> bool:
        """Move the rows whose numbers the cloud has from elsewhere; false where it is in doubt.

        Raises sqlite3.Error where they cannot be moved.
        """
        log, is_answer = meter_log.log, asked.is_answer(receipt)
        starts = self._log.starts.of(log)
        newest_seq = max((last for _, last, _ in receipt.stored), default=0)
        if not starts:
            return True
        is_proved = is_answer and asked.is_proved(log)
        if len(starts) > 1 and newest_seq >= starts[0] and not is_proved:
            if is_answer:
                self._doubted[log] = newest_seq
                asked.doubt()
            return False
        from_seq = first_unproved(starts, receipt.proved)
        unused_seq = max(from_seq, framed_to + 1)
        current = self._log.meters.get(meter_log.meter)
        is_open = current is not None and current.log == log
        # A closed log gets no more rows: where none is left from there on, there is none to move.
        if newest_seq >= unused_seq and (is_open or unused_seq < meter_log.next_seq):
            self._log.restart_log(current if current and is_open else meter_log, unused_seq)
            self._state.rewound_meters.append(meter_log.meter)
        elif is_answer:
            self._note_answered(log, from_seq)
        if is_answer:
            self._doubted.pop(log, None)
        return True

    def _note_answered(self, log: int, from_seq: int) -> None:
        """Note what an answer settles; a full disk must not keep what is held from being sent."""
        try:
            self._log.note_answered(log, from_seq)
        except sqlite3.Error as error:
            self._state.database_errors += 1
            _logger.warning("an answer could not be kept: %s", error)
