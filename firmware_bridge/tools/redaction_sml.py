"""What names a household in SML files, and its replacement. Pure.

That is the meter's id wherever it stands, its public key, and ids derived from it; fields are found
by walking the file, and by what they look like where it is damaged.
"""

import re
from collections.abc import Iterator

from fastcrc import crc16

from firmware_bridge.meters.sml import CHECKSUM_BYTES, ESCAPE, START, TRAILER_BYTES
from firmware_bridge.meters.sml_values import LIST, OCTETS, MalformedError, read_head
from firmware_bridge.tools.pseudonyms import Pseudonyms

MAX_LIST = 512
MIN_ID_BYTES = 7
"""Shorter octet strings are counters, codes, and the three letters of a maker."""

_END = re.compile(rb"(?<!\x1b)\x1b{4}\x1a.{3}", re.DOTALL)
_ID = re.compile(rb"\x0b((?:[\x09\x0a]\x01[A-Z]{3}|\x06[A-Z]{3}\x01)[\x00-\xff]{5})")
"""A meter's id in a damaged file."""

_PRINTED_ID = re.compile(rb"[1-9A-F][A-Z]{3}[0-9]{10}")
_RUN = re.compile(rb"[0-9]{5,}")

_OWN = re.compile(rb"\x07[\x00\x01]\x00(?:\x60\x01|\x00\x00).\xff\x01{4}", re.DOTALL)
"""The code of an entry that repeats the meter's own id, up to where its value begins."""

_NUMBER_BYTES = 4
_SERVER_ID_BYTES = 10


class SmlRule:
    """Redacts files, and mends their checksums: each message's, and that around the file."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._known: dict[bytes, bytes] = {}

    def end_of_unit(self, pending: bytes) -> int | None:
        """Return where the first file ends."""
        match = _END.search(pending)
        return match.end() if match else None

    def redact(self, block: bytes) -> bytes:
        """Redact a file and what was before it."""
        start = block.rfind(START)
        if start >= 0 and _END.fullmatch(block[-TRAILER_BYTES:]):
            before, file = block[:start], block[start:]
            redacted = self._redact_file(file)
            return self._redact_damaged(before) + redacted
        return self._redact_damaged(block)

    def redact_rest(self, rest: bytes) -> bytes:
        """Redact a file that was cut off; an id that was is in its last bytes."""
        redacted = self._redact_damaged(rest)
        cut = len(redacted)
        for known in self._known:
            for size in range(len(known) - 1, 2, -1):
                if redacted.endswith(known[:size]):
                    cut = min(cut, len(redacted) - size)
        return redacted[:cut] + bytes(len(redacted) - cut)

    def _redact_file(self, file: bytes) -> bytes:
        content = file[len(START) : -TRAILER_BYTES].replace(ESCAPE + ESCAPE, ESCAPE)
        redacted = bytearray(content)
        for start, end in _personal_spans(content):
            redacted[start:end] = self._pseudonym(content[start:end])
        mended = _with_message_sums(content, self._redact_damaged(bytes(redacted)))
        covered = START + mended.replace(ESCAPE, ESCAPE + ESCAPE) + file[-TRAILER_BYTES:]
        return covered[:-CHECKSUM_BYTES] + _sum_like(
            file[:-CHECKSUM_BYTES], file[-CHECKSUM_BYTES:], covered[:-CHECKSUM_BYTES]
        )

    def _redact_damaged(self, block: bytes) -> bytes:
        """Replace ids that are known already, and what looks like one."""
        for match in _ID.finditer(block):
            self._pseudonym(match[1])
        for match in _PRINTED_ID.finditer(block):
            self._pseudonym(match[0])
        for known, made in self._known.items():
            block = block.replace(known, made)
        return block

    def _pseudonym(self, value: bytes) -> bytes:
        if value in self._known.values():
            return value
        if value not in self._known:
            is_id = len(value) == _SERVER_ID_BYTES and value[2:5].isalpha() | value[1:4].isalpha()
            head = value[:-_NUMBER_BYTES]
            number = self._names.number(value[-_NUMBER_BYTES:]) if is_id else b""
            self._known[value] = head + number if is_id else self._names.octets(value)
        return self._known[value]


def _personal_spans(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield where octet strings are that may name the meter; up to the first thing malformed."""
    place, own = 0, -1
    try:
        while place < len(content):
            if content[place] == 0:
                place += 1
                continue
            kind, length, start = read_head(content, place)
            if kind == LIST:
                place = start
                continue
            end = start + max(0, length)
            is_own = place == own and length > 0
            if kind == OCTETS and (is_own or _is_telling(content[start:end])):
                yield start, end
            match = _OWN.match(content, place)
            own = match.end() if match else own
            place = end
    except MalformedError:
        return


def _is_telling(value: bytes) -> bool:
    """Tell whether a string may name the meter; a version such as 1.02.007 does not."""
    if len(value) < MIN_ID_BYTES:
        return False
    is_text = value.isascii() and value.decode("ascii").isprintable()
    return not is_text or _RUN.search(value) is not None


def _with_message_sums(content: bytes, redacted: bytes) -> bytes:
    """Mend the checksum of each message that was right: it covers all before its own field."""
    mended = bytearray(redacted)
    place = 0
    try:
        while place < len(content):
            if content[place] == 0:
                place += 1
                continue
            start, fields = place, []
            _, count, place = read_head(content, place)
            for _ in range(min(count, MAX_LIST)):
                fields.append(place)
                place = _end_of(content, place)
            if len(fields) < 2:  # noqa: PLR2004 (a checksum, and the end of the message)
                return bytes(mended)
            field = fields[-2]
            _, length, at = read_head(content, field)
            if length == CHECKSUM_BYTES:
                mended[at : at + length] = _sum_like(
                    content[start:field], content[at : at + length], bytes(mended[start:field])
                )
    except MalformedError:
        pass
    return bytes(mended)


def _end_of(content: bytes, place: int) -> int:
    """Return where the value at `place` ends; raises MalformedError."""
    waiting = 1
    while waiting:
        kind, length, start = read_head(content, place)
        waiting -= 1
        waiting += length if kind == LIST else 0
        place = start if kind == LIST else start + max(0, length)
    return place


def _sum_like(covered: bytes, printed: bytes, redacted: bytes) -> bytes:
    """Make the checksum of redacted bytes the way the one before was made; a wrong one stays."""
    for function in (crc16.ibm_sdlc, crc16.kermit):
        for order in ("little", "big"):
            if function(covered).to_bytes(CHECKSUM_BYTES, order) == printed:
                return function(redacted).to_bytes(CHECKSUM_BYTES, order)
    return printed
