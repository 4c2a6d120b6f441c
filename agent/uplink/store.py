"""Which store the hub's receipts come from, and the newest of them. Pure.

A store's receipts rise over all logs of a hub, so that one which is lower though it was written
later tells that the store was put back from a copy (docs/decisions/0015).
"""

from shared.protocol import Receipt

STORE_FACT = "store_id"
REVISION_FACT = "receipt_revision"
CLONE_FACT = "clone_seen_ms"
"""When the cloud last saw a second hub with this one's identity, 0 for never."""


class KnownStore:
    """The store by its name, and the highest revision taken from it."""

    def __init__(self, store_id: bytes | None, revision: bytes | None) -> None:
        self.store_id = (store_id or b"").decode()
        self.revision = 0
        self._newest_time_ms = 0
        number, _, of_store = (revision or b"").decode().partition(" ")
        # Written in one group commit and the name in another: a revision of another store is none.
        if of_store == self.store_id and number.isdecimal():
            self.revision = int(number)

    def is_newest(self, receipt: Receipt) -> bool:
        """Tell whether a receipt is of this store, and higher than all taken from it."""
        return receipt.store_id == self.store_id and receipt.revision > self.revision

    def is_put_back(self, receipt: Receipt) -> bool:
        """Tell whether a receipt shows that its store has forgotten receipts it gave.

        One of the same revision and a later time counts too: the same receipt come twice is not
        later.
        """
        return (
            receipt.store_id == self.store_id
            and receipt.revision <= self.revision
            and receipt.cloud_time_ms > self._newest_time_ms > 0
        )

    def take(self, receipt: Receipt) -> None:
        """Take in a receipt, of whatever store."""
        if receipt.store_id != self.store_id:
            self.store_id, self.revision, self._newest_time_ms = receipt.store_id, 0, 0
        if receipt.revision > self.revision:
            self.revision = receipt.revision
            self._newest_time_ms = receipt.cloud_time_ms

    def revision_fact(self) -> bytes:
        """Write the revision for the database, with the store that it is of."""
        return f"{self.revision} {self.store_id}".encode()


def read_clone_ms(fact: bytes | None) -> int:
    """Read when a clone was last seen; 0 where never."""
    text = (fact or b"").decode()
    return int(text) if text.isdecimal() else 0
