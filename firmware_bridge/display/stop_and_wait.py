"""Stop and wait: one frame under way at a time, sent again until it is acknowledged.

Pure. Owns sequence numbers and the times of sending again; what is sent is its caller's choice.
"""

import enum

from firmware_bridge.display.messages import Ack, PanelMessage
from firmware_bridge.display.wire import Wire

RESEND_MS = 100
"""A full frame and its answer take 25 ms of a line of 115,200 baud; the rest is the panel's."""

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

    def due_ms(self) -> int:
        """When the frame under way is to be sent again."""
        return self._sent_at_ms + RESEND_MS

    def start(self, message: PanelMessage, now_ms: int) -> None:
        """Send a message under the next sequence; it takes the place of one under way."""
        self._sequence = (self._sequence + 1) % SEQUENCES
        # What takes another's place is its next try: else a dead line would never be noticed.
        self._tries = self._tries if self.underway is not None else 0
        self.underway = message
        self._sent_at_ms = now_ms
        self._sealed = self._wire.send(message, self._sequence)

    def acknowledge(self, ack: Ack) -> PanelMessage | None:
        """Return the message that an acknowledgement is for, None where it is late or foreign."""
        done = self.underway
        if done is None or (ack.acknowledged_sequence, ack.acknowledged_type) != (
            self._sequence,
            done.TYPE,
        ):
            return None
        self.underway = None
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

    def resume(self, now_ms: int) -> None:
        """Send what is under way again, as if for the first time; under its own sequence."""
        if self.underway is not None:
            self._tries = 0
            self._sent_at_ms = now_ms
            self._wire.write(self._sealed)

    def forget(self) -> None:
        """Give up what is under way."""
        self.underway = None
