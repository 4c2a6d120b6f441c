"""Panel frames on a UART: COBS between zeros, CRC-16, and what else the same line carries.

Pure. Owns frames as bytes and the splitting of one stream into panel frames, SMP lines (the
updater's) and console text; what a frame's body means is `body.py`'s.
"""

from typing import NamedTuple

from cobs import cobs  # type: ignore[import-untyped]
from fastcrc import crc16

from firmware_bridge.display.faults import Fault, PanelFrameError
from firmware_bridge.display.messages import FRAME_BYTES_MAX, LAST_VERSION, VERSION_MAX

DELIMITER = b"\x00"
HEAD_BYTES, CRC_BYTES = 3, 2
LEAST_BYTES = HEAD_BYTES + 1 + CRC_BYTES
"""A head, an empty map, a CRC."""

COBS_BYTES_MAX = FRAME_BYTES_MAX + 2
"""COBS adds one byte, and one more for each 254."""

SMP_STARTS = (b"\x06\x09", b"\x04\x14")
"""First bytes of MCUmgr's first and following lines on a console."""

LINE_END = 0x0A
LINE_BYTES_MAX = COBS_BYTES_MAX
"""SMP lines have 127 bytes; longer console lines are handed on in pieces."""


class PanelFrame(NamedTuple):
    """A frame whose CRC is right: its version, type, sequence, and its body not yet looked at."""

    version: int
    type: int
    sequence: int
    body: bytes


class SmpLine(NamedTuple):
    """A line of the update protocol, its line end included, as it came."""

    line: bytes


class Console(NamedTuple):
    """Bytes that are neither: a boot banner, a log line, noise."""

    text: bytes


class Damaged(NamedTuple):
    """A frame that is refused, and why."""

    fault: Fault
    raw: bytes


Piece = PanelFrame | SmpLine | Console | Damaged


def seal_frame(kind: int, sequence: int, body: bytes, *, version: int = VERSION_MAX) -> bytes:
    """Make the bytes for the line: delimiter, COBS, delimiter; ValueError where it is too long."""
    frame = bytes((version, kind, sequence)) + body
    frame += crc16.ibm_3740(frame).to_bytes(CRC_BYTES)
    if len(frame) > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {len(frame)} bytes, {FRAME_BYTES_MAX} at most")
    return DELIMITER + bytes(cobs.encode(frame)) + DELIMITER


def open_frame(encoded: bytes) -> PanelFrame:
    """Decode what lies between two delimiters; PanelFrameError where it is no good frame."""
    if len(encoded) > COBS_BYTES_MAX:
        raise PanelFrameError(Fault.LONG, f"{len(encoded)} bytes between delimiters")
    try:
        frame = bytes(cobs.decode(encoded))
    except cobs.DecodeError as error:
        raise PanelFrameError(Fault.COBS, f"no COBS: {error}") from error
    if len(frame) > FRAME_BYTES_MAX:
        raise PanelFrameError(Fault.LONG, f"a frame of {len(frame)} bytes")
    if len(frame) < LEAST_BYTES:
        raise PanelFrameError(Fault.SHORT, f"a frame of {len(frame)} bytes")
    told = int.from_bytes(frame[-CRC_BYTES:])
    if crc16.ibm_3740(frame[:-CRC_BYTES]) != told:
        raise PanelFrameError(Fault.CRC, f"the CRC is not 0x{told:04x}")
    return PanelFrame(frame[0], frame[1], frame[2], frame[HEAD_BYTES:-CRC_BYTES])


class Splitter:
    """Takes a UART's bytes in any portions and hands out what they carry, in order.

    A zero ends what came before it and may begin a frame; any other chunk ends with its line.
    Holds at most COBS_BYTES_MAX bytes.
    """

    def __init__(self) -> None:
        self._chunk = bytearray()
        # Whether a zero stands before the chunk: only then can it be a frame.
        self._is_opened = False

    def feed(self, received: bytes) -> list[Piece]:
        """Take bytes and return what is complete."""
        pieces: list[Piece] = []
        for byte in received:
            if byte == 0:
                self._end_chunk(pieces, is_opened=True)
                continue
            self._chunk.append(byte)
            if byte == LINE_END and not self._may_be_frame():
                self._end_chunk(pieces, is_opened=False)
            elif len(self._chunk) > COBS_BYTES_MAX:
                # No frame is so long, and no line of use: what follows is text until a zero comes.
                self._end_chunk(pieces, is_opened=False)
        return pieces

    def _may_be_frame(self) -> bool:
        """Tell by its second byte, the version, whether the chunk can still become a frame."""
        if not self._is_opened or self._chunk.startswith(SMP_STARTS):
            return False
        return len(self._chunk) < 2 or 1 <= self._chunk[1] <= LAST_VERSION  # noqa: PLR2004

    def _end_chunk(self, pieces: list[Piece], *, is_opened: bool) -> None:
        """Hand out the chunk, if there is any, as what it is."""
        chunk = bytes(self._chunk)
        if chunk:
            pieces.append(self._piece(chunk))
        self._chunk.clear()
        self._is_opened = is_opened

    def _piece(self, chunk: bytes) -> Piece:
        if self._may_be_frame():
            try:
                return open_frame(chunk)
            except PanelFrameError as error:
                return Damaged(error.fault, chunk)
        if chunk.startswith(SMP_STARTS) and chunk[-1] == LINE_END:
            return SmpLine(chunk)
        return Console(chunk)
