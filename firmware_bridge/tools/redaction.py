"""Replaces what names a household in the text of P1 and IEC 62056-21. Pure, bounded.

That is serials, supply points and messages. A serial becomes digits of the same length, the same
for the same serial within one capture, and a checksum that was right is made right again; so a
redacted capture decodes like its original.
"""

import hashlib
import re

from fastcrc import crc16

from firmware_bridge.meters.iec62056 import check_character

MAX_BLOCK_BYTES = 8_192
"""The longest telegram; bytes that hold no end of one pass in blocks of this size."""

SALT_BYTES = 16
"""A serial has few digits: without a secret salt it could be found again by trying them all."""

STX, ETX = b"\x02", b"\x03"

_PERSONAL = re.compile(
    rb"(\b\d-\d{1,2}:(?:96\.1\.(?!4\()\d{1,3}|96\.13\.\d|42\.0\.0|0\.0\.[0-9])(?:\*255)?\()"
    rb"([^()\r\n]+)(\))"
)
"""Serials and supply points of the meter and of each sub-meter; messages; not the version."""

_BARE = re.compile(rb"(?m)^((?:C\.1(?:\.\d)?|0\.0(?:\.\d)?|96\.1(?:\.\d)?)\()([^()\r\n]+)(\))")
"""The same without value groups A and B, as IEC 62056-21 meters print them."""

_END = re.compile(rb"\n!([0-9A-Fa-f]{0,4})\r?\n")
_CUT_OFF = re.compile(rb"\([^()\r\n]*$")
_MESSAGE = re.compile(rb"96\.13\.")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){4,}")
_DIGITS = b"0123456789"
_HEX_DIGITS = tuple(b"%02X" % digit for digit in _DIGITS)


class Redactor:
    """Takes a stream as it comes and gives it back redacted, a whole telegram at a time."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._pending = b""
        self.replaced = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return what can be written already."""
        self._pending += chunk
        written: list[bytes] = []
        while (end := _end_of_telegram(self._pending)) is not None:
            written.append(self._redact_telegram(self._pending[:end]))
            self._pending = self._pending[end:]
        while len(self._pending) > MAX_BLOCK_BYTES:
            cut = self._pending.rfind(b"\n", 0, MAX_BLOCK_BYTES) + 1 or MAX_BLOCK_BYTES
            written.append(self._redact(self._pending[:cut]))
            self._pending = self._pending[cut:]
        return b"".join(written)

    def finish(self) -> bytes:
        """Return the rest: the stream has ended."""
        rest, self._pending = self._redact(self._pending), b""
        # A line that was cut off may end within a serial.
        return _CUT_OFF.sub(b"(", rest)

    def _redact_telegram(self, block: bytes) -> bytes:
        """Redact up to a telegram's end, and mend its checksum if that was right."""
        redacted = self._redact(block)
        return _with_check_character(block, _with_checksum(block, redacted))

    def _redact(self, block: bytes) -> bytes:
        return _BARE.sub(self._replace, _PERSONAL.sub(self._replace, block))

    def _replace(self, match: re.Match[bytes]) -> bytes:
        self.replaced += 1
        head, value, tail = match[1], match[2], match[3]
        is_hex = _HEX.fullmatch(value) is not None
        if _MESSAGE.search(head):
            return head + (b"2E" * (len(value) // 2) if is_hex else b"." * len(value)) + tail
        return head + self._pseudonym(value, is_hex=is_hex) + tail

    def _pseudonym(self, value: bytes, *, is_hex: bool) -> bytes:
        """Make as many digits as the value has characters, never all zeros."""
        drawn = hashlib.shake_256(self._salt + value).digest(len(value))
        if is_hex:
            return b"".join(_HEX_DIGITS[byte % 9 + 1] for byte in drawn[: len(value) // 2])
        return bytes(_DIGITS[byte % 9 + 1] for byte in drawn)


def _end_of_telegram(pending: bytes) -> int | None:
    """Return where the first telegram ends, None while that cannot be told."""
    match = _END.search(pending)
    if match is None:
        return None
    if STX not in pending[: match.start()]:
        return match.end()
    # A readout's block goes on with ETX and its check character.
    following = pending[match.end() : match.end() + 2]
    if len(following) < 2:  # noqa: PLR2004 (ETX and the check character)
        return None
    return match.end() + (2 if following.startswith(ETX) else 0)


def _with_checksum(block: bytes, redacted: bytes) -> bytes:
    """Mend the CRC of a P1 telegram."""
    before, after = _END.search(block), _END.search(redacted)
    if before is None or after is None or not before[1]:
        return redacted
    start = block.rfind(b"\n/", 0, before.start()) + 1
    if crc16.arc(block[start : before.start() + 2]) != int(before[1], 16):
        return redacted
    checksum = crc16.arc(redacted[start : after.start() + 2])
    return redacted[: after.start(1)] + b"%04X" % checksum + redacted[after.end(1) :]


def _with_check_character(block: bytes, redacted: bytes) -> bytes:
    """Mend the check character of a readout's block (IEC 62056-21)."""
    start = block.rfind(STX) + 1
    if not start or block[-2:-1] != ETX:
        return redacted
    if check_character(block[start:-1]) != block[-1] & 0x7F:
        return redacted
    return redacted[:-1] + bytes([check_character(redacted[start:-1])])
