"""The keys of a meter that encrypts; they are never printed, not even by an error. Pure."""

import re
from dataclasses import dataclass, field

from shared.errors import OperatorError

KEY_BYTES = 16
"""AES-128, which every household meter's customer port uses (DLMS security suites 0 and 1)."""

_SEPARATORS = re.compile(r"0[xX]|[\s:,-]+")
_DIGITS = re.compile(rf"[0-9A-Fa-f]{{{KEY_BYTES * 2}}}")


@dataclass(frozen=True, slots=True)
class Keys:
    """What the network operator gives the household: encryption key, and authentication key."""

    key: bytes = field(repr=False)
    authentication_key: bytes | None = field(default=None, repr=False)


def parse_key(text: str, name: str) -> bytes:
    """Read a key written in hexadecimal; raise OperatorError saying how long it is, never what."""
    digits = _SEPARATORS.sub("", text.strip().removeprefix("\ufeff"))
    if _DIGITS.fullmatch(digits) is None:
        raise OperatorError(
            f"the {name} is not a key: {len(digits)} characters",
            hint=f"give its {KEY_BYTES * 2} hexadecimal digits, as the network operator wrote them",
        )
    return bytes.fromhex(digits)
