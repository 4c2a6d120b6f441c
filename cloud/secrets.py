"""Secrets that are shown once: how they are made, and the digests that are kept of them.

All have at least 80 random bits, so that a plain digest cannot be searched through. Passwords are
not of this kind (cloud/accounts/passwords.py).
"""

import hashlib
import secrets

TOKEN_BYTES = 24
KEY_PREFIX = "hl_"
"""Lets whoever finds an API key in a file know what it is."""

CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's 32: none is taken for another when read aloud."""

CODE_CHARS = 16
GROUP_CHARS = 4
MAX_WRITTEN_CHARS = 40


def mint_token() -> str:
    """Make a token of 192 bits for a cookie or a header."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def mint_key() -> str:
    """Make an API key."""
    return KEY_PREFIX + mint_token()


def mint_code() -> str:
    """Make a code of 80 bits that people copy by hand: four groups of four."""
    letters = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_CHARS))
    return "-".join(letters[at : at + GROUP_CHARS] for at in range(0, CODE_CHARS, GROUP_CHARS))


def mint_id() -> str:
    """Make an id that says nothing and is nobody else's."""
    return secrets.token_hex(16)


def digest_of(purpose: str, secret: str) -> str:
    """Digest a secret for one purpose: what opens one thing never opens another."""
    return hashlib.sha256(f"hearthlink {purpose} v1\0{secret}".encode()).hexdigest()


def read_code(written: str) -> str:
    """Read a code as people write it: any case, any spaces, and the letters they mistake."""
    letters = written[:MAX_WRITTEN_CHARS].upper().translate(str.maketrans("OIL", "011", " -"))
    return "-".join(letters[at : at + GROUP_CHARS] for at in range(0, len(letters), GROUP_CHARS))
