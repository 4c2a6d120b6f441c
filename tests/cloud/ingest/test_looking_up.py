"""What is stored is asked once a log and batch, and only where frames lie over it."""

from collections.abc import Sequence

import pytest

from cloud.ingest import merge, merger
from cloud.ingest.merger import Merger, Verdict
from cloud.readings.store import StoredFrame
from cloud.scope import Scope
from shared.frames import Frame, decode_frame, encode_frame
from shared.outlines import outline_of
from shared.ranges import Range
from tests.support.cloud import LOG_ID, MemoryReadingStore, frame_at, samples_of

HOME = Scope.of("home")


class CountingStore(MemoryReadingStore):
    """A store that says what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[Range]] = []

    def frames_of_log(
        self, scope: Scope, log_id: str, ranges: Sequence[Range]
    ) -> list[StoredFrame]:
        """Note the ranges, and answer."""
        self.asked.append(list(ranges))
        return super().frames_of_log(scope, log_id, ranges)


def _take(
    store: MemoryReadingStore, coverage: Sequence[merge.Covered], frames: Sequence[Frame]
) -> list[Verdict]:
    """Merge a batch of one log as a hub's batch does."""
    batch = Merger(store, HOME, "hub-1")
    spans = [(one.first_seq, one.last_seq) for one in frames]
    batch.look_up(LOG_ID.hex(), spans, coverage)
    verdicts = []
    known = list(coverage)
    for frame, span in zip(frames, spans, strict=True):
        verdict, _ = batch.merge(
            outline_of(frame), encode_frame(frame), 0, may_overlap=merge.overlaps(known, *span)
        )
        verdicts.append(verdict)
        known = merge.cover(known, *span, frame.revision)
    batch.finish()
    return verdicts


def _frames(*starts: int) -> list[Frame]:
    return [frame_at(samples_of(start, 10)) for start in starts]


def test_a_batch_of_new_frames_asks_for_none() -> None:
    """Nor where one of them comes twice in the batch: what it is held against is in memory."""
    store = CountingStore()

    verdicts = _take(store, [], _frames(1, 11, 1, 21))

    assert verdicts == [Verdict.STORED, Verdict.STORED, Verdict.DUPLICATE, Verdict.STORED]
    assert store.asked == []


def test_frames_that_come_again_are_asked_for_at_once() -> None:
    """However many of a batch do; those that are new are not asked for."""
    store = CountingStore()
    _take(store, [], _frames(1, 11, 21, 31))

    verdicts = _take(store, [(1, 40, 0)], _frames(1, 41, 21, 51, 21))

    assert store.asked == [[(1, 10), (21, 30), (21, 30)]]
    assert [one is Verdict.DUPLICATE for one in verdicts] == [True, False, True, False, True]


def test_a_frame_that_nobody_looked_up_is_asked_for_itself() -> None:
    """As a letter is that is read in again."""
    store = CountingStore()
    _take(store, [], _frames(1))
    (again,) = _frames(1)

    verdict, _ = Merger(store, HOME, "hub-1").merge(
        outline_of(again), encode_frame(again), 0, may_overlap=True
    )

    assert (verdict, store.asked) == (Verdict.DUPLICATE, [[(1, 10)]])


def test_a_frame_over_stored_and_new_ones_is_held_against_both() -> None:
    """What was looked up and what the batch brought are one: nothing is stored twice."""
    store = CountingStore()
    _take(store, [], _frames(1))

    _take(store, [(1, 10, 0)], [*_frames(11), frame_at(samples_of(5, 20))])

    kept = [decode_frame(one.payload) for _, one in store.kept]
    assert sorted(seq for one in kept for seq in one.sequences()) == list(range(1, 25))


def test_new_frames_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their outline is all that the merge needs."""
    decoded: list[bytes] = []

    def decode(payload: bytes) -> Frame:
        decoded.append(payload)
        return decode_frame(payload)

    monkeypatch.setattr(merger, "decode_frame", decode)

    _take(MemoryReadingStore(), [], _frames(1, 11, 21, 1))

    assert decoded == []
