"""Which store the hub's receipts come from, and the newest of them. Pure.

A store's receipts rise over all logs of a hub, so that one which is lower though it was written
later hints that the store was put back from a copy (docs/decisions/0015). One revision given twice
proves it: however many receipts the store has given since, the hub knows of more.
"""

from shared.protocol import Receipt

STORE_FACT = "store_id"
REVISION_FACT = "receipt_revision"
CLONE_FACT = "clone_seen_ms"
"""When the cloud last saw a second hub with this one's identity, 0 for never."""

MAX_TIMES = 256
"""Receipts whose time is remembered: more than come between a put-back and the hello about it."""


class KnownStore:
    """The store by its name, the highest revision taken from it, and how many receipts it gave."""

    def __init__(self, store_id: bytes | None, revision: bytes | None) -> None:
        self.store_id = (store_id or b"").decode()
        self.revision = 0
        self._repeats = 0
        self._newest_time_ms = 0
        self._times_ms: dict[int, int] = {}
        number, _, of_store = (revision or b"").decode().partition(" ")
        # Written in one group commit and the name in another: a revision of another store is none.
        if of_store == self.store_id and number.isdecimal():
            self.revision = int(number)

    def is_newest(self, receipt: Receipt) -> bool:
        """Tell whether a receipt is of this store, and higher than all taken from it."""
        return receipt.store_id == self.store_id and receipt.revision > self.revision

    @property
    def given(self) -> int:
        """How many receipts this store gave under its name at least: what a hello says.

        The highest revision, unless some were given twice: a store put back from a copy that has
        counted up to that revision again still has given fewer by its own count.
        """
        return self.revision + self._repeats

    def is_put_back(self, receipt: Receipt) -> bool:
        """Tell whether a receipt hints that its store has forgotten receipts it gave.

        Two workers whose clocks differ may hint so wrongly: it takes a hello to know.
        """
        if receipt.store_id != self.store_id:
            return False
        is_late = receipt.cloud_time_ms > self._newest_time_ms > 0
        return self._is_repeated(receipt) or (receipt.revision <= self.revision and is_late)

    def take(self, receipt: Receipt) -> None:
        """Take in a receipt, of whatever store."""
        if receipt.store_id != self.store_id:
            self.store_id, self.revision, self._newest_time_ms = receipt.store_id, 0, 0
            self._repeats = 0
            self._times_ms.clear()
        self._repeats += self._is_repeated(receipt)
        self._times_ms.pop(receipt.revision, None)
        self._times_ms[receipt.revision] = receipt.cloud_time_ms
        if len(self._times_ms) > MAX_TIMES:
            del self._times_ms[next(iter(self._times_ms))]
        if receipt.revision > self.revision:
            self.revision = receipt.revision
            self._newest_time_ms = receipt.cloud_time_ms

    def revision_fact(self) -> bytes:
        """Write what a hello says for the database, with the store that it is of."""
        return f"{self.given} {self.store_id}".encode()

    def _is_repeated(self, receipt: Receipt) -> bool:
        """Tell whether its revision was given before, at another time; not the same come twice."""
        known_ms = self._times_ms.get(receipt.revision, receipt.cloud_time_ms)
        return known_ms != receipt.cloud_time_ms


def read_clone_ms(fact: bytes | None) -> int:
    """Read when a clone was last seen; 0 where never."""
    text = (fact or b"").decode()
    return int(text) if text.isdecimal() else 0
