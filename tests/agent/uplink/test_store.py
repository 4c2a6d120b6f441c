"""Which receipts tell of a store that was put back."""

import pytest

from agent.uplink.store import MAX_TIMES, KnownStore
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
        (receipt(10, 999), True),
        (receipt(11, 1_001), False),
        (receipt(9, 1_001, "other"), False),
    ],
)
def test_a_revision_given_again_later_tells(told: Receipt, is_put_back: bool) -> None:
    """One that a slow network kept back, or brought twice, is no higher either, but not later."""
    assert known().is_put_back(told) is is_put_back


def test_a_store_that_repeats_a_revision_gave_more_than_it_counts() -> None:
    """However far it has counted on since: a hello says more than it can know of."""
    store = known()

    for revision in (10, 11, 12):
        store.take(receipt(revision, 2_000 + revision))

    assert (store.revision, store.given) == (12, 13)
    assert KnownStore(b"s", store.revision_fact()).given == 13


def test_receipts_late_or_twice_count_once() -> None:
    """A store that was never put back is believed, in whatever order its receipts come."""
    store = known()

    for revision in (12, 11, 12, 10, 11, 13):
        store.take(receipt(revision, 1_000 + 10 - revision % 2 if revision != 10 else 1_000))

    assert store.given == store.revision == 13


def test_times_remembered_are_bounded() -> None:
    """The newest taken are kept."""
    store = known()
    for revision in range(11, 11 + MAX_TIMES):
        store.take(receipt(revision, 1_000))

    store.take(receipt(10, 2_000))
    forgotten = store.given
    store.take(receipt(10 + MAX_TIMES, 2_000))

    assert forgotten == store.revision
    assert store.given == store.revision + 1


def test_the_highest_revision_stays_whatever_comes_late() -> None:
    """Order is assumed nowhere."""
    store = known()

    store.take(receipt(9, 999))

    assert store.revision == 10


def test_another_store_begins_anew() -> None:
    """Revisions of two stores are not compared."""
    store = known()

    store.take(receipt(10, 2_000))
    store.take(receipt(3, 500, "other"))

    assert (store.store_id, store.revision, store.given) == ("other", 3, 3)


def test_what_is_kept_is_read_back_for_its_store_alone() -> None:
    """Name and revision are written in different commits: a revision without its name is none."""
    fact = known().revision_fact()

    assert KnownStore(b"s", fact).revision == 10
    assert KnownStore(b"other", fact).revision == 0
    assert KnownStore(b"s", None).revision == 0
    assert KnownStore(b"s", b"rotten").revision == 0
