"""What the hub knows of each log's delivery: stored, in flight, refused. Pure.

Only a receipt moves anything to stored; a message handed to the broker is merely in flight.
"""

from dataclasses import dataclass, field

from shared.protocol import Receipt
from shared.ranges import Range, contains, subtract, union

REENCODE_TRIES = 1
"""A refused range is encoded anew this often; then it is held and shown (DESIGN §5)."""

FINAL_CODES = frozenset({"too-late"})
"""Refusals that no other encoding mends: the range is held at once."""


@dataclass(slots=True)
class Flight:
    """A frame handed over and not yet answered."""

    first_seq: int
    last_seq: int
    answer_due_ms: int


@dataclass(slots=True)
class Delivery:
    """One log's delivery."""

    stored: list[tuple[int, int, int]] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    refused: list[tuple[int, int, str]] = field(default_factory=list)
    refusals: dict[Range, int] = field(default_factory=dict)
    timeless: list[Range] = field(default_factory=list)
    waiting: set[Range] = field(default_factory=set)
    receipt_revision: int = -1
    last_framed_ms: int | None = None
    framed_to: int = 0

    def stored_ranges(self) -> list[Range]:
        """List what is stored, whatever its revision."""
        return union((first, last) for first, last, _ in self.stored)

    def unsent(self, held: Range) -> list[Range]:
        """List what of the rows held can be sent: not stored, in flight, refused or timeless.

        Nor what was found to wait for the end of its span since its log's turn came last.
        """
        taken = [(first, last) for first, last, _ in self.stored]
        taken += [(flight.first_seq, flight.last_seq) for flight in self.flights]
        taken += [(first, last) for first, last, _ in self.refused]
        unsent = subtract([held], taken + self.timeless)
        return [one for one in unsent if one not in self.waiting]

    def unstored(self, held: Range) -> list[Range]:
        """List what of the rows held no receipt has named."""
        return subtract([held], [(first, last) for first, last, _ in self.stored])

    def apply(self, receipt: Receipt) -> list[tuple[int, int, str]]:
        """Take in a receipt; return the ranges it makes the hub hold.

        An older one changes nothing, nor does the same one again: a refusal counts once.
        """
        if receipt.revision <= self.receipt_revision:
            return []
        self.receipt_revision = receipt.revision
        self.stored = merge_stored([*self.stored, *receipt.stored])
        answered = union((first, last) for first, last, _ in receipt.stored)
        refused = [(first, last) for first, last, _ in receipt.rejected]
        self.flights = [
            flight
            for flight in self.flights
            if not contains(answered, flight.first_seq, flight.last_seq)
            and (flight.first_seq, flight.last_seq) not in refused
        ]
        return [held for one in receipt.rejected if (held := self._refuse(one)) is not None]

    def hasten(self, receipt: Receipt, due_ms: int) -> None:
        """Expect sooner what a receipt passes over though it lists something later as stored.

        That frame was lost on the way, unless its answer is yet to come: it is sent again at
        `due_ms` rather than when a receipt of the steady flow would be overdue.
        """
        if receipt.revision != self.receipt_revision:
            return
        newest_seq = max((last for _, last, _ in receipt.stored), default=0)
        for flight in self.flights:
            if flight.last_seq < newest_seq:
                flight.answer_due_ms = min(flight.answer_due_ms, due_ms)

    def _refuse(self, rejected: tuple[int, int, str]) -> tuple[int, int, str] | None:
        span = (rejected[0], rejected[1])
        self.refusals[span] = self.refusals.get(span, 0) + 1
        if self.refusals[span] <= REENCODE_TRIES and rejected[2] not in FINAL_CODES:
            return None
        del self.refusals[span]
        self.refused.append(rejected)
        return rejected

    def overdue(self, now_ms: int) -> list[Flight]:
        """Take back the flights whose answer is overdue, so that they are sent again."""
        late = [flight for flight in self.flights if flight.answer_due_ms <= now_ms]
        self.flights = [flight for flight in self.flights if flight.answer_due_ms > now_ms]
        return late


def merge_stored(ranges: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Merge stored ranges of the same revision; where two revisions overlap, the higher holds."""
    merged: list[tuple[int, int, int]] = []
    above: list[Range] = []
    for revision in sorted({r for _, _, r in ranges}, reverse=True):
        mine = union((first, last) for first, last, r in ranges if r == revision)
        merged += [(first, last, revision) for first, last in subtract(mine, above)]
        above = union([*above, *mine])
    return sorted(merged)
