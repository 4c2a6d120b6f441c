"""Delivery: only receipts store, only what they list, and never on an older one's word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.ledger import Delivery, Flight, merge_stored
from shared.protocol import MAX_RANGES_PER_RECEIPT, Receipt

HELD = (1, 100)


def receipt(
    revision: int = 1,
    stored: list[tuple[int, int, int]] | None = None,
    rejected: list[tuple[int, int, str]] | None = None,
) -> Receipt:
    return Receipt("s", "00", revision, stored or [], rejected or [], 4, 0)


def test_a_receipt_stores_what_it_lists_and_nothing_else() -> None:
    """What a receipt omits is not thereby lost, only not stored."""
    delivery = Delivery()
    delivery.apply(receipt(1, [(1, 10, 0), (21, 30, 0)]))

    delivery.apply(receipt(2, [(1, 10, 0)]))

    assert delivery.stored_ranges() == [(1, 10), (21, 30)]
    assert delivery.unstored(HELD) == [(11, 20), (31, 100)]


def full(first_seq: int) -> list[tuple[int, int, int]]:
    """As many ranges as a receipt has room for."""
    return [(first_seq + 2 * n, first_seq + 2 * n, 0) for n in range(MAX_RANGES_PER_RECEIPT)]


def test_an_answer_that_lacks_what_was_stored_has_it_offered_again() -> None:
    """The store was put back from a copy: nothing it once had is stored because it was."""
    delivery = Delivery(stored=[(1, 40, 0)], receipt_revision=7)

    asks = delivery.doubt(receipt(9, [(1, 10, 0), (21, 30, 0)]), is_answer=True)

    assert not asks
    assert delivery.unstored((1, 40)) == [(11, 20), (31, 40)]


def test_an_answer_that_lists_nothing_forgets_everything() -> None:
    """Also where the store knows of no row of the log any more."""
    delivery = Delivery(stored=[(1, 2, 0)], receipt_revision=3)

    delivery.doubt(receipt(9), is_answer=True)

    assert delivery.stored == []
    assert delivery.unsent((1, 2)) == [(1, 2)]


def test_a_correction_forgotten_is_sent_again_as_one() -> None:
    """The samples are stored as they first were; the later revision of them is not."""
    delivery = Delivery(stored=[(1, 10, 0), (11, 20, 2)], wanted=[(11, 20, 2)])

    delivery.doubt(receipt(5, [(1, 20, 0)]), is_answer=True)

    assert delivery.stored == [(1, 10, 0)]
    assert delivery.unstored((1, 20)) == [(11, 20)]


def test_another_receipt_that_lacks_something_is_asked_about() -> None:
    """It may be older than what the hub was told before it was started anew."""
    delivery = Delivery(stored=[(1, 40, 0)])

    asks = delivery.doubt(receipt(9, [(1, 30, 0)]), is_answer=False)

    assert asks
    assert delivery.stored == [(1, 40, 0)]


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(receipt(7, [(1, 10, 0)]), id="no newer than the last one"),
        pytest.param(receipt(9, full(first_seq=51)), id="with no room for more"),
        pytest.param(receipt(9, [], [(1, 200, "wrong-hub")]), id="of a log that is refused"),
        pytest.param(receipt(9, [(1, 200, 1)]), id="that lists more, and at a later revision"),
    ],
)
def test_a_receipt_that_need_not_list_all_takes_nothing_back(told: Receipt) -> None:
    """What it omits is merely not claimed."""
    delivery = Delivery(stored=[(1, 40, 0)], receipt_revision=7)

    asks = [delivery.doubt(told, is_answer=is_answer) for is_answer in (True, False)]

    assert asks == [False, False]
    assert delivery.stored == [(1, 40, 0)]


def test_a_receipt_with_room_left_must_list_all() -> None:
    """One range short of full, it would have had room."""
    delivery = Delivery(stored=[(1, 40, 0)])

    asks = delivery.doubt(receipt(9, full(first_seq=51)[1:]), is_answer=False)

    assert asks


def test_what_is_in_flight_is_unsent_no_longer_and_unstored_still() -> None:
    """A frame handed over is neither sent twice nor counted as stored."""
    delivery = Delivery(flights=[Flight(1, 50, 99)])

    assert delivery.unsent(HELD) == [(51, 100)]
    assert delivery.unstored(HELD) == [(1, 100)]


def test_a_flight_lands_only_when_wholly_listed() -> None:
    """Half a frame stored is a frame still under way."""
    delivery = Delivery(flights=[Flight(1, 10, 99), Flight(11, 20, 99)])

    delivery.apply(receipt(1, [(1, 15, 0)]))

    assert [(one.first_seq, one.last_seq) for one in delivery.flights] == [(11, 20)]


def test_an_older_receipt_changes_nothing() -> None:
    """Receipts come in any order; a lower revision is the past."""
    delivery = Delivery(flights=[Flight(1, 10, 99)])
    delivery.apply(receipt(5))

    held = delivery.apply(receipt(4, [(1, 10, 0)], [(1, 10, "bad-value")]))

    assert held == []
    assert delivery.stored == []
    assert len(delivery.flights) == 1


def test_a_rejected_range_is_encoded_once_more_and_then_held() -> None:
    """The first refusal gives the range back, the second holds it for people to see."""
    delivery = Delivery(flights=[Flight(1, 10, 99)])

    first = delivery.apply(receipt(1, rejected=[(1, 10, "not-a-frame")]))
    unsent = delivery.unsent(HELD)
    second = delivery.apply(receipt(2, rejected=[(1, 10, "not-a-frame")]))

    assert first == []
    assert unsent == [(1, 100)]
    assert second == [(1, 10, "not-a-frame")]
    assert delivery.unsent(HELD) == [(11, 100)]


def test_the_same_receipt_again_refuses_nothing_twice() -> None:
    """A receipt the broker repeats is one refusal, not two."""
    delivery = Delivery()
    refusal = receipt(1, rejected=[(1, 10, "not-a-frame")])

    assert delivery.apply(refusal) == []
    assert delivery.apply(refusal) == []
    assert delivery.refused == []


def test_overdue_flights_come_back_once() -> None:
    """What was not answered in time is unsent again."""
    delivery = Delivery(flights=[Flight(1, 10, 500), Flight(11, 20, 600)])

    late = delivery.overdue(500)

    assert [one.first_seq for one in late] == [1]
    assert delivery.overdue(599) == []
    assert delivery.unsent(HELD) == [(1, 10), (21, 100)]


def test_the_higher_revision_holds_where_two_overlap() -> None:
    """Stored ranges of the same revision melt together; a correction lies on top."""
    assert merge_stored([(1, 10, 0), (11, 20, 0), (5, 6, 1)]) == [
        (1, 4, 0),
        (5, 6, 1),
        (7, 20, 0),
    ]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 20), st.integers(0, 3)), max_size=30))
def test_merging_stored_ranges_loses_and_adds_no_place(spans: list[tuple[int, int, int]]) -> None:
    """Each place keeps the highest revision that was said of it."""
    ranges = [(first, first + length, revision) for first, length, revision in spans]
    expected: dict[int, int] = {}
    for first, last, revision in ranges:
        for seq in range(first, last + 1):
            expected[seq] = max(revision, expected.get(seq, 0))

    merged = merge_stored(ranges)

    found = {seq: r for first, last, r in merged for seq in range(first, last + 1)}
    assert found == expected
    assert sum(last - first + 1 for first, last, _ in merged) == len(found)


def test_a_refusal_that_no_encoding_mends_is_held_at_once() -> None:
    """What came too late comes too late again: it is shown, and not sent for ever."""
    delivery = Delivery(flights=[Flight(1, 10, 99)])

    held = delivery.apply(receipt(1, rejected=[(1, 10, "too-late")]))

    assert held == [(1, 10, "too-late")]
    assert delivery.unsent(HELD) == [(11, 100)]


def test_a_receipt_hastens_only_what_it_passes_over() -> None:
    """An older receipt than the last hastens nothing, and no due time is ever put off."""
    delivery = Delivery(flights=[Flight(1, 10, 900), Flight(11, 20, 100), Flight(31, 40, 900)])
    newest = receipt(5, stored=[(21, 30, 0)])
    delivery.apply(newest)

    delivery.hasten(receipt(4, stored=[(50, 60, 0)]), 50)
    delivery.hasten(newest, 500)

    assert [flight.answer_due_ms for flight in delivery.flights] == [500, 100, 900]
