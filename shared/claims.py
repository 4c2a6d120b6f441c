"""A claim: the short text, and the QR code, by which one hub may join a cloud once. Pure.

Written `hearthlink:HOST[:PORT]/CODE[#PIN]`. The code is 100 random bits in Crockford's base 32, the
pin the beginning of the authority's fingerprint, for clouds whose certificate no system trusts.
Whoever types has the code alone, in groups of five, and the host from the configuration. No message
quotes what was given: with one letter too few it is still most of a secret.
"""

import hashlib
import hmac
import re
from typing import NamedTuple

from shared.errors import BadInputError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_CHARS = 20
"""A hundred bits: not to be guessed in the minutes a claim lives, nor from its digest later."""

PIN_CHARS = 20
GROUP_CHARS = 5

_READ_AS = str.maketrans("OIL", "011", "- ")
_TEXT = re.compile(
    r"hearthlink:(?P<host>[^/#\s]+)/(?P<code>[^/#]+)(?:#(?P<pin>[^/#]+))?", re.IGNORECASE
)

EXAMPLE = "hearthlink:cloud.example.org/7K2Q9-M4XAB-0CDEF-GHJKM"


class Claim(NamedTuple):
    """Where to go with which code; `pin` is empty where the system trusts the cloud."""

    host: str
    code: str
    pin: str = ""


def read_code(text: str) -> str:
    """Read a code as people type it: any case, O for 0, I and L for 1, hyphens and spaces anywhere.

    Raises BadInputError where it is none.
    """
    code = text.strip().upper().translate(_READ_AS)
    if len(code) != CODE_CHARS or not set(code) <= set(ALPHABET):
        raise BadInputError(
            f"{len(code)} characters that are no claim code",
            hint=f"it has {CODE_CHARS} letters and digits",
        )
    return code


def read_claim(text: str, host: str = "") -> Claim:
    """Read a claim, or a code alone where the host is known; raises BadInputError."""
    found = _TEXT.fullmatch(text.strip())
    if found is not None:
        pin = (found["pin"] or "").upper().translate(_READ_AS)
        return Claim(found["host"].lower(), read_code(found["code"]), pin)
    if not host:
        raise BadInputError(
            f"{len(text.strip())} characters that are no claim", hint=f"it looks like {EXAMPLE}"
        )
    return Claim(host, read_code(text))


def write_claim(claim: Claim) -> str:
    """Write a claim as a QR code holds it."""
    pin = f"#{claim.pin}" if claim.pin else ""
    return f"hearthlink:{claim.host}/{grouped(claim.code)}{pin}"


def grouped(code: str) -> str:
    """Write a code in groups that can be read aloud."""
    return "-".join(code[start : start + GROUP_CHARS] for start in range(0, len(code), GROUP_CHARS))


def make_code(random: bytes) -> str:
    """Make a code from at least 13 random bytes."""
    return _base32(random)[:CODE_CHARS]


def pin_of(certificate_der: bytes) -> str:
    """Write the pin of an authority's certificate: the first 100 bits of its SHA-256."""
    return _base32(hashlib.sha256(certificate_der).digest())[:PIN_CHARS]


def code_digest(code: str) -> str:
    """Write what the cloud keeps of a code, to know it again and not to be able to tell it."""
    return hashlib.sha256(b"hearthlink claim code v1\0" + code.encode("ascii")).hexdigest()


def claim_key(code: str) -> bytes:
    """Derive the key that both sides share through a code (`shared.enrolment.claim_proof`)."""
    return hmac.digest(code.encode("ascii"), b"hearthlink claim key v1", hashlib.sha256)


def _base32(content: bytes) -> str:
    number, bits = int.from_bytes(content, "big"), len(content) * 8
    return "".join(ALPHABET[number >> shift & 31] for shift in range(bits - 5, -1, -5))
