"""What a frame does to what is held: coverage, conflicts, register runs and meter-days. Pure.

The truth is the union of samples by (log, sequence), as `readings.revisions` says which of them
count. Everything here gives the same result for any order, split and repetition of frames.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from cloud.readings.revisions import DECIDING, decided_by, outranked, standing
from cloud.readings.store import RunKey
from shared.calendar import slot_of_sample, utc_day_of_slot
from shared.frames import Frame, Gap, GapKind
from shared.meterdays import SlotEdges, edges_of, join_into
from shared.ranges import Range, contains, count, intersect, subtract, union
from shared.readings import COUNTERS

Covered = tuple[int, int, int]
"""First and last sequence, both included, and the frame revision they are stored at."""


def cover(coverage: Sequence[Covered], first: int, last: int, revision: int) -> list[Covered]:
    """Lay a range over the coverage: each place keeps its highest revision, neighbours join."""
    if coverage and coverage[-1][1] + 1 == first and coverage[-1][2] == revision:
        return [*coverage[:-1], (coverage[-1][0], last, revision)]
    touched = [one for one in coverage if one[1] >= first and one[0] <= last]
    higher = [one[:2] for one in touched if one[2] > revision]
    pieces = [one for one in coverage if one[1] < first or one[0] > last]
    pieces += [(a, b, revision) for a, b in subtract([(first, last)], higher)]
    for one in touched:
        if one[2] > revision:
            pieces.append(one)
        else:
            pieces += [(a, b, one[2]) for a, b in subtract([one[:2]], [(first, last)])]
    return _joined(sorted(pieces))


def uncover(coverage: Sequence[Covered], first: int, last: int) -> list[Covered]:
    """Take a range out of the coverage."""
    return [(a, b, one[2]) for one in coverage for a, b in subtract([one[:2]], [(first, last)])]


def _joined(pieces: Iterable[Covered]) -> list[Covered]:
    joined: list[Covered] = []
    for first, last, revision in pieces:
        if joined and joined[-1][1] + 1 == first and joined[-1][2] == revision:
            joined[-1] = (joined[-1][0], last, revision)
        else:
            joined.append((first, last, revision))
    return joined


def overlaps(coverage: Sequence[Covered], first: int, last: int) -> bool:
    """Tell whether any place of the range is stored, at whatever revision."""
    return any(one[0] <= last and first <= one[1] for one in coverage)


def covers(coverage: Sequence[Covered], first: int, last: int, revision: int) -> bool:
    """Tell whether every place of the range is stored, at this revision or a higher one."""
    return not subtract([(first, last)], [one[:2] for one in coverage if one[2] >= revision])


def declared_by(frames: Sequence[Frame], first: int, last: int) -> Counter[GapKind]:
    """Count the places of a range that frames declare to hold no sample, by the reason.

    Of two gaps the higher revision's holds; within one revision the first of `GapKind`.
    """
    taken = union(part for _, parts in standing(frames) for part in parts)
    kinds = list(GapKind)
    gaps = [(one.revision, gap) for one in frames for gap in one.gaps]
    counts: Counter[GapKind] = Counter()
    for _, gap in sorted(gaps, key=lambda one: (-one[0], kinds.index(one[1].kind))):
        part = intersect([(gap.first_seq, gap.last_seq)], [(first, last)])
        new = subtract(part, taken)
        counts[gap.kind] += count(new)
        taken = union([*taken, *new])
    return counts


class Content(NamedTuple):
    """What a sample says: its time, quality, and (register, run, value) in order of name."""

    taken_at_ms: int
    quality: int
    values: tuple[tuple[str, str, int], ...]


def contents_of(frame: Frame) -> dict[int, Content]:
    """List what each sequence of a frame says."""
    columns = sorted(frame.columns, key=lambda column: column.register)
    return {
        seq: Content(
            frame.times_ms[place],
            frame.qualities[place],
            tuple(
                (column.register, column.run, value)
                for column in columns
                if (value := column.values[place]) is not None
            ),
        )
        for place, seq in enumerate(frame.sequences())
    }


class Comparison(NamedTuple):
    """How a frame stands to what is held of its log.

    `new` are the places of the range to keep; `conflict_seq` the first sample that is held at the
    same revision with other content; `stale_slots` the slots whose edges must be made anew. Fewer
    registers of a sample are no other content: the hub sends it with less where consent was
    narrowed meanwhile, and what came first stays.
    """

    new: list[Range]
    conflict_seq: int | None
    stale_slots: set[int]


def compare(frame: Frame, held: Sequence[Frame]) -> Comparison:
    """Compare a frame with the held frames of its log that share its range."""
    known: dict[int, dict[int, Content]] = {}
    for other in held:
        for seq, content in contents_of(other).items():
            if frame.first_seq <= seq <= frame.last_seq:
                known.setdefault(seq, {})[other.revision] = content
    outranked_by_held = outranked(frame.revision, held)
    new_seqs: list[Range] = []
    stale: set[int] = set()
    for seq, content in contents_of(frame).items():
        revisions = known.get(seq, {})
        same = revisions.get(frame.revision)
        if same is not None:
            if not _agree(same, content):
                return Comparison([], seq, set())
            continue
        new_seqs.append((seq, seq))
        if revisions or contains(outranked_by_held, seq, seq):
            stale.add(slot_of_sample(content.taken_at_ms))
            stale.update(slot_of_sample(other.taken_at_ms) for other in revisions.values())
    new_gaps = _new_gaps(frame, held)
    decided = intersect(decided_by(frame), new_gaps)
    for seq, revisions in known.items():
        if contains(decided, seq, seq):
            stale.update(
                slot_of_sample(other.taken_at_ms)
                for revision, other in revisions.items()
                if revision < frame.revision
            )
    return Comparison(union([*new_seqs, *new_gaps]), None, stale)


def _agree(one: Content, other: Content) -> bool:
    """Tell whether two are the same sample: consent may have left one fewer registers."""
    if (one.taken_at_ms, one.quality) != (other.taken_at_ms, other.quality):
        return False
    mine, others = set(one.values), set(other.values)
    return mine <= others or others <= mine


def _new_gaps(frame: Frame, held: Sequence[Frame]) -> list[Range]:
    """List the gaps of a frame that say what nothing held says yet.

    What decides against lower revisions is needless only where something else decides too.
    """
    peers = [one for one in held if one.revision >= frame.revision]
    said = [(one.first_seq, one.last_seq) for one in peers]
    decided = [part for one in peers for part in decided_by(one)]
    return union(
        part
        for gap in frame.gaps
        for part in subtract(
            [(gap.first_seq, gap.last_seq)], decided if gap.kind in DECIDING else said
        )
    )


def cut(frame: Frame, first: int, last: int) -> Frame:
    """Cut a part, both ends included, out of a frame."""
    sequences = frame.sequences()
    kept = [place for place, seq in enumerate(sequences) if first <= seq <= last]
    span = slice(kept[0], kept[-1] + 1) if kept else slice(0, 0)
    return msgspec.structs.replace(
        frame,
        first_seq=first,
        last_seq=last,
        times_ms=frame.times_ms[span],
        columns=[
            msgspec.structs.replace(column, values=column.values[span])
            for column in frame.columns
            if any(value is not None for value in column.values[span])
        ],
        qualities=frame.qualities[span],
        gaps=[
            Gap(gap.kind, *part)
            for gap in frame.gaps
            for part in intersect([(gap.first_seq, gap.last_seq)], [(first, last)])
        ],
    )


def effective(frames: Iterable[Frame]) -> dict[tuple[bytes, int], Content]:
    """Unite frames: what each (log, sequence) says by the sample of it that counts."""
    united: dict[tuple[bytes, int], Content] = {}
    for frame, places in standing(frames):
        for seq, content in contents_of(frame).items():
            if contains(places, seq, seq):
                united[frame.log_id, seq] = content
    return united


def remake(frames: Iterable[Frame], slots: set[int]) -> dict[RunKey, SlotEdges]:
    """Make the edges of these slots anew from every frame that has a say in them."""
    samples: dict[RunKey, tuple[list[int], list[int]]] = {}
    for content in effective(frames).values():
        if slot_of_sample(content.taken_at_ms) not in slots:
            continue
        for register, run, value in content.values:
            if register in COUNTERS:
                times, values = samples.setdefault(RunKey(register, run), ([], []))
                times.append(content.taken_at_ms)
                values.append(value)
    return {key: edges_of(times, values) for key, (times, values) in samples.items()}


def days_of(edges: Mapping[int, object]) -> list[int]:
    """List the UTC days that edges, or slots, fall on."""
    return sorted({utc_day_of_slot(slot) for slot in edges})


def join_days(known: dict[int, SlotEdges], edges: SlotEdges) -> None:
    """Join edges into the days they belong to."""
    for utc_day in days_of(edges):
        in_day = {slot: one for slot, one in edges.items() if utc_day_of_slot(slot) == utc_day}
        join_into(known.setdefault(utc_day, {}), in_day)


def reach(before: SlotEdges, after: SlotEdges, slots: Iterable[int]) -> list[Range]:
    """List the slots whose usage differs where the edges of `slots` went from before to after.

    What is known of a slot bears on its neighbours as far as the next known ones: a gap between
    them is spread over the time. `before` holds at least the next known slot on either side.
    """
    known = sorted(before.keys() | after.keys())
    changed = union(
        (slot, slot)
        for slot in slots
        if slot in after or slot in before
        if before.get(slot) != after.get(slot)
    )
    reached: list[Range] = []
    for first, last in changed:
        left, right = bisect_left(known, first) - 1, bisect_right(known, last)
        reached.append(
            (known[left] if left >= 0 else first, known[right] if right < len(known) else last)
        )
    return union(reached)
