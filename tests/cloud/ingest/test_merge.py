"""Merge: the same state for any order, split, repetition and revision of frames."""

import random
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.ingest import merge
from cloud.ingest.merger import Merger, Verdict
from cloud.readings.store import RunKey
from cloud.readings.usage import RunEdges, usage_by_slot
from cloud.scope import Scope
from shared.calendar import slot_of_sample, utc_day_of_slot
from shared.frames import Frame, Gap, GapKind, decode_frame, encode_frame, frame_of
from shared.meterdays import SlotEdges, edges_of, split_by_day
from shared.outlines import outline_of
from shared.readings import StampedSample
from shared.units import MS_PER_MINUTE
from tests.support.cloud import LOG_ID, METER, START_MS, MemoryReadingStore, frame_at, samples_of

SCOPE = Scope.of("home")
Samples = dict[int, dict[int, StampedSample]]
"""By revision and sequence: what a log says, with what was corrected later."""


class Cloud:
    """The merge with a store in memory and the coverage of the tests' one log."""

    def __init__(self) -> None:
        self.store = MemoryReadingStore()
        self.coverage: list[merge.Covered] = []
        self.verdicts: list[Verdict] = []

    def take(self, batch: Sequence[Frame]) -> None:
        """Merge one batch."""
        merger = Merger(self.store, SCOPE, "hub-1")
        for frame in batch:
            overlaps = merge.overlaps(self.coverage, frame.first_seq, frame.last_seq)
            verdict, _ = merger.merge(
                outline_of(frame), encode_frame(frame), 0, may_overlap=overlaps
            )
            self.verdicts.append(verdict)
            if verdict is not Verdict.CONFLICT:
                self.coverage = merge.cover(
                    self.coverage, frame.first_seq, frame.last_seq, frame.revision
                )
        merger.finish()

    def truth(self) -> dict[tuple[bytes, int], merge.Content]:
        """What the stored frames say, highest revisions winning."""
        return merge.effective(decode_frame(one.payload) for _, one in self.store.kept)

    def copies(self) -> list[tuple[int, int]]:
        """List (sequence, revision) of every stored copy of a sample."""
        frames = [decode_frame(one.payload) for _, one in self.store.kept]
        return sorted((seq, frame.revision) for frame in frames for seq in frame.sequences())


