"""How fast passwords and codes may be guessed, without keeping their owner out. Pure.

A wrong try costs its address and its account at that address; whoever has signed in on a device
before is judged by that device alone there, so that no flood of guesses from elsewhere locks the
owner out. Wrong codes of a second factor count for their account: who gets so far has the password.
"""

from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import HTTPException

from cloud.buckets import Buckets
from cloud.fleet.pace import place_of
from cloud.secrets import digest_of
from shared.units import MS_PER_MINUTE, MS_PER_SECOND


@dataclass(frozen=True)
class Attempt:
    """Where a try comes from: an account by its e-mail, an address, and a device known for it.

    Without an e-mail it is a code that is tried, by an address alone.
    """

    email: str
    address: str
    device: str = ""

    @property
    def account(self) -> str:
        """Name the account, whether or not there is one."""
        return digest_of("account", self.email)


@dataclass(frozen=True)
class Guesses:
    """Token buckets of what may be wrong; a try that is right costs nothing."""

    pairs: Buckets = field(default_factory=lambda: Buckets(5, 30 * MS_PER_SECOND))
    """One account at one address: five typing mistakes, then one each half minute."""

    addresses: Buckets = field(default_factory=lambda: Buckets(20, 10 * MS_PER_SECOND))
    """One address, for those that try one password on many accounts."""

    accounts: Buckets = field(default_factory=lambda: Buckets(50, 6 * MS_PER_SECOND))
    """One account from many addresses, on devices not known for it."""

    devices: Buckets = field(default_factory=lambda: Buckets(10, 30 * MS_PER_SECOND))
    """A device known for the account: only what comes from it counts."""

    codes: Buckets = field(default_factory=lambda: Buckets(10, 5 * MS_PER_MINUTE))
    """Second factors of one account: a million codes at 288 a day; recovery codes are no part."""

    def begin(self, attempt: Attempt, now_ms: int) -> None:
        """Take a try; raises HTTPException 429 where none is left."""
        taken: list[tuple[Buckets, str]] = []
        for buckets, name in self._of(attempt):
            wait_ms = buckets.take(name, now_ms)
            if wait_ms:
                for other, others_name in taken:
                    other.give_back(others_name)
                raise too_many(wait_ms)
            taken.append((buckets, name))

    def succeed(self, attempt: Attempt) -> None:
        """Give a try back that was right."""
        for buckets, name in self._of(attempt):
            buckets.give_back(name)

    def _of(self, attempt: Attempt) -> list[tuple[Buckets, str]]:
        if attempt.device:
            return [(self.devices, attempt.device)]
        place = place_of(attempt.address)
        if not attempt.email:
            return [(self.addresses, place)]
        return [
            (self.pairs, f"{attempt.account} {place}"),
            (self.addresses, place),
            (self.accounts, attempt.account),
        ]


def too_many(wait_ms: int) -> HTTPException:
    """Say that too much was wrong, and when to come again."""
    wait_s = -(-wait_ms // MS_PER_SECOND)
    return HTTPException(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"too many wrong tries; wait {wait_s} s",
        headers={"Retry-After": str(wait_s)},
    )
