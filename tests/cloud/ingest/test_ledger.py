"""What ingest says and shows of gaps: ages, declarations, and reminders."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.ingest import merge, repository
from cloud.ingest.merger import Merger
from shared.frames import Frame, Gap, GapKind, encode_frame, frame_of
from shared.outlines import outline_of
from shared.protocol import Status, encode_message
from shared.units import MS_PER_DAY
from tests.support.cloud import LOG_ID, METER, MemoryReadingStore, frame_at, payload_of, samples_of
from tests.support.ingest import HOME, NOW_MS, THING, Cloud

HOUR_S = 3_600


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path, receipt_interval_s=HOUR_S)


def _gap(kind: GapKind, first: int, last: int, revision: int = 0) -> Frame:
    return frame_of(LOG_ID, METER, revision, [], gaps=[Gap(kind, first, last)])


def test_gap_is_dated_over_restarts_and_closes_when_stored(tmp_path: Path) -> None:
    """The ledger is in the database: another process knows since when, and closes it."""
    Cloud(tmp_path).send(payload_of(samples_of(1, 5)), payload_of(samples_of(11, 5)))
    cloud = Cloud(tmp_path)
    cloud.clock.advance_to(NOW_MS + 60_000)

    cloud.send(payload_of(samples_of(16, 5)))
    while_open = cloud.log()
    cloud.send(payload_of(samples_of(6, 5)))

    assert while_open.missing == [(6, 10, NOW_MS)]
    assert while_open.hole_since_ms == NOW_MS
    assert (cloud.log().missing, cloud.log().hole_since_ms) == ([], None)


def test_every_frame_is_answered_while_there_is_a_hole(cloud: Cloud) -> None:
    """Whatever the interval: before what the hub has said that it holds, too."""
    cloud.greet(1, 20)
    cloud.clock.advance_to(NOW_MS + 1_000)

    with_hole = cloud.send(payload_of(samples_of(11, 5)))
    still = cloud.send(payload_of(samples_of(16, 5)))
    closing = cloud.send(payload_of(samples_of(1, 10)))

    assert [len(with_hole), len(still), len(closing)] == [1, 1, 0]
    assert still[0].stored == [(11, 20, 0)]


def test_old_hole_waits_for_the_interval_again(cloud: Cloud) -> None:
    """A range that the hub holds back for good must not cost a receipt with every frame."""
    cloud.send(payload_of(samples_of(1, 5)), payload_of(samples_of(11, 5)))
    cloud.clock.advance_to(NOW_MS + repository.REMIND_OLD_MS)
    late_ms = cloud.clock.utc_ms() - 300_000

    first = cloud.send(payload_of(samples_of(16, 5, start_ms=late_ms)))
    second = cloud.send(payload_of(samples_of(21, 5, start_ms=late_ms)))

    assert [len(first), len(second)] == [1, 0]


def test_hole_that_the_hub_no_longer_holds_is_asked_for_no_more(cloud: Cloud) -> None:
    """It is shown for good, and costs no receipt with every frame."""
    cloud.greet(1, 20)
    cloud.send(payload_of(samples_of(11, 5)))
    cloud.greet(11, 20)

    receipts = cloud.send(payload_of(samples_of(16, 5)))

    assert receipts == []
    assert cloud.log().missing == [(1, 10, NOW_MS)]


def test_hub_online_is_reminded_of_its_hole(cloud: Cloud) -> None:
    """Within minutes and not an hour, then hourly, and not at all once it is filled."""
    cloud.connect()
    cloud.send(payload_of(samples_of(1, 5)), payload_of(samples_of(11, 5)))

    at_once = cloud.service.remind()
    cloud.clock.advance_to(NOW_MS + repository.REMIND_MS)
    soon = cloud.service.remind()
    again = cloud.service.remind()
    cloud.clock.advance_to(NOW_MS + repository.REMIND_OLD_MS + repository.REMIND_MS - 1)
    not_yet = cloud.service.remind()
    cloud.clock.advance_to(NOW_MS + repository.REMIND_OLD_MS + repository.REMIND_MS)
    hourly = cloud.service.remind()
    cloud.send(payload_of(samples_of(6, 5)))
    cloud.clock.advance_to(NOW_MS + MS_PER_DAY)
    filled = cloud.service.remind()

    found = [at_once, soon, again, not_yet, hourly, filled]
    assert [len(one) for one in found] == [0, 1, 0, 0, 1, 0]
    assert soon[0].thing == THING
    assert soon[0].receipt.stored == [(1, 5, 0), (11, 15, 0)]


def test_hub_that_is_away_is_not_reminded(cloud: Cloud) -> None:
    """Its next hello is answered anyway."""
    cloud.connect()
    cloud.send(payload_of(samples_of(1, 5)), payload_of(samples_of(11, 5)))
    cloud.service.note_status(THING, encode_message(Status("a", online=False)))
    cloud.clock.advance_to(NOW_MS + MS_PER_DAY)

    assert cloud.service.remind() == []


def test_declared_places_close_the_gap_and_are_counted_apart(cloud: Cloud) -> None:
    """Each kind is stored as such; a sample that comes after all wins."""
    cloud.greet(1, 37)

    cloud.send(
        payload_of(samples_of(1, 5)),
        encode_frame(_gap(GapKind.WITHHELD, 6, 15)),
        encode_frame(_gap(GapKind.THINNED, 16, 25)),
        encode_frame(_gap(GapKind.DAMAGED, 26, 30)),
        encode_frame(_gap(GapKind.UNTIMED, 31, 37)),
    )
    cloud.send(encode_frame(_gap(GapKind.THINNED, 16, 25)), payload_of(samples_of(14, 4)))

    log = cloud.log()
    assert log.missing == []
    assert (log.withheld_count, log.thinned_count, log.damaged_count) == (8, 8, 5)
    assert log.untimed_count == 7


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_declared_counts_are_those_of_all_that_is_stored(seed: int) -> None:
    """In any order, split and repetition: each place without a sample that counts counts once."""
    rng = random.Random(seed)
    said = {seq: rng.choice([None, *GapKind]) for seq in range(1, 30)}
    arriving = []
    for _ in range(14):
        first = rng.randint(1, 29)
        last = min(first + rng.randint(0, 8), 29)
        gaps = [
            Gap(kind, seq, seq) for seq in range(first, last + 1) if (kind := said[seq]) is not None
        ]
        samples = [one for one in samples_of(first, last - first + 1) if said[one.seq] is None]
        if rng.random() < 0.2:
            gaps, samples = [Gap(GapKind.WITHHELD, first, last)], []
            said |= {s: GapKind.WITHHELD for s in range(first, last + 1) if said[s] is not None}
        arriving.append(frame_of(LOG_ID, METER, rng.randint(0, 1), samples, gaps=gaps))
    store, coverage = MemoryReadingStore(), list[merge.Covered]()
    counts = dict.fromkeys(GapKind, 0)

    for frame in arriving:
        merger = Merger(store, HOME, THING)
        span = (frame.first_seq, frame.last_seq)
        overlaps = merge.overlaps(coverage, *span)
        merger.merge(outline_of(frame), encode_frame(frame), 0, may_overlap=overlaps)
        merger.finish()
        coverage = merge.cover(coverage, *span, frame.revision)
        for kind, number in merger.declared[LOG_ID.hex()].items():
            counts[kind] += number

    covered = {seq for first, last, _ in coverage for seq in range(first, last + 1)}
    sampled = {seq for _, seq in merge.effective(arriving)}
    assert sum(counts.values()) == len(covered - sampled)
    assert min(counts.values()) >= 0


def test_frame_over_old_frames_of_the_other_kind_counts_once() -> None:
    """The higher revision says why a place has no sample."""
    old, new = _gap(GapKind.WITHHELD, 1, 9), _gap(GapKind.DAMAGED, 4, 5, revision=1)

    counts = merge.declared_by([old, new, frame_at(samples_of(1, 2))], 1, 9)

    assert counts == {GapKind.WITHHELD: 5, GapKind.DAMAGED: 2}