@st.composite
def logs(draw: st.DrawFn) -> tuple[Samples, list[Frame]]:
    """Draw what a log says over some hours, with corrections, and frames that carry all of it."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    count = draw(st.integers(3, 40))
    said: Samples = {0: {}}
    value, at_ms = 1_000_000, START_MS
    for seq in range(1, count + 1):
        value += rng.choice((0, 1, 1_000, 50_000))
        at_ms += rng.choice((10_000, 10 * MS_PER_MINUTE, 45 * MS_PER_MINUTE))
        said[0][seq] = StampedSample(
            seq, at_ms, {"import_mwh": value, "power_import_w": value % 99}
        )
    for revision in range(1, draw(st.integers(1, 3))):
        first = rng.randint(1, count)
        last = rng.randint(first, count)
        shift_ms = rng.choice((3_000, 40 * MS_PER_MINUTE, -40 * MS_PER_MINUTE))
        said[revision] = {
            seq: StampedSample(seq, one.taken_at_ms + shift_ms, one.registers)
            for seq, one in said[0].items()
            if first <= seq <= last
        }
    frames = [frame for revision in said for frame in _cuts(said[revision], revision, rng)]
    frames += [frame for revision in said for frame in _cuts(said[revision], revision, rng)]
    return said, frames


def _cuts(samples: dict[int, StampedSample], revision: int, rng: random.Random) -> list[Frame]:
    """Cut a run of samples into frames at chance places, a gap here and there between them."""
    frames = []
    left = [samples[seq] for seq in sorted(samples)]
    while left:
        size = rng.randint(1, 12)
        part, left = left[:size], left[size:]
        frames.append(frame_of(LOG_ID, METER, revision, part))
        if rng.random() < 0.3:
            gap = Gap(GapKind.WITHHELD, part[0].seq, part[-1].seq)
            frames.append(frame_of(LOG_ID, METER, revision, [], gaps=[gap]))
    return frames


def _winners(said: Samples) -> dict[int, StampedSample]:
    return {seq: one for revision in sorted(said) for seq, one in said[revision].items()}


def _days(samples: Sequence[StampedSample]) -> dict[int, SlotEdges]:
    times = [one.taken_at_ms for one in samples]
    return split_by_day(edges_of(times, [one.registers["import_mwh"] for one in samples]))


@settings(max_examples=150, deadline=None)
@given(logs(), st.integers(0, 2**32))
def test_any_order_split_and_repetition_gives_the_truth(
    drawn: tuple[Samples, list[Frame]], seed: int
) -> None:
    """However frames arrive, meter-days, coverage and samples are of the highest revisions."""
    said, frames = drawn
    rng = random.Random(seed)
    arriving = [*frames, *rng.sample(frames, len(frames) // 2)]
    rng.shuffle(arriving)
    cloud = Cloud()

    while arriving:
        size = rng.randint(1, 5)
        cloud.take(arriving[:size])
        arriving = arriving[size:]

    winners = _winners(said)
    key = RunKey("import_mwh", "")
    days = {day: edges for (*_, of, day), edges in cloud.store.edges.items() if of == key}
    assert days == _days(list(winners.values()))
    assert {seq: c.taken_at_ms for (_, seq), c in cloud.truth().items()} == {
        seq: one.taken_at_ms for seq, one in winners.items()
    }
    highest = {seq: revision for revision in sorted(said) for seq in said[revision]}
    assert [
        (seq, revision)
        for first, last, revision in cloud.coverage
        for seq in range(first, last + 1)
    ] == sorted(highest.items())
    assert cloud.copies() == sorted((seq, rev) for rev, of in said.items() for seq in of)
    assert Verdict.CONFLICT not in cloud.verdicts


@settings(max_examples=100, deadline=None)
@given(logs(), st.integers(0, 2**32))
def test_usage_sums_to_last_less_first_whatever_was_lost(
    drawn: tuple[Samples, list[Frame]], seed: int
) -> None:
    """With any frames lost in between, a run's usage is still its last less its first value."""
    _said, frames = drawn
    rng = random.Random(seed)
    kept = [frame for frame in frames if frame.times_ms and rng.random() < 0.4] or frames[:1]
    cloud = Cloud()

    cloud.take(kept)

    samples = sorted(
        (content.taken_at_ms, value)
        for content in cloud.truth().values()
        for register, _, value in content.values
        if register == "import_mwh"
    )
    edges: SlotEdges = {}
    for in_day in cloud.store.days(SCOPE, METER, RunKey("import_mwh", ""), 0, 10**6).values():
        edges.update(in_day)
    usage = usage_by_slot([RunEdges(0, edges)])
    total = sum(one.amount for one in usage.values())
    values = [value for _, value in samples]
    if values == sorted(values):
        assert total == values[-1] - values[0]
    assert total >= 0


def test_correction_after_sending_moves_a_sample_to_its_slot() -> None:
    """A higher revision takes a sample out of its old slot and into its new one."""
    early = [StampedSample(1, START_MS + 10_000, {"import_mwh": 5})]
    late = [StampedSample(1, START_MS + 86_400_000, {"import_mwh": 5})]
    cloud = Cloud()

    cloud.take([frame_at(early)])
    cloud.take([frame_at(late, revision=1)])

    slot = slot_of_sample(late[0].taken_at_ms)
    assert [(day, list(edges)) for (*_, day), edges in cloud.store.edges.items()] == [
        (utc_day_of_slot(slot), [slot])
    ]


def test_lower_revision_arriving_late_changes_nothing() -> None:
    """What a higher revision replaced may still arrive, and is kept without effect on usage."""
    old, new = samples_of(1, 5, value=100), samples_of(1, 5, value=900)
    cloud = Cloud()
    cloud.take([frame_at(new, revision=1)])
    before = dict(cloud.store.edges)

    cloud.take([frame_at(old)])

    assert cloud.store.edges == before
    assert cloud.coverage == [(1, 5, 1)]
    assert len(cloud.copies()) == 10


