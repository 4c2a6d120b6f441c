"""Time-based one-time codes (RFC 6238): six digits, half a minute each, SHA-1 as apps do. Pure."""

import hashlib
import hmac
from base64 import b32decode, b32encode
from urllib.parse import quote, urlencode

from shared.units import MS_PER_SECOND

STEP_MS = 30 * MS_PER_SECOND
DIGITS = 6
SECRET_BYTES = 20
"""What RFC 4226 asks for: as long as the hash."""

DRIFT_STEPS = 1
"""A phone's clock may be half a minute wrong, and typing takes a while."""

ISSUER = "Hearthlink"


def write_secret(secret: bytes) -> str:
    """Write a secret as authenticator apps take it."""
    return b32encode(secret).decode()


def uri_of(secret: str, email: str) -> str:
    """Write what an app reads as a QR code."""
    query = urlencode({"secret": secret, "issuer": ISSUER, "digits": DIGITS, "period": 30})
    return f"otpauth://totp/{quote(f'{ISSUER}:{email}')}?{query}"


def code_at(secret: str, step: int) -> str:
    """Compute the code of a half minute since 1970 (RFC 4226 §5.3)."""
    mac = hmac.digest(b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1)
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(secret: str, code: str, now_ms: int, last_step: int) -> int | None:
    """Find the half minute that a code is of; None where it is of none, or of one used before."""
    now_step = now_ms // STEP_MS
    written = code.replace(" ", "").encode()
    found = None
    for step in range(now_step - DRIFT_STEPS, now_step + DRIFT_STEPS + 1):
        matches = hmac.compare_digest(code_at(secret, step).encode(), written)
        if matches and step > last_step:
            found = step
    return found
