"""Merge of corrections: a higher revision decides its range, in whatever order frames come."""

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.ingest import merge
from cloud.ingest.merger import Merger
from cloud.readings.export import samples as export_samples
from cloud.readings.revisions import outranked
from cloud.readings.store import RunKey
from cloud.scope import Scope
from shared.frames import Frame, Gap, GapKind, decode_frame, encode_frame, frame_of
from shared.meterdays import SlotEdges, edges_of, split_by_day, usage_of_run
from shared.outlines import outline_of
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, MS_PER_MINUTE
from tests.support.cloud import (
    LOG_ID,
    METER,
    START_MS,
    MemoryReadingStore,
    frame_at,
    samples_of,
    stored_days,
)
from tests.support.ingest import Cloud

SCOPE = Scope.of("home")
IMPORT = RunKey("import_mwh", "")
SEQS = 30
Oracle = dict[int, StampedSample]


def said(revision: int, seq: int) -> StampedSample:
    """What a log says of a place at a revision: each dates it otherwise."""
    shift_ms = (0, 40, -70, 3_000)[revision] * MS_PER_MINUTE
    at_ms = START_MS + seq * 11 * MS_PER_MINUTE + shift_ms
    return StampedSample(seq, at_ms, {"import_mwh": 1_000_000 + seq * 1_000})


def frames_of(rng: random.Random, count: int) -> list[Frame]:
    """Frames of any revisions over any ranges, each place a sample or a gap of any kind."""
    frames = []
    for _ in range(count):
        first = rng.randint(1, SEQS)
        last = min(SEQS, first + rng.randint(0, 9))
        revision, dense = rng.randint(0, 3), rng.random()
        kinds = {seq: rng.choice(list(GapKind)) for seq in range(first, last + 1)}
        sampled = [seq for seq in kinds if rng.random() < dense]
        gaps = [Gap(kinds[seq], seq, seq) for seq in kinds if seq not in sampled]
        samples = [said(revision, seq) for seq in sampled]
        frames.append(frame_of(LOG_ID, METER, revision, samples, gaps=gaps))
    return frames


def winners(frames: list[Frame]) -> Oracle:
    """Say by brute force which sample of each place counts."""
    found: Oracle = {}
    for seq in range(1, SEQS + 1):
        sampled = [one.revision for one in frames if seq in one.sequences()]
        decided = [
            one.revision
            for one in frames
            for gap in one.gaps
            if gap.kind in (GapKind.WITHHELD, GapKind.THINNED)
            and gap.first_seq <= seq <= gap.last_seq
        ]
        if sampled and max(sampled) >= max(decided, default=0):
            found[seq] = said(max(sampled), seq)
    return found


def days_of(samples: Oracle) -> dict[int, SlotEdges]:
    ordered = sorted(samples.values(), key=lambda one: one.seq)
    times = [one.taken_at_ms for one in ordered]
    return split_by_day(edges_of(times, [one.registers["import_mwh"] for one in ordered]))


