"""What names a household in the text of P1 and IEC 62056-21, and its replacement. Pure.

That is serials, supply points and messages; the identification line, which names the meter's type,
stays.
"""

import re

from fastcrc import crc16

from firmware_bridge.meters.iec62056 import check_character
from firmware_bridge.tools.pseudonyms import Pseudonyms

STX, ETX = b"\x02", b"\x03"
PARITY_BIT = 0x80

_LOW_BITS = bytes(byte & 0x7F for byte in range(256))

_PERSONAL = re.compile(
    rb"(\b\d-\d{1,2}:(?:96\.1\.(?!4[*(])\d{1,3}|96\.13\.\d|42\.0\.0|0\.0\.\d{1,3}|C\.1\.\d)"
    rb"(?:\*255)?\()([^()\r\n]+)(\))"
)
"""Serials and supply points of the meter and of each sub-meter; messages; not the version."""

_BARE = re.compile(
    rb"(?m)^([\x02]?(?:C\.1(?:\.\d)?|0\.0(?:\.\d)?|96\.1(?:\.\d)?|96\.13\.\d|42\.0\.0|9\.2[01])"
    rb"(?:\*255)?\()([^()\r\n]+)(\))"
)
"""The same without value groups A and B, as IEC 62056-21 meters print them; a heat meter's own."""

_HEAT_SETS = re.compile(rb"(\)9\.2[01]\()([^()\r\n]+)(\))")
"""Heat meters print several data sets on one line."""

_END = re.compile(rb"\n!([0-9A-Fa-f]{0,4})\r?\n")
_HEADLESS = re.compile(rb"\A(?![/\x02])[^()\r\n]*[()][^\r\n]*")
"""A line whose code came before the capture began."""

_CUT_OFF = re.compile(rb"\(([^()\r\n]*)$")
_MESSAGE = re.compile(rb"96\.13\.")


class TextRule:
    """Redacts telegrams of text, and mends their checksum or check character."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._is_first = True

    def end_of_unit(self, pending: bytes) -> int | None:
        """Return where the first telegram ends."""
        plain = pending.translate(_LOW_BITS)
        match = _END.search(plain)
        if match is None:
            return None
        if STX not in plain[: match.start()]:
            return match.end()
        # A readout's block goes on with ETX and its check character.
        following = plain[match.end() : match.end() + 2]
        if len(following) < 2:  # noqa: PLR2004 (ETX and the check character)
            return None
        return match.end() + (2 if following.startswith(ETX) else 0)

    def redact(self, block: bytes) -> bytes:
        """Redact text, and mend its checksum if that was right.

        A line of seven bits that was read with eight has the parity in the eighth, and keeps it.
        """
        plain = block.translate(_LOW_BITS)
        redacted = self._replace_all(plain)
        redacted = _with_check_character(plain, _with_checksum(plain, redacted))
        if plain == block:
            return redacted
        pieces = zip(block, plain, redacted, strict=True)
        return bytes(
            before if low == after else _with_parity(after) for before, low, after in pieces
        )

    def redact_rest(self, rest: bytes) -> bytes:
        """Redact the rest; a line that was cut off may end within a serial."""
        redacted = self.redact(rest)
        cut = _CUT_OFF.search(redacted.translate(_LOW_BITS))
        if cut is None:
            return redacted
        return redacted[: cut.start(1)] + b"." * (len(redacted) - cut.start(1))

    def _replace_all(self, text: bytes) -> bytes:
        if self._is_first:
            self._is_first = False
            text = _HEADLESS.sub(lambda line: b"." * len(line[0]), text)
        for pattern in (_PERSONAL, _BARE, _HEAT_SETS):
            text = pattern.sub(self._replace, text)
        return text

    def _replace(self, match: re.Match[bytes]) -> bytes:
        head, value, tail = match[1], match[2], match[3]
        is_message = _MESSAGE.search(head) is not None
        made = self._names.message(value) if is_message else self._names.text(value)
        return head + made + tail


def _with_parity(byte: int) -> int:
    return byte | PARITY_BIT if byte.bit_count() % 2 else byte


def _with_checksum(block: bytes, redacted: bytes) -> bytes:
    """Mend the CRC of a P1 telegram."""
    before, after = _END.search(block), _END.search(redacted)
    if before is None or after is None or not before[1]:
        return redacted
    start = block.rfind(b"\n/", 0, before.start()) + 1
    if crc16.arc(block[start : before.start() + 2]) != int(before[1], 16):
        return redacted
    checksum = crc16.arc(redacted[start : after.start() + 2])
    # A meter that leaves out leading zeros has room for fewer digits than another sum may need.
    digits = b"%04X" % checksum
    room = after.end(1) - after.start(1)
    written = digits[-room:] if not digits[:-room].strip(b"0") else digits
    return redacted[: after.start(1)] + written + redacted[after.end(1) :]


def _with_check_character(block: bytes, redacted: bytes) -> bytes:
    """Mend the check character of a readout's block (IEC 62056-21)."""
    start = block.rfind(STX) + 1
    if not start or block[-2:-1] != ETX:
        return redacted
    if check_character(block[start:-1]) != block[-1] & 0x7F:
        return redacted
    return redacted[:-1] + bytes([check_character(redacted[start:-1])])
