"""One side's end of the UART: messages out as bytes, bytes in as messages; faults are counted.

Pure. Owns the splitter, the bytes that wait to be written and the counts; who answers what is
`hub_end.py`'s and `panel_end.py`'s.
"""

from collections import Counter
from typing import NamedTuple

from firmware_bridge.display.body import decode_message, encode_body
from firmware_bridge.display.faults import Fault, PanelFrameError
from firmware_bridge.display.framing import (
    Console,
    Damaged,
    PanelFrame,
    Piece,
    SmpLine,
    Splitter,
    seal_frame,
)
from firmware_bridge.display.messages import PanelMessage

OUTGOING_BYTES_MAX = 4_096
"""A third of a second of the line: what waits longer is late anyway, and is sent again."""


class Arrived(NamedTuple):
    """A message, and the sequence of its frame."""

    sequence: int
    message: PanelMessage


class ForeignVersion(NamedTuple):
    """A whole frame of a version that is not spoken here."""

    version: int


Incoming = Arrived | ForeignVersion | SmpLine | Console


class Wire:
    """Bytes of one UART, in both directions; `refused` counts bad frames by their fault."""

    def __init__(self) -> None:
        self.refused: Counter[Fault] = Counter()
        self.outgoing_dropped = 0
        self._splitter = Splitter()
        self._outgoing = bytearray()

    def receive(self, received: bytes) -> list[Incoming]:
        """Take bytes from the line and return what they say, in order."""
        found = (self._read(piece) for piece in self._splitter.feed(received))
        return [one for one in found if one is not None]

    def send(self, message: PanelMessage, sequence: int = 0) -> bytes:
        """Put a message on the line, and return its bytes to send them again."""
        sealed = seal_frame(message.TYPE, sequence, encode_body(message))
        self.write(sealed)
        return sealed

    def write(self, raw: bytes) -> None:
        """Put bytes on the line whole; they are dropped and counted where too many wait."""
        if len(self._outgoing) + len(raw) > OUTGOING_BYTES_MAX:
            self.outgoing_dropped += 1
        else:
            self._outgoing += raw

    def take_outgoing(self) -> bytes:
        """Take what is to be written."""
        taken = bytes(self._outgoing)
        self._outgoing.clear()
        return taken

    def forget(self) -> None:
        """Drop what waits to be written, and what has been heard of a frame."""
        self._outgoing.clear()
        self._splitter = Splitter()

    def _read(self, piece: Piece) -> Incoming | None:
        if isinstance(piece, Damaged):
            self.refused[piece.fault] += 1
            return None
        if not isinstance(piece, PanelFrame):
            return piece
        try:
            return Arrived(piece.sequence, decode_message(piece))
        except PanelFrameError as error:
            self.refused[error.fault] += 1
            return ForeignVersion(piece.version) if error.fault is Fault.VERSION else None
