"""The PIN that a household sets at the page's first use: kept as a salted scrypt hash."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from agent.identity.files import sync_folder
from shared.errors import OperatorError

NAME = "page-pin"
SALT_BYTES = 16
COST = 2**13
"""Eight megabytes and some 50 ms on a small board; a thief of the file needs that for each try."""

BLOCK = 8
MODE = 0o600
MIN_CHARS = 4
DRAFT_BYTES = 8


class PinFile:
    """One file; without it no PIN has been set yet."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def read(self) -> Callable[[str], bool] | None:
        """Return what tells whether a text is the PIN; None where none is set."""
        try:
            salt, _, wanted = self._path.read_text(encoding="ascii").strip().partition(":")
            salted = bytes.fromhex(salt)
        except (OSError, ValueError):
            return None
        return lambda pin: hmac.compare_digest(_hash(pin, salted).hex(), wanted)

    def set_first(self, pin: str) -> Callable[[str], bool]:
        """Set the PIN, once; raises OperatorError where it is too short or there is one."""
        if len(pin) < MIN_CHARS:
            raise OperatorError(
                f"a PIN of {len(pin)} characters is too short", hint=f"give {MIN_CHARS} at least"
            )
        salt = secrets.token_bytes(SALT_BYTES)
        written = f"{salt.hex()}:{_hash(pin, salt).hex()}\n".encode()
        # A name of its own: of two at once neither may write into, or link, the other's draft.
        draft = self._path.with_name(f".{NAME}.{secrets.token_hex(DRAFT_BYTES)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
            # A link, not a rename: whoever was first keeps the page.
            os.link(draft, self._path)
            sync_folder(self._path.parent)
        except FileExistsError as error:
            raise OperatorError(
                "the page has a PIN already",
                hint=f"whoever administers the hub may delete {self._path}",
            ) from error
        except OSError as error:
            raise OperatorError(f"the PIN could not be kept: {error}") from error
        finally:
            draft.unlink(missing_ok=True)
        return lambda candidate: hmac.compare_digest(_hash(candidate, salt), _hash(pin, salt))


def _hash(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=COST, r=BLOCK, p=1)
