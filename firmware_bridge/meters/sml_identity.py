"""A meter's id from the ways SML gives it, and the numbers and texts around it. Pure."""

from functools import lru_cache
from typing import NamedTuple

from firmware_bridge.meters.serials import serial_of

SERVER_ID_BYTES = 10
SERVER_ID_FORMS = (9, 10)
"""The first byte of a DIN 43863-5 id: its length, with itself or without."""

MAX_NUMBER = 99_999_999
"""A fabrication number is printed in eight digits."""

IDENTITY_CODES = ("96.1.0", "0.0.9", "96.1.255", "0.0.0")
"""Where a list repeats the meter's own id, the best first."""


class Identity(NamedTuple):
    """A meter's id as printed on it, its maker's three letters and its fabrication number."""

    meter: str
    maker: str
    number: int


@lru_cache(maxsize=64)
def identify(content: bytes) -> Identity:
    """Read an id: `1XYZ0000000001` of a DIN 43863-5 id, text as it is, anything else as hex.

    The id is "" where the bytes are all zeros or all ones.
    """
    if not content.strip(b"\x00") or not content.strip(b"\xff"):
        return Identity("", "", 0)
    maker = content[2:5]
    if (
        len(content) == SERVER_ID_BYTES
        and content[0] in SERVER_ID_FORMS
        and maker.isalpha()
        and maker.isascii()
    ):
        letters, number = maker.decode("ascii"), int.from_bytes(content[6:], "big")
        if number <= MAX_NUMBER:
            meter = f"{content[1]:X}{letters}{content[5]:02X}{number:08d}"
            return Identity(meter, letters, number)
    return Identity(serial_of(content.hex().upper()), "", 0)