def merged(arriving: list[Frame], rng: random.Random) -> MemoryReadingStore:
    """Merge frames in batches of any size."""
    store, coverage = MemoryReadingStore(), list[merge.Covered]()
    left = list(arriving)
    while left:
        size = rng.randint(1, 4)
        merger = Merger(store, SCOPE, "hub-1")
        for frame in left[:size]:
            span = (frame.first_seq, frame.last_seq)
            overlaps = merge.overlaps(coverage, *span)
            merger.merge(outline_of(frame), encode_frame(frame), 0, may_overlap=overlaps)
            coverage = merge.cover(coverage, *span, frame.revision)
        merger.finish()
        left = left[size:]
    return store


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_any_frames_of_any_revisions_in_any_order_are_what_the_rule_says(seed: int) -> None:
    """Days, samples and usage are those of the samples that count, whatever came when."""
    rng = random.Random(seed)
    frames = frames_of(rng, rng.randint(1, 12))
    arriving = [*frames, *rng.sample(frames, len(frames) // 2)]
    rng.shuffle(arriving)

    store = merged(arriving, rng)

    expected = winners(frames)
    days = {day: edges for (*_, of, day), edges in store.edges.items() if of == IMPORT}
    assert days == days_of(expected)
    kept = [decode_frame(one.payload) for _, one in store.kept]
    times = {seq: one.taken_at_ms for (_, seq), one in merge.effective(kept).items()}
    assert times == {seq: one.taken_at_ms for seq, one in expected.items()}
    edges = {slot: one for in_day in days.values() for slot, one in in_day.items()}
    values = [one.registers["import_mwh"] for one in sorted(expected.values(), key=_time)]
    if values and values == sorted(values):
        used = usage_of_run(edges)
        assert sum(one.amount for one in used.values()) == values[-1] - values[0]


def _time(sample: StampedSample) -> int:
    return sample.taken_at_ms


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_ingest_and_export_follow_the_same_rule(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Through the whole ingest, in its database: days and `cloud samples` are the oracle's."""
    rng = random.Random(seed)
    frames = frames_of(rng, rng.randint(1, 10))
    arriving = [*frames, *rng.sample(frames, len(frames) // 2)]
    rng.shuffle(arriving)
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    cloud.clock.advance_to(START_MS + 10 * MS_PER_DAY)

    while arriving:
        cloud.send(*map(encode_frame, arriving[:3]))
        arriving = arriving[3:]

    expected = winners(frames)
    with cloud.database.reading() as connection:
        lines = [msgspec.json.decode(one) for one in export_samples(connection, with_all=False)]
    days = stored_days(cloud.database)
    cloud.database.close()
    assert sorted((one["seq"], one["taken_at_ms"]) for one in lines) == sorted(
        (one.seq, one.taken_at_ms) for one in expected.values()
    )
    assert days == days_of(expected)


def test_what_a_correction_withholds_takes_the_sample_away(tmp_path: Path) -> None:
    """A closing that moved is replaced, not doubled; the receipt lists the revision."""
    cloud = Cloud(tmp_path)
    first, last = said(0, 1), said(0, 9)
    moved = said(1, 5)
    old = frame_of(LOG_ID, METER, 0, [first, last], gaps=[Gap(GapKind.WITHHELD, 2, 8)])
    new = frame_of(
        LOG_ID,
        METER,
        1,
        [moved],
        gaps=[Gap(GapKind.WITHHELD, 3, 4), Gap(GapKind.WITHHELD, 6, 9)],
    )

    cloud.send(encode_frame(old))
    (receipt,) = cloud.send(encode_frame(new))

    with cloud.database.reading() as connection:
        lines = [msgspec.json.decode(one) for one in export_samples(connection, with_all=False)]
    assert [(one["seq"], one["revision"]) for one in lines] == [(1, 0), (5, 1)]
    assert receipt.stored == [(1, 2, 0), (3, 9, 1)]
    assert cloud.log().withheld_count == 7


@pytest.mark.parametrize("kind", [GapKind.DAMAGED, GapKind.UNTIMED])
def test_what_a_correction_has_lost_takes_nothing_away(kind: GapKind) -> None:
    """Better a sample at its old time than none, where the hub has it no more."""
    lost = frame_of(LOG_ID, METER, 1, [], gaps=[Gap(kind, 1, 5)])

    united = merge.effective([lost, frame_at(samples_of(1, 5))])

    assert [seq for _, seq in united] == [1, 2, 3, 4, 5]
    assert outranked(0, [lost]) == []


def test_what_was_thinned_before_a_correction_goes(tmp_path: Path) -> None:
    """Its time was wrong: beside what the hub kept it would count energy twice, or backwards."""
    cloud = Cloud(tmp_path)
    thinned = frame_of(
        LOG_ID, METER, 1, [said(1, 1), said(1, 5)], gaps=[Gap(GapKind.THINNED, 2, 4)]
    )

    cloud.send(encode_frame(thinned))
    (receipt,) = cloud.send(
        encode_frame(frame_of(LOG_ID, METER, 0, [said(0, s) for s in range(1, 6)]))
    )

    with cloud.database.reading() as connection:
        lines = [msgspec.json.decode(one) for one in export_samples(connection, with_all=False)]
    cloud.database.close()
    assert [(one["seq"], one["revision"]) for one in lines] == [(1, 1), (5, 1)]
    assert receipt.stored == [(1, 5, 1)]
