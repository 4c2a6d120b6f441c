"""Proofs of a hello: held against what is stored, in few reads, whatever a hub says."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cloud.ingest.proofs import proved_seq
from cloud.readings.store import StoredFrame
from cloud.scope import Scope
from shared.frames import Gap, GapKind, encode_frame, frame_of
from shared.proofs import counters_of, proof_of
from shared.protocol import MAX_RANGES_PER_RECEIPT, Hello, LogState, Receipt, encode_message
from shared.ranges import Range
from shared.readings import StampedSample
from shared.units import INT64_MAX, INT64_MIN
from tests.support.cloud import LOG_ID, METER, START_MS, MemoryReadingStore, payload_of, samples_of
from tests.support.ingest import THING, Cloud
from tests.support.stores import STORES, kept_on

ALL = samples_of(1, 30)


@pytest.fixture(name="cloud", params=STORES)
def _cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with kept_on(request.param):
        cloud = Cloud(tmp_path)
        cloud.send(payload_of(ALL[:20]), payload_of(ALL[20:]))
        yield cloud
        cloud.database.close()


def proofs_of(*samples: StampedSample) -> list[tuple[int, str, str]]:
    """Prove rows as a hub does that holds these."""
    return [proof_of(one.seq, one.registers) for one in samples]


def another(sample: StampedSample) -> StampedSample:
    """Another row under the same number."""
    return StampedSample(sample.seq, sample.taken_at_ms, {"import_mwh": 7}, 0)


def greet(cloud: Cloud, proofs: Sequence[tuple[int, str, str]]) -> Receipt:
    """Say hello with proofs of the tests' log."""
    state = LogState(LOG_ID.hex(), METER, 1, 30, list(proofs))
    ((_, receipt),) = cloud.service.greet(
        THING, encode_message(Hello("0.1.0", 1, [state], "hello-1"))
    )
    return receipt


def test_the_last_row_that_is_the_same_is_proved(cloud: Cloud) -> None:
    """Over frames, and whether they come in order or not."""
    assert greet(cloud, proofs_of(ALL[4], ALL[24])).proved == 25
    assert greet(cloud, proofs_of(ALL[24], ALL[4])).proved == 25


def test_nothing_is_proved_from_the_first_row_that_differs(cloud: Cloud) -> None:
    """Two copies that have parted meet again only by chance."""
    assert greet(cloud, proofs_of(ALL[4], another(ALL[9]), ALL[24])).proved == 5
    assert greet(cloud, proofs_of(another(ALL[4]), ALL[24])).proved == 0


def test_a_row_that_is_not_stored_proves_nothing(cloud: Cloud) -> None:
    """Nor does it speak against the others."""
    unknown = samples_of(90, 1)[0]

    assert greet(cloud, proofs_of(ALL[4], unknown)).proved == 5
    assert greet(cloud, proofs_of(unknown)).proved == 0


def test_a_hello_without_proofs_is_answered_as_ever(cloud: Cloud) -> None:
    """Nor is anything looked up, and the receipt has no word of it."""
    receipt = greet(cloud, [])

    assert receipt.proved == 0
    assert b"proved" not in encode_message(receipt)


def test_hostile_proofs_prove_nothing(cloud: Cloud) -> None:
    """Any number, any text, the same one over and over."""
    for seq in (INT64_MIN, -1, 0, 1, INT64_MAX):
        assert greet(cloud, [(seq, "", ""), (seq, "x" * 500, "é")]).proved == 0
    assert greet(cloud, proofs_of(*[ALL[3]] * 32)).proved == 4


def test_another_hubs_log_is_not_held_against_anything(cloud: Cloud) -> None:
    """It is refused, and nothing of it is told."""
    state = LogState(LOG_ID.hex(), METER, 1, 30, proofs_of(ALL[4]))
    hello = encode_message(Hello("0.1.0", 1, [state], "hello-1"))

    ((_, receipt),) = cloud.service.greet("hub-2", hello)

    assert [code for _, _, code in receipt.rejected] == ["wrong-hub"]
    assert receipt.proved == 0


def test_the_end_of_a_log_is_told_however_many_ranges_it_has(tmp_path: Path) -> None:
    """A hub that is not told of it would take its next numbers for free."""
    cloud = Cloud(tmp_path)
    for start in range(1, 4 * MAX_RANGES_PER_RECEIPT, 2):
        cloud.send(payload_of(samples_of(start, 1)))

    receipt = greet(cloud, [])

    assert len(receipt.stored) == MAX_RANGES_PER_RECEIPT
    assert receipt.stored[-1][1] == 4 * MAX_RANGES_PER_RECEIPT - 1


class CountingStore(MemoryReadingStore):
    """Counts what is asked of it."""

    def __init__(self, frames: list[StoredFrame]) -> None:
        super().__init__()
        self.add_frames(HOME, frames)
        self.asked: list[Sequence[Range]] = []

    def frames_of_log(
        self, scope: Scope, log_id: str, ranges: Sequence[Range]
    ) -> list[StoredFrame]:
        """Find frames as ever."""
        self.asked.append(ranges)
        return super().frames_of_log(scope, log_id, ranges)


HOME = Scope.of("home")


def store_of(
    samples: Sequence[StampedSample], gaps: Sequence[Gap] = (), revision: int = 0
) -> CountingStore:
    """Make a store of one frame."""
    payload = encode_frame(frame_of(LOG_ID, METER, revision, samples, gaps=gaps))
    one = StoredFrame(
        THING, LOG_ID.hex(), METER, revision, 1, 5, START_MS, START_MS, START_MS, b"d", payload
    )
    return CountingStore([one])


def test_a_row_of_which_only_the_counters_are_stored_is_proved() -> None:
    """As consent let it leave."""
    thinned = [
        StampedSample(one.seq, one.taken_at_ms, counters_of(one.registers), one.quality)
        for one in ALL[:5]
    ]

    assert proved_seq(store_of(thinned), HOME, LOG_ID.hex(), proofs_of(ALL[4])) == 5


def test_a_row_that_was_withheld_is_not_proved() -> None:
    """All that is known of it is that it was."""
    store = store_of(ALL[:3], [Gap(GapKind.WITHHELD, 4, 5)])

    assert proved_seq(store, HOME, LOG_ID.hex(), proofs_of(ALL[4])) == 0
    assert proved_seq(store, HOME, LOG_ID.hex(), proofs_of(ALL[2], ALL[4])) == 3


def test_a_row_that_was_moved_in_time_is_proved() -> None:
    """When it was read is known better by now; what it says is the same."""
    moved = [
        StampedSample(one.seq, one.taken_at_ms + 5_000, one.registers, one.quality)
        for one in ALL[:5]
    ]
    store = store_of(moved, revision=1)

    assert proved_seq(store, HOME, LOG_ID.hex(), proofs_of(ALL[4])) == 5


def test_proofs_of_a_log_are_read_at_once() -> None:
    """Each place once, in one look-up."""
    store = store_of(ALL[:5])

    proved_seq(store, HOME, LOG_ID.hex(), proofs_of(ALL[4], ALL[1], ALL[4]))

    assert store.asked == [[(2, 2), (5, 5)]]
