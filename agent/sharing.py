"""What this hub shares: holds and keeps what consent allows, and counts what has left.

Writes the record of consent (`agent/consent_record.py`) while the hub runs. What consent means for
a sample is `agent/consent.py`'s; cutting frames by it the framer's.
"""

import logging
import sqlite3
from collections.abc import Callable

from agent.consent import (
    MADE_FACT,
    Consent,
    LimitState,
    encode_limit_state,
    encode_made,
)
from agent.consent_record import LIMIT_FACT, LOST_FACT
from agent.departures import Departures
from agent.heard import Moment
from agent.log import Log
from agent.records import MeterLog
from shared.consent import Granularity, check_granularity, narrowest
from shared.errors import RetryableError
from shared.frames import Frame
from shared.protocol import ConsentLimit

_logger = logging.getLogger(__name__)


class Sharing:
    """Consent as it is chosen here and limited by the cloud, durable before it lets more out."""

    def __init__(
        self,
        log: Log,
        consent: Consent,
        now: Callable[[], Moment],
        utc_ms: Callable[[], int],
    ) -> None:
        """`now` tells the instant, with the time where it is known; `utc_ms` the best guess."""
        self._log = log
        self._now = now
        self._utc_ms = utc_ms
        self._is_limit_kept = True
        self.consent = consent
        self.is_choice_lost = log.fact(LOST_FACT) is not None
        """Whether nothing leaves because the record of the household's choices was lost."""
        self.departures = Departures()

    def choose(self, text: str) -> None:
        """Hold the household's choice from now on; it lifts the cloud's limit.

        A hub that does not know the time cannot say from when on more may leave: what was taken
        under the narrower choice would go with it. Raises RetryableError then, or for a full disk.
        """
        granularity = check_granularity(text)
        now = self._now()
        if now.utc_ms is None and self._is_wider(granularity):
            raise RetryableError(
                f"{granularity.value!r} lets more out, and the hub does not know the time yet",
                hint="try again when the hub's clock is set",
            )
        # A clock that is behind must not sort the newest choice under an older one. Without one,
        # less may leave of everything since the last choice: that is on the safe side.
        since_ms = max(now.utc_ms or 0, self.consent.next_since_ms)
        lifted = encode_limit_state(self.consent.lifted_from(since_ms, now.instant))
        made = encode_made(self.consent.made_with(since_ms, granularity, now.instant))
        try:
            with self._log.transaction() as db:
                db.execute(
                    "INSERT OR REPLACE INTO consent VALUES (?, ?)", (since_ms, granularity.value)
                )
                db.executemany(
                    "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                    [(LIMIT_FACT, lifted), (MADE_FACT, made)],
                )
                db.execute("DELETE FROM facts WHERE name = ?", (LOST_FACT,))
        except sqlite3.Error as error:
            raise RetryableError(
                f"the choice {granularity.value!r} could not be kept: {error}",
                hint="make room on the hub's disk, then try again",
            ) from error
        self.consent.choose(since_ms, granularity, now.instant)
        self.is_choice_lost = False
        self._is_limit_kept = True

    def take_limit(self, limit: ConsentLimit | None) -> None:
        """Obey what a receipt says of the cloud's limit, from now on and over restarts."""
        now = self._now()
        state = self.consent.after(limit, now.utc_ms or 0, now.instant)
        if state is not None:
            self.consent.limits = state
            self._is_limit_kept = False
        if not self._is_limit_kept:
            self._keep(self.consent.limits)

    def enforced(self) -> tuple[str, int]:
        """Say for the hello what may leave now, and the newest limit that was lifted here."""
        return self.consent.now.value, self.consent.limits.lifted

    def note_sent(self, meter_log: MeterLog, frame: Frame) -> None:
        """Count a frame that was handed to the connection, by what was allowed of its samples."""
        granularity = Granularity.NONE
        if frame.times_ms:
            row = self._log.read_row(meter_log.log, frame.sequences()[0])
            granularity = self.consent.for_sample(
                frame.times_ms[0], row.instant if row is not None else None
            )
        self.departures.note_frame(self._utc_ms(), meter_log.log, granularity, frame)

    def note_live(self, meter: str) -> None:
        """Count a live sample that was handed to the connection."""
        self.departures.note_live(self._utc_ms(), meter)

    def _is_wider(self, granularity: Granularity) -> bool:
        return narrowest(granularity, self.consent.now) is not granularity

    def _keep(self, state: LimitState) -> None:
        """Keep the limit; where the disk refuses it is obeyed, and kept at a later receipt."""
        try:
            self._log.put_fact(LIMIT_FACT, encode_limit_state(state))
        except sqlite3.Error as error:
            _logger.warning("the cloud's limit is obeyed but could not be kept: %s", error)
        else:
            self._is_limit_kept = True
            limit = self.consent.limit
            _logger.info("the cloud lets leave at most: %s", limit.value if limit else "everything")
