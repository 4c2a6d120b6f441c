"""What stands for a serial, an address or a message in a redacted capture. Pure.

A pseudonym has the length and the kind of what it stands for, so that a capture decodes as before.
It depends on a secret salt: a serial has few digits, and could be found again by trying them all.
"""

import hashlib
import re

SALT_BYTES = 16

FIRST_DIGIT, LAST_DIGIT = 10_000_000, 9
"""A fabrication number is printed in eight digits."""

MAX_COUNTED = 1_000
"""A port has a few meters; more are damaged serials, and need not be told one from another."""

MESSAGE_BYTE = b"."

_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){4,}")
_HEX_DIGIT = re.compile(rb"[0-9A-Fa-f]")
_DIGIT = re.compile(rb"[0-9]")
_LETTER = re.compile(rb"[A-Za-z]")
_MAKER = re.compile(rb"[A-Z]{3}")
_FORBIDDEN = b"\x1b\x7e\x68"
"""Bytes that begin something on a line: SML's escape, HDLC's flag, the start of an M-Bus frame."""


class Pseudonyms:
    """Makes the same pseudonym for the same content, and counts them; another salt, others."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._seen: set[bytes] = set()

    @property
    def made(self) -> int:
        """How many different contents were replaced, up to MAX_COUNTED."""
        return len(self._seen)

    def text(self, value: bytes) -> bytes:
        """Stand for a printed serial: digits, never all zeros; hexadecimal stays hexadecimal."""
        drawn = self._draw(value, len(value))
        if _HEX.fullmatch(value):
            return b"".join(b"%02X" % (0x31 + byte % 9) for byte in drawn[: len(value) // 2])
        return bytes(0x31 + byte % 9 for byte in drawn)

    def digits(self, value: bytes) -> bytes:
        """Stand for text in which the digits are telling and the letters name the maker or type."""
        drawn = iter(self._draw(value, len(value)))
        if not _DIGIT.search(value):
            return _LETTER.sub(b"x", value)
        return _DIGIT.sub(lambda _: b"%d" % (next(drawn) % 9 + 1), value)

    def hexadecimal(self, value: bytes, *, keep: int = 0) -> bytes:
        """Stand for an address in hexadecimal, the first `keep` digits (its maker) left as are.

        Neither the case of its letters nor what stands between the digits changes its pseudonym.
        """
        digits = b"".join(_HEX_DIGIT.findall(value)).lower()
        drawn = iter(self._draw(digits, len(digits)))
        count = 0

        def replace(match: re.Match[bytes]) -> bytes:
            nonlocal count
            count, byte = count + 1, next(drawn)
            return match[0] if count <= keep else b"%d" % (byte % 9 + 1)

        return _HEX_DIGIT.sub(replace, value)

    def number(self, value: bytes) -> bytes:
        """Stand for a binary number of eight digits: its first digit stays, quirks go by it."""
        drawn = int.from_bytes(self._draw(value, 8), "big")
        first = int.from_bytes(value, "big") // FIRST_DIGIT
        first = first if 0 < first <= LAST_DIGIT else 1
        for place in range(256):
            number = (first * FIRST_DIGIT) + (drawn + place * 7_919) % FIRST_DIGIT
            content = number.to_bytes(max(4, len(value)), "big")[-len(value) :]
            if not any(byte in _FORBIDDEN for byte in content):
                return content
        return bytes(len(value))

    def bcd(self, value: bytes) -> bytes:
        """Stand for a number in binary-coded decimal."""
        return bytes(
            (byte % 5 + 1) << 4 | byte // 5 % 5 + 1 for byte in self._draw(value, len(value))
        )

    def octets(self, value: bytes) -> bytes:
        """Stand for bytes that may be text, an id that begins with its maker's letters, or none."""
        if value.isascii() and value.decode("ascii").isprintable():
            return self.digits(value)
        keep = next((end for end in (3, 4, 5) if _MAKER.fullmatch(value[end - 3 : end])), 0)
        drawn = self._draw(value, len(value) - keep)
        return value[:keep] + bytes(0x80 | byte & 0x3F for byte in drawn)

    def message(self, value: bytes) -> bytes:
        """Stand for a message to the household: dots, or their hexadecimal."""
        self._count(value)
        is_hex = _HEX.fullmatch(value) is not None
        return b"2E" * (len(value) // 2) if is_hex else MESSAGE_BYTE * len(value)

    def _draw(self, value: bytes, count: int) -> bytes:
        self._count(value)
        return hashlib.shake_256(self._salt + value).digest(count)

    def _count(self, value: bytes) -> None:
        if len(self._seen) < MAX_COUNTED:
            self._seen.add(value)
