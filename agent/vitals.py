"""What the hub notes of itself once an hour: the time that has surely passed.

It rides along with a group commit, so that it costs the card no write of its own. What was noted
last is lost to a power cut; the hour before it is not.
"""

import logging

import msgspec

from agent.floor import TimeFloor
from agent.log import Log
from shared.units import MS_PER_HOUR

FACT = "vitals"

NOTE_EVERY_MS = MS_PER_HOUR
"""What a floor may be behind the last instant before the power went; a certificate lasts years."""

_logger = logging.getLogger(__name__)


class Note(msgspec.Struct, frozen=True):
    """What is noted: `past_ms` is a UTC time that has surely passed."""

    past_ms: int


def decode_note(written: bytes | None) -> Note | None:
    """Read a note; None where there is none, or none that can be read."""
    try:
        return None if written is None else msgspec.json.decode(written, type=Note)
    except msgspec.MsgspecError as error:
        _logger.warning("the hub's note of itself cannot be read: %s", error)
        return None


class Vitals:
    """Keeps the note and says when it is due; `monotonic_ms` is now, by the boot-time clock."""

    def __init__(self, log: Log, monotonic_ms: int, *past_ms: int) -> None:
        noted = decode_note(log.fact(FACT))
        self.floor = TimeFloor(monotonic_ms, noted.past_ms if noted else 0, *past_ms)
        self._noted_ms: int | None = None

    def due(self, monotonic_ms: int) -> dict[str, bytes]:
        """Hand over the note for the next group commit, once an hour."""
        if self._noted_ms is not None and monotonic_ms - self._noted_ms < NOTE_EVERY_MS:
            return {}
        self._noted_ms = monotonic_ms
        return {FACT: msgspec.json.encode(Note(self.floor.at(monotonic_ms)))}
