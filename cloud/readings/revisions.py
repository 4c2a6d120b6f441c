"""Which samples count where frames of one log overlap: the one rule for all who read them. Pure.

A frame decides its range against lower revisions with its samples, with what it withholds and with
what was thinned: their times were wrong, and the corrected ones may not leave the hub, or are not
known there any more; the energy between what it kept stays exact. What it calls damaged or untimed
decides nothing, and within one revision a gap takes no sample away.
"""

from collections.abc import Iterable, Iterator

from shared.frames import Frame, GapKind
from shared.ranges import Range, subtract, union

DECIDING = frozenset({GapKind.WITHHELD, GapKind.THINNED})
"""What a gap of these kinds says decides its places against lower revisions."""


def decided_by(frame: Frame) -> list[Range]:
    """List the places of which nothing of a lower revision counts any more."""
    undecided = [(gap.first_seq, gap.last_seq) for gap in frame.gaps if gap.kind not in DECIDING]
    return subtract([(frame.first_seq, frame.last_seq)], undecided)


def sampled_by(frame: Frame) -> list[Range]:
    """List the places that a frame has samples of."""
    gaps = [(gap.first_seq, gap.last_seq) for gap in frame.gaps]
    return subtract([(frame.first_seq, frame.last_seq)], gaps)


def outranked(revision: int, others: Iterable[Frame]) -> list[Range]:
    """List the places of a log that these other frames of it decide against a revision."""
    return union(part for one in others if one.revision > revision for part in decided_by(one))


def standing(frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Range]]]:
    """Yield each frame with the places of its samples that count, the highest revision first."""
    by_log: dict[bytes, list[Frame]] = {}
    for one in frames:
        by_log.setdefault(one.log_id, []).append(one)
    for of_log in by_log.values():
        decided: list[Range] = []
        for revision in sorted({one.revision for one in of_log}, reverse=True):
            equals = [one for one in of_log if one.revision == revision]
            for one in equals:
                yield one, subtract(sampled_by(one), decided)
            decided = union([*decided, *(part for one in equals for part in decided_by(one))])
