"""What there is to say about a log at the end of a batch, and what a receipt has room for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cloud.ingest.merge import Covered
from shared.protocol import MAX_RANGES_PER_RECEIPT


@dataclass
class Answer:
    """One log's answer: whether it is due at once, which ranges it is about, which are refused.

    `proved` is the last sequence that the hub has proved to be the one stored.
    """

    is_due: bool = False
    touched: list[tuple[int, int]] = field(default_factory=list)
    rejected: list[tuple[int, int, str]] = field(default_factory=list)
    proved: int = 0


def listed(coverage: list[Covered], touched: Sequence[tuple[int, int]]) -> list[Covered]:
    """Choose what a receipt has room for: this batch's ranges first, then the oldest."""
    if len(coverage) <= MAX_RANGES_PER_RECEIPT:
        return coverage
    ordered = sorted(
        coverage,
        key=lambda one: (not any(one[0] <= b and a <= one[1] for a, b in touched), one[0]),
    )
    return sorted(ordered[:MAX_RANGES_PER_RECEIPT])
