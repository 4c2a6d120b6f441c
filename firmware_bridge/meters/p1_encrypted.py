"""P1 ports that encrypt (Luxembourg, Austria): each telegram inside a ciphered DLMS APDU.

Owns finding the envelopes in the stream and opening them; the telegram inside is `p1.py`'s.
Sources: Smarty P1 specification (Luxmetering), e-Smart P1 of the Austrian network operators.
"""

from zoneinfo import ZoneInfo

from firmware_bridge.meters.ciphering import (
    GENERAL_GLO,
    MAX_CIPHERED_BYTES,
    Ciphered,
    Decipherer,
    open_or_refuse,
    read_ciphered,
)
from firmware_bridge.meters.codec import Refused, refuse
from firmware_bridge.meters.dlms_axdr import AxdrShortError
from firmware_bridge.meters.dlms_noise import Noise
from firmware_bridge.meters.framing import Found, StreamCodec
from firmware_bridge.meters.p1 import P1Codec

ENVELOPE_START = bytes((GENERAL_GLO, 8))
CONTROLS = frozenset((0x20, 0x30))
"""Encrypted, with or without a tag: the only protection an encrypted P1 port sends."""

LENGTHS = {0x81: 1, 0x82: 2}
"""How many bytes of length follow: a telegram is longer than 127 bytes and shorter than 65,536."""

MIN_CIPHERED_BYTES = 64
"""The shortest telegram with one reading, ciphered, is longer."""

TITLE_END = 10
"""After the tag, and the system title with its length."""

HEAD_BYTES = 14
"""From the tag to the security control byte, with a length of three bytes."""


class EncryptedP1Codec(StreamCodec):
    """Decodes the stream of one encrypted P1 port; keeps at most MAX_CIPHERED_BYTES between feeds.

    Without a key every telegram is refused as "encrypted", naming the system title seen.
    """

    slice_bytes = 4 * 1024

    def __init__(
        self, zone: ZoneInfo, key: bytes | None = None, authentication_key: bytes | None = None
    ) -> None:
        """Take the zone of the meter's clock, and the keys the network operator gave."""
        super().__init__()
        self._decipherer = None if key is None else Decipherer(key, authentication_key)
        self._p1 = P1Codec(zone)
        self._noise = Noise()

    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        head = data[place : place + HEAD_BYTES]
        is_whole = len(head) == HEAD_BYTES or is_end
        if not is_whole and ENVELOPE_START.startswith(head[:2]):
            return place
        try:
            if not _is_head(head):
                return self._skip(data, place, found)
            ciphered = read_ciphered(data, place)
        except AxdrShortError:
            if is_end:
                detail = "the stream ended within a telegram"
                self._noise.flush(found)
                self._noise.excuse(len(data) - place)
                found.append(refuse("truncated", detail, data[place:]))
                return self._skip(data, place, found)
            return place
        self._noise.flush(found)
        return place + self._open(ciphered, data[place : place + ciphered.size], found)

    def _end(self, found: Found) -> None:
        self._noise.flush(found)

    def _open(self, ciphered: Ciphered, raw: bytes, found: Found) -> int:
        """Open an envelope; return how much of it is done with."""
        opened = open_or_refuse(ciphered, self._decipherer, raw, _is_telegram)
        if not isinstance(opened, Refused):
            # The telegram's end is known: nothing of it waits for the next one.
            found += self._p1.feed(opened.plain) + self._p1.feed(b"")
            return ciphered.size
        found.append(opened)
        # Nothing but the tag checks the length: bytes lost make it reach into the next envelope.
        place = raw.find(GENERAL_GLO, 1)
        while place > 0 and not _may_be_head(raw[place : place + HEAD_BYTES]):
            place = raw.find(GENERAL_GLO, place + 1)
        if place < 0:
            return ciphered.size
        self._noise.excuse(ciphered.size - place)
        return place

    def _skip(self, data: bytes, place: int, found: Found) -> int:
        """Pass over bytes up to the next one an envelope may begin with, and return its place."""
        stop = data.find(GENERAL_GLO, place + 1)
        stop = len(data) if stop < 0 else stop
        self._noise.add(data[place:stop], found)
        return stop


def _is_head(head: bytes) -> bool:
    """Tell whether an envelope of a telegram's size and protection begins so."""
    if len(head) < HEAD_BYTES or not head.startswith(ENVELOPE_START):
        return False
    count = LENGTHS.get(head[TITLE_END])
    if count is None:
        return False
    first, after = TITLE_END + 1, TITLE_END + 1 + count
    size = int.from_bytes(head[first:after], "big")
    return MIN_CIPHERED_BYTES <= size <= MAX_CIPHERED_BYTES and head[after] in CONTROLS


def _may_be_head(head: bytes) -> bool:
    """Tell whether an envelope begins so, or may do once the rest of its head is there."""
    if len(head) == HEAD_BYTES:
        return _is_head(head)
    is_begun = head[:2] == ENVELOPE_START[: len(head)]
    return is_begun and (len(head) <= TITLE_END or head[TITLE_END] in LENGTHS)


def _is_telegram(plain: bytes) -> bool:
    """Tell whether deciphered bytes begin as a telegram does: a wrong key's hardly ever do."""
    return plain[:1] == b"/" and plain[1:5].isascii() and plain[1:4].isalnum()
