"""Which receipts tell of a store that was put back."""

import pytest

from agent.uplink.store import KnownStore
from shared.protocol import Receipt


def receipt(revision: int, time_ms: int, store_id: str = "s") -> Receipt:
    """A receipt that lists nothing."""
    return Receipt(store_id, "", revision, [], [], 16, time_ms)


def known(revision: int = 10, time_ms: int = 1_000) -> KnownStore:
    """A store whose newest receipt has been taken."""
    store = KnownStore(None, None)
    store.take(receipt(revision, time_ms))
    return store


@pytest.mark.parametrize(
    ("told", "is_put_back"),
    [
        (receipt(9, 1_001), True),
        (receipt(9, 1_000), False),
        (receipt(9, 999), False),
        (receipt(10, 1_001), True),
        (receipt(10, 1_000), False),
        (receipt(11, 1_001), False),
        (receipt(9, 1_001, "other"), False),
    ],
)
def test_a_revision_given_again_later_tells(told: Receipt, is_put_back: bool) -> None:
    """One that a slow network kept back, or brought twice, is no higher either, but not later."""
    assert known().is_put_back(told) is is_put_back


def test_the_highest_revision_stays_whatever_comes_late() -> None:
    """Order is assumed nowhere."""
    store = known()

    store.take(receipt(9, 999))

    assert store.revision == 10


def test_another_store_begins_anew() -> None:
    """Revisions of two stores are not compared."""
    store = known()

    store.take(receipt(3, 500, "other"))

    assert (store.store_id, store.revision) == ("other", 3)


def test_what_is_kept_is_read_back_for_its_store_alone() -> None:
    """Name and revision are written in different commits: a revision without its name is none."""
    fact = known().revision_fact()

    assert KnownStore(b"s", fact).revision == 10
    assert KnownStore(b"other", fact).revision == 0
    assert KnownStore(b"s", None).revision == 0
    assert KnownStore(b"s", b"rotten").revision == 0
