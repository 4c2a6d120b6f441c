"""Passwords: which will do, and how they are kept (Argon2id). Touches no database.

Length counts, not composition; what attackers try first is refused (NIST SP 800-63B §5.1.1.2).
"""

import hashlib
import threading
import unicodedata
from functools import cache
from http import HTTPStatus
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cloud.accounts.common import is_common
from cloud.problems import ProblemError
from shared.errors import ConfigError

MIN_CHARS = 12
MAX_CHARS = 128
"""Longer ones add nothing, and hashing a book is work for nothing."""

MIN_PART_CHARS = 4
"""A shorter part of the sign-in name is in too many words to be refused."""

WAIT_S = 5.0
HASHES_AT_ONCE = 2
"""Each takes 19 MiB and some 30 ms of a core: sign-ins must not take the machine from ingest."""

WAITING_MAX = 8
"""More would hold the threads that every request is served by."""

LINE_BYTES_MAX = 64


@cache
def _hash_of_nobody(time_cost: int, memory_kib: int) -> str:
    """Hash what is compared where there is no account; once a process, for it takes 30 ms."""
    argon2 = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
    return argon2.hash("nobody has this password")


class Hasher:
    """Hashes passwords and checks them, so many at once; the defaults are OWASP's of 2024.

    What it costs is told with each hash, so that a stronger choice takes the older ones over as
    their owners sign in.
    """

    def __init__(
        self, *, time_cost: int = 2, memory_kib: int = 19_456, at_once: int = HASHES_AT_ONCE
    ) -> None:
        self._argon2 = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._turns = threading.BoundedSemaphore(at_once)
        self._waiting = threading.BoundedSemaphore(WAITING_MAX)
        self._nobodys = _hash_of_nobody(time_cost, memory_kib)

    def hash(self, password: str) -> str:
        """Hash a password with a salt of its own; raises ProblemError 503 under too much load."""
        self._take_turn()
        try:
            return self._argon2.hash(normalized(password))
        finally:
            self._turns.release()

    def matches(self, kept: str, password: str) -> bool:
        """Tell whether a password is the one kept; "" is nobody's, and takes as long."""
        self._take_turn()
        try:
            self._argon2.verify(kept or self._nobodys, normalized(password))
            return bool(kept)
        except (VerificationError, InvalidHashError):
            return False
        finally:
            self._turns.release()

    def is_outdated(self, kept: str) -> bool:
        """Tell whether a hash was made more cheaply than is the rule now."""
        return self._argon2.check_needs_rehash(kept)

    def _take_turn(self) -> None:
        if not self._waiting.acquire(blocking=False):
            raise _busy()
        try:
            if not self._turns.acquire(timeout=WAIT_S):
                raise _busy()
        finally:
            self._waiting.release()


def _busy() -> ProblemError:
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too many sign in at once",
        hint="try again in a minute",
        code="busy",
    )


class Policy:
    """Says whether a password will do."""

    def __init__(self, breached_file: str = "") -> None:
        """`breached_file` lists SHA-1 digests of known passwords in order, one a line; "" none."""
        self._breached = Path(breached_file) if breached_file else None

    def check(self, password: str, *names: str) -> None:
        """Raise ConfigError with every fault; `names` are what may not be in it, as the e-mail."""
        text = normalized(password)
        faults = []
        if not MIN_CHARS <= len(text) <= MAX_CHARS:
            faults.append(f"password: give {MIN_CHARS} to {MAX_CHARS} characters")
        elif is_common(text):
            faults.append("password: one that is tried first; three or four words of no saying do")
        elif self._breached is not None and _is_listed(self._breached, text):
            faults.append("password: known from another service's leak; take one used nowhere else")
        parts = {part for name in names for part in (name, *name.split("@")[:1]) if part}
        if any(
            len(part) >= MIN_PART_CHARS and part.casefold() in text.casefold() for part in parts
        ):
            faults.append("password: leave your name and e-mail out of it")
        if faults:
            raise ConfigError("password", faults)


def normalized(password: str) -> str:
    """Bring a password to one form: the same keys on two keyboards are one password."""
    return unicodedata.normalize("NFKC", password[: MAX_CHARS * 4])


def _is_listed(path: Path, text: str) -> bool:
    """Search a sorted file for a password's digest, by halves: it may have gigabytes."""
    wanted = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper().encode()
    with path.open("rb") as file:
        low, high = 0, path.stat().st_size
        while low < high:
            middle = (low + high) // 2
            file.seek(max(middle - 1, 0))
            if middle:
                file.readline(LINE_BYTES_MAX)
            line = file.readline(LINE_BYTES_MAX)
            found = line.split(b":")[0].strip().upper()
            if not line or found > wanted:
                high = middle
            elif found == wanted:
                return True
            else:
                low = file.tell()
    return False
