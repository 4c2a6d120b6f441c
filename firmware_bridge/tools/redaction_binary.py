"""What names a household in DLMS pushes, M-Bus frames and encrypted telegrams. Pure.

That is serials in strings and numbers, system titles, M-Bus addresses, and messages. What is
encrypted stays as it is: without the key it says nothing, and a key is never in a capture.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from fastcrc import crc16

from firmware_bridge.meters.dlms_assembly import GENERAL_BLOCK_TRANSFER, LAST_BLOCK_BIT, LLC_HEADERS
from firmware_bridge.meters.dlms_bare import BareApdu, bare_apdu_at
from firmware_bridge.meters.dlms_mbus import HEAD_BYTES, START, LongFrame, long_frame_at
from firmware_bridge.meters.hdlc import CHECK_BYTES, FLAG, HdlcFrame, Verdict, hdlc_frame_at
from firmware_bridge.tools.pseudonyms import Pseudonyms

MBUS_HEADER_BYTES = 3
"""C field, address, CI field; the data follow."""

BLOCK_HEAD_BYTES = 7
LONG_LENGTH = 0x80
MIN_DIGITS = 6

_STRING = re.compile(rb"[\x09\x0a\x0c]([\x06-\x7f])", re.DOTALL)
_RUN = re.compile(rb"[0-9]{5,}")
_DAMAGED_RUN = re.compile(rb"[0-9]{4,}")
"""In a damaged frame, where a string has lost its head, as much is taken for a serial."""

_TYPE = re.compile(rb"[A-Za-z]+_V\d{3,4}")
"""The name of a list's version, such as KAMSTRUP_V0001."""

_TITLE = re.compile(rb"(?:[\xdb\xdc\x09]\x08)([A-Za-z]{3}[\x00-\xff]{5})")
_ENVELOPE = re.compile(rb"[\xdb\xdc]\x08([\x00-\xff]{8})[\x81\x82\x01-\x7f]")
_OWN_CODE = re.compile(
    rb"(?:\x09\x06|\x06\x09|\x00[\x01-\x7f])[\x00\x01][\x00-\x40]"
    rb"(?:\x60\x01[\x00-\xff]|\x2a\x00\x00|\x00\x00[\x00-\xff])\xff(?:\x02|\x12\x00\x02|\x0f\x02)?"
)
"""The code of a serial, before its value."""

_TEXT_CODE = re.compile(rb"[\x00\x01][\x00-\x40]\x60\x0d[\x00-\xff]\xff(?:\x02|\x0f\x02)?")
_NUMBERS = {6: 4, 5: 4, 0x14: 8, 0x15: 8, 0x12: 2}
_STRING_TAGS = (0x09, 0x0A, 0x0C)
_MBUS_IDS = re.compile(rb"[\x0c\x4c]([\x78\x79])(.{4})", re.DOTALL)


class _Piece(NamedTuple):
    """A good frame: where it begins and ends, where its content is, whether another one follows."""

    start: int
    end: int
    content: range
    is_last: bool
    is_dlms: bool


class BinaryRule:
    """Redacts frames, and mends their checksums; a push in several frames is judged as a whole."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names

    def end_of_unit(self, pending: bytes) -> int | None:
        """Return where the first push ends; None while it has not."""
        place = 0
        while place < len(pending):
            piece = _piece_at(pending, place)
            if piece is None:
                return None
            if isinstance(piece, _Piece):
                place = piece.end
                if piece.is_last:
                    return place
            else:
                place += 1
        return None

    def redact(self, block: bytes) -> bytes:
        """Redact whole frames and what lies between them."""
        pieces = list(_pieces(block))
        redacted = bytearray(block)
        joined = [at for piece in pieces if piece.is_dlms for at in _joined(block, piece)]
        self._redact_places(block, joined, redacted)
        for outside in _outside(len(block), pieces):
            self._redact_places(block, list(outside), redacted)
            for run in _DAMAGED_RUN.finditer(bytes(redacted), outside.start, outside.stop):
                redacted[run.start() : run.end()] = self._names.digits(run[0])
        for piece in pieces:
            if not piece.is_dlms:
                self._redact_mbus(block, piece, redacted)
            _mend(redacted, piece)
        return bytes(redacted)

    def redact_rest(self, rest: bytes) -> bytes:
        """Redact a push that was cut off, and blot out a string that was."""
        redacted = bytearray(self.redact(rest))
        for match in _STRING.finditer(rest):
            if match.end() + match[1][0] > len(rest) and _RUN.search(rest[match.end() :]):
                redacted[match.end() :] = bytes(len(rest) - match.end())
        return bytes(redacted)

    def _redact_places(self, block: bytes, places: list[int], redacted: bytearray) -> None:
        content = bytes(block[at] for at in places)
        for start, made in self._replacements(content):
            for offset, byte in enumerate(made):
                redacted[places[start + offset]] = byte

    def _replacements(self, content: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield what stands for each personal value, and where it begins."""
        for match in _STRING.finditer(content):
            value = content[match.end() : match.end() + match[1][0]]
            if len(value) == match[1][0] and _is_telling(value):
                yield match.end(), self._names.digits(value)
        for pattern in (_TITLE, _ENVELOPE):
            for match in pattern.finditer(content):
                yield match.start(1), match[1][:3] + self._names.octets(b"\xff" + match[1][3:])[1:]
        for match in _OWN_CODE.finditer(content):
            yield from self._own_value(content, match.end())
        for match in _TEXT_CODE.finditer(content):
            if content[match.end() : match.end() + 1] in (b"\x09", b"\x0a", b"\x0c"):
                start = match.end() + 2
                value = (
                    content[start : start + content[start - 1]] if start <= len(content) else b""
                )
                yield start, self._names.message(value)

    def _own_value(self, content: bytes, place: int) -> Iterator[tuple[int, bytes]]:
        """Yield what stands for the serial whose value is at `place`."""
        if place + 2 > len(content):
            return
        tag, length = content[place], content[place + 1]
        if tag in _STRING_TAGS and 0 < length < LONG_LENGTH:
            yield place + 2, self._names.octets(content[place + 2 : place + 2 + length])
        elif tag in _NUMBERS:
            value = content[place + 1 : place + 1 + _NUMBERS[tag]]
            if len(value) == _NUMBERS[tag]:
                yield place + 1, self._names.number(value)

    def _redact_mbus(self, block: bytes, piece: _Piece, redacted: bytearray) -> None:
        """Replace the identification number, and the fabrication numbers among the records."""
        start = piece.content.start
        if len(piece.content) < 4:  # noqa: PLR2004 (an identification number)
            return
        redacted[start : start + 4] = self._names.bcd(block[start : start + 4])
        for match in _MBUS_IDS.finditer(block, start + 4, piece.content.stop):
            redacted[match.start(2) : match.end(2)] = self._names.bcd(match[2])


