"""Stop and wait: one frame under way at a time, sent again until it is acknowledged.

Pure. Owns sequence numbers and the times of sending again; what is sent is its caller's choice.
"""

import enum

from firmware_bridge.display.messages import Ack, PanelMessage
from firmware_bridge.display.wire import Wire

RESEND_MS = 100
"""A full frame and its answer take 25 ms of a line of 115,200 baud; the rest is the panel's."""

FIRST_RESEND_MS_MIN = 20
ROUNDS_WAITED = 4
"""The first resend waits four times the longest round of late, not the whole RESEND_MS: nearly
always a byte was spoilt. The others wait for a panel that is busy."""

RESENDS_MAX = 3
"""Then the link is said to be lost."""

SEQUENCES = 256


class Turn(enum.Enum):
    """What the time that has passed means for the frame under way."""

    WAIT = "nothing is due"
    RESENT = "it was sent again"
    LOST = "it was sent as often as it may be"


class StopAndWait:
    """Sends over a wire; a frame that was lost can be parked and sent again after a new HELLO."""

    def __init__(self, wire: Wire) -> None:
        self.resends = 0
        self.underway: PanelMessage | None = None
        self._wire = wire
        self._sequence = 0
        self._sealed = b""
        self._tries = 0
        self._sent_at_ms = 0
        self._round_ms = RESEND_MS // ROUNDS_WAITED

    def due_ms(self) -> int:
        """When the frame under way is to be sent again."""
        if self._tries > 0:
            return self._sent_at_ms + RESEND_MS
        waited_ms = max(FIRST_RESEND_MS_MIN, ROUNDS_WAITED * self._round_ms)
        return self._sent_at_ms + min(waited_ms, RESEND_MS)

    def start(self, message: PanelMessage, now_ms: int) -> None:
        """Send a message under the next sequence; it takes the place of one under way."""
        self._sequence = (self._sequence + 1) % SEQUENCES
        # What takes another's place is its next try: else a dead line would never be noticed.
        self._tries = self._tries if self.underway is not None else 0
        self.underway = message
        self._sent_at_ms = now_ms
        self._sealed = self._wire.send(message, self._sequence)

    def acknowledge(self, ack: Ack, now_ms: int) -> PanelMessage | None:
        """Return the message that an acknowledgement is for, None where it is late or foreign."""
        done = self.underway
        if done is None or (ack.acknowledged_sequence, ack.acknowledged_type) != (
            self._sequence,
            done.TYPE,
        ):
            return None
        self.underway = None
        if self._tries == 0:
            # Of a frame sent twice nobody knows which was answered. Long rounds fade slowly.
            self._round_ms = max(now_ms - self._sent_at_ms, self._round_ms * 7 // 8)
        return done

    def advance(self, now_ms: int, newer: PanelMessage | None = None) -> Turn:
        """Send again what is due, or `newer` in its place."""
        if self.underway is None or now_ms < self.due_ms():
            return Turn.WAIT
        if self._tries == RESENDS_MAX:
            return Turn.LOST
        self._tries += 1
        self.resends += 1
        if newer is None:
            self._wire.write(self._sealed)
            self._sent_at_ms = now_ms
        else:
            self.start(newer, now_ms)
        return Turn.RESENT

    def abandon_older(self, than_ms: int) -> None:
        """Leave what was under way and was sent last before this."""
        if self._sent_at_ms < than_ms:
            self.abandon()

    def abandon(self) -> None:
        """Leave what is under way; the next has another sequence."""
        self.underway = None

    def resume(self, now_ms: int) -> None:
        """Send what is under way again, as if for the first time; under its own sequence."""
        if self.underway is not None:
            self._tries = 0
            self._sent_at_ms = now_ms
            self._wire.write(self._sealed)
