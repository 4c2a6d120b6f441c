"""What the hub notes of itself once an hour: the time that has surely passed, and the card's wear.

It rides along with a group commit, so that it costs the card no write of its own. What was noted
last is lost to a power cut; the hour before it is not.
"""

import logging
from collections.abc import Callable

import msgspec

from agent.disk import DiskCounter
from agent.floor import TimeFloor
from agent.log import Log
from agent.wear import Look, Wear, add_look
from shared.clock import Clock
from shared.units import MS_PER_HOUR

FACT = "vitals"

NOTE_EVERY_MS = MS_PER_HOUR
"""What a floor may be behind the last instant before the power went; a certificate lasts years."""

_logger = logging.getLogger(__name__)


class Note(msgspec.Struct, frozen=True):
    """What is noted: `past_ms` is a UTC time that has surely passed."""

    past_ms: int = 0
    wear: Wear | None = None


def decode_note(written: bytes | None) -> Note:
    """Read a note; an empty one where there is none, or none that can be read."""
    try:
        return Note() if written is None else msgspec.json.decode(written, type=Note)
    except msgspec.MsgspecError as error:
        _logger.warning("the hub's note of itself cannot be read: %s", error)
        return Note()


def look_at(counter: DiskCounter, clock: Clock) -> Look:
    """Say when and in which boot a disk's counter was read: now."""
    return Look(*counter[:2], clock.boot_id, counter.written_bytes, clock.monotonic_ms())


class Vitals:
    """Keeps the note and says when it is due; `read_disk` reads the state folder's disk."""

    def __init__(
        self, log: Log, clock: Clock, read_disk: Callable[[], DiskCounter | None], *past_ms: int
    ) -> None:
        noted = decode_note(log.fact(FACT))
        self.floor = TimeFloor(clock.monotonic_ms(), noted.past_ms, *past_ms)
        self._clock = clock
        self._read_disk = read_disk
        self._wear = noted.wear
        self._noted_past_ms = 0

    def wear(self) -> Wear | None:
        """Look at the disk now; None where it cannot be."""
        counter = self._read_disk()
        if counter is None:
            return None
        self._wear = add_look(self._wear, look_at(counter, self._clock))
        return self._wear

    def due(self) -> dict[str, bytes]:
        """Hand over the note for the next group commit: once an hour, and when the floor jumps."""
        past_ms = self.floor.at(self._clock.monotonic_ms())
        if abs(past_ms - self._noted_past_ms) < NOTE_EVERY_MS:
            return {}
        self._noted_past_ms = past_ms
        return {FACT: msgspec.json.encode(Note(past_ms, self.wear()))}