def test_other_content_at_the_same_revision_is_a_conflict() -> None:
    """Same log, sequence and revision with another value: set aside, nothing changes."""
    cloud = Cloud()
    cloud.take([frame_at(samples_of(1, 5))])
    before = dict(cloud.store.edges)

    cloud.take([frame_at(samples_of(5, 3, value=7))])

    assert cloud.verdicts == [Verdict.STORED, Verdict.CONFLICT]
    assert cloud.store.edges == before
    assert cloud.coverage == [(1, 5, 0)]


def test_a_sample_sent_again_with_less_is_no_conflict() -> None:
    """Consent narrowed between two sendings leaves power out; what came first stays."""
    whole = [
        StampedSample(one.seq, one.taken_at_ms, {**one.registers, "power_import_w": 400})
        for one in samples_of(1, 5)
    ]
    less_later, less_first, truth = Cloud(), Cloud(), Cloud()
    truth.take([frame_at(whole)])

    less_later.take([frame_at(whole), frame_at(samples_of(1, 5))])
    less_first.take([frame_at(samples_of(1, 5)), frame_at(whole)])

    assert Verdict.CONFLICT not in less_later.verdicts + less_first.verdicts
    assert less_later.store.edges == less_first.store.edges == truth.store.edges


def test_conflict_within_one_batch_is_seen() -> None:
    """Frames of one batch are held against each other too."""
    cloud = Cloud()

    cloud.take([frame_at(samples_of(1, 5)), frame_at(samples_of(1, 5, value=7))])

    assert cloud.verdicts == [Verdict.STORED, Verdict.CONFLICT]


def test_sample_wins_over_a_gap() -> None:
    """A place first withheld and then sent is a sample; one sent and then withheld stays one."""
    sample = samples_of(1, 3)
    gap = frame_of(LOG_ID, METER, 0, [], gaps=[Gap(GapKind.WITHHELD, 1, 3)])
    first_gap, first_sample = Cloud(), Cloud()

    first_gap.take([gap, frame_at(sample)])
    first_sample.take([frame_at(sample), gap])

    assert Verdict.CONFLICT not in first_gap.verdicts + first_sample.verdicts
    assert first_gap.store.edges == first_sample.store.edges != {}


def test_other_run_is_other_content_and_modulus_is_not() -> None:
    """A run names what a value belongs to; the modulus only says that it has wrapped."""
    samples = samples_of(1, 4)
    cloud = Cloud()

    cloud.take([frame_at(samples)])
    cloud.take([frame_at(samples_of(1, 5), runs={"import_mwh": ("", 10**9)})])
    cloud.take([frame_at(samples, runs={"import_mwh": ("other", 0)})])

    assert cloud.verdicts == [Verdict.STORED, Verdict.STORED, Verdict.CONFLICT]
    assert cloud.store.modulus[("home", METER, RunKey("import_mwh", ""))] == 10**9


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 8), st.integers(0, 2)), min_size=1, max_size=12
    )
)
def test_coverage_keeps_the_highest_revision_of_each_place(
    spans: list[tuple[int, int, int]],
) -> None:
    """Laying ranges over each other is the highest revision, place by place, in fewest ranges."""
    coverage: list[merge.Covered] = []
    places: dict[int, int] = {}

    for first, length, revision in spans:
        coverage = merge.cover(coverage, first, first + length, revision)
        for seq in range(first, first + length + 1):
            places[seq] = max(revision, places.get(seq, 0))

    assert {
        seq: revision for first, last, revision in coverage for seq in range(first, last + 1)
    } == places
    for before, after in pairwise(coverage):
        assert before[1] < after[0]
        assert (before[1] + 1, before[2]) != (after[0], after[2])


def test_registers_that_do_not_count_up_stay_out_of_meter_days() -> None:
    """Power, and registers the table does not know, are stored in the frame alone."""
    samples = [StampedSample(1, START_MS + 1, {"power_import_w": 5, "unheard_of_mwh": 6})]
    cloud = Cloud()

    cloud.take([frame_at(samples)])

    assert cloud.store.edges == {}
    assert len(cloud.store.kept) == 1