def _is_telling(value: bytes) -> bool:
    value = value.rstrip(b"\0")
    if not value.isascii() or not value.decode("ascii").isprintable() or _TYPE.fullmatch(value):
        return False
    digits = sum(0x30 <= byte <= 0x39 for byte in value)  # noqa: PLR2004 (ASCII 0 to 9)
    return _RUN.search(value) is not None or digits >= MIN_DIGITS


def _piece_at(data: bytes, place: int) -> _Piece | Verdict | None:
    """Judge what begins at `place`: a good frame, nothing of the kind, or too little to tell."""
    if data[place] == FLAG:
        frame = hdlc_frame_at(data, place + 1)
        if isinstance(frame, HdlcFrame):
            return _hdlc_piece(place, frame)
    elif data[place] == START:
        long_frame = long_frame_at(data, place)
        if isinstance(long_frame, LongFrame):
            return _mbus_piece(place, long_frame)
        return None if long_frame is Verdict.WAIT else Verdict.FOREIGN
    else:
        bare = bare_apdu_at(data, place)
        if isinstance(bare, BareApdu):
            return _bare_piece(place, bare)
        return None if bare is Verdict.WAIT else Verdict.FOREIGN
    return None if frame is Verdict.WAIT else Verdict.FOREIGN


def _hdlc_piece(place: int, frame: HdlcFrame) -> _Piece:
    """Leave the LLC header out of the content."""
    end = place + 1 + frame.size
    skipped = len(LLC_HEADERS[0]) if frame.content.startswith(LLC_HEADERS) else 0
    content = range(end - CHECK_BYTES - len(frame.content) + skipped, end - CHECK_BYTES)
    is_last = not frame.is_segment and _is_last_block(frame.content[skipped:])
    return _Piece(place, end, content, is_last, is_dlms=True)


def _mbus_piece(place: int, frame: LongFrame) -> _Piece:
    """Leave the fields before the data out of the content: five of DLMS, three of a sub-meter."""
    end = place + frame.size
    start = place + HEAD_BYTES + MBUS_HEADER_BYTES + (2 if frame.is_dlms else 0)
    is_last = frame.is_last or not frame.is_dlms
    return _Piece(place, end, range(start, end - 2), is_last, frame.is_dlms)


def _bare_piece(place: int, bare: BareApdu) -> _Piece:
    end = place + bare.size
    content = range(end - len(bare.apdu), end)
    return _Piece(place, end, content, _is_last_block(bare.apdu), is_dlms=True)


def _is_last_block(apdu: bytes) -> bool:
    is_block = apdu[:1] == bytes([GENERAL_BLOCK_TRANSFER]) and len(apdu) > 1
    return not is_block or bool(apdu[1] & LAST_BLOCK_BIT)


def _pieces(block: bytes) -> Iterator[_Piece]:
    place = 0
    while place < len(block):
        piece = _piece_at(block, place)
        if isinstance(piece, _Piece):
            yield piece
            place = piece.end
        else:
            place += 1


def _joined(block: bytes, piece: _Piece) -> range:
    """Leave the head of a block of general block transfer out, so that a string goes on."""
    content = piece.content
    if len(content) <= BLOCK_HEAD_BYTES or block[content.start] != GENERAL_BLOCK_TRANSFER:
        return content
    length = block[content.start + BLOCK_HEAD_BYTES - 1]
    extra = length & ~LONG_LENGTH if length & LONG_LENGTH else 0
    return content[BLOCK_HEAD_BYTES + extra :]


def _outside(size: int, pieces: list[_Piece]) -> Iterator[range]:
    place = 0
    for piece in pieces:
        if piece.start > place:
            yield range(place, piece.start)
        place = piece.end
    if place < size:
        yield range(place, size)


def _mend(redacted: bytearray, piece: _Piece) -> None:
    """Make a good frame's checksum right again; a bare APDU has none."""
    if redacted[piece.start] == START and piece.end - piece.start > HEAD_BYTES:
        body_start = piece.start + HEAD_BYTES
        redacted[piece.end - 2] = sum(redacted[body_start : piece.end - 2]) & 0xFF
    elif redacted[piece.start] == FLAG:
        covered = bytes(redacted[piece.start + 1 : piece.end - CHECK_BYTES])
        checksum = crc16.ibm_sdlc(covered).to_bytes(CHECK_BYTES, "little")
        redacted[piece.end - CHECK_BYTES : piece.end] = checksum
