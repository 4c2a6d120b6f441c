"""Meter ids from what a meter prints of its serial."""

import re

from shared.readings import MAX_METER_ID_CHARS

_OUTSIDE = re.compile(r"[^A-Za-z0-9._-]+")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E


def serial_of(printed: str) -> str:
    """Return a meter id of at most MAX_METER_ID_CHARS safe characters; "" for a placeholder.

    Hexadecimal text is decoded when every byte is printable ASCII. All zeros are a placeholder.
    """
    text = printed
    if _HEX.fullmatch(printed):
        decoded = bytes.fromhex(printed)
        if all(_FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE for byte in decoded):
            text = decoded.decode("ascii")
    return plain_serial(text)


def plain_serial(text: str) -> str:
    """Return the same of a text that is never hexadecimal, such as the number of a supply point."""
    cleaned = _OUTSIDE.sub("-", text).strip("-")[:MAX_METER_ID_CHARS]
    return cleaned if cleaned.strip("0") else ""
