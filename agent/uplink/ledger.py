"""What the hub knows of each log's delivery: stored, in flight, refused. Pure.

Only a receipt moves anything to stored; a message handed to the broker is merely in flight.
"""

from dataclasses import dataclass, field

from shared.frames import MAX_SEQ
from shared.protocol import MAX_RANGES_PER_RECEIPT, Receipt
from shared.ranges import Range, contains, intersect, subtract, union

REENCODE_TRIES = 1
"""A refused range is encoded anew this often; then it is held and shown (DESIGN §5)."""

Stored = tuple[int, int, int]
"""First and last sequence, both included, and a frame revision."""
FINAL_CODES = frozenset({"too-late"})
"""Refusals that no other encoding mends: the range is held at once."""

TOO_LARGE = "too-large"
"""What fewer rows mend: such a range is cut smaller, and let go at the next start if it is held."""


@dataclass(slots=True)
class Flight:
    """A frame handed over and not yet answered."""

    first_seq: int
    last_seq: int
    answer_due_ms: int
    revision: int = 0


@dataclass(slots=True)
class Delivery:
    """One log's delivery."""

    stored: list[Stored] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    refused: list[tuple[int, int, str]] = field(default_factory=list)
    refusals: dict[Range, int] = field(default_factory=dict)
    timeless: list[Range] = field(default_factory=list)
    waiting: set[Range] = field(default_factory=set)
    receipt_revision: int = -1
    last_framed_ms: int | None = None
    framed_to: int = 0
    wanted: list[Stored] = field(default_factory=list)
    clock_pieces: int = -1
    """How many pieces of the clock ledger `wanted` and `timeless` are of."""
    learned_at_ms: int = 0
    open_from_seq: int | None = None
    """The next row, where it may be wanted at the revision of the last one: its span goes on."""

    def learn(self, wanted: list[Stored], last_held: int) -> list[tuple[int, int, str]]:
        """Take in what another piece of the clock ledger has changed; return what it lets go.

        What was refused at another revision is another frame now: a wrong time may be why.
        """
        changed = subtract(wanted, set(wanted) & set(self.wanted))
        let_go = [one for one in self.refused if intersect([(one[0], one[1])], changed)]
        self.wanted = wanted
        self.open_from_seq = last_held + 1 if wanted and wanted[-1][1] >= last_held else None
        self.refused = [one for one in self.refused if one not in let_go]
        if changed:
            self.refusals.clear()
        self.timeless.clear()
        self.waiting.clear()
        return let_go

    def stored_ranges(self) -> list[Range]:
        """List what is stored at the revision wanted of it, or at a higher one."""
        return union(
            part
            for first, last, revision in self._by_revision((0, MAX_SEQ))
            for part in intersect([(first, last)], _at_least(self.stored, revision))
        )

    def unsent(self, held: Range) -> list[Range]:
        """List what of the rows held can be sent: not stored, in flight, refused or timeless.

        Each range is wanted at one revision; what is stored or in flight at a lower one is unsent.
        Nor what was found to wait for the end of its span since its log's turn came last.
        """
        refused = [(first, last) for first, last, _ in self.refused]
        flights = [(one.first_seq, one.last_seq, one.revision) for one in self.flights]
        unsent = [
            part
            for first, last, revision in self._by_revision(held)
            for part in subtract(
                [(first, last)],
                [*_at_least([*self.stored, *flights], revision), *refused, *self.timeless],
            )
        ]
        return [
            one for one in unsent if one not in self.waiting and not self._goes_on(one[1], held)
        ]

    def _goes_on(self, last_seq: int, held: Range) -> bool:
        """Tell whether rows heard since may be wanted with those up to here, and are not yet.

        Its last span would be closed without them; they are learned of in seconds.
        """
        return last_seq + 1 == self.open_from_seq and last_seq < held[1]

    def unstored(self, held: Range) -> list[Range]:
        """List what of the rows held no receipt has named at the revision wanted of it."""
        return union(
            part
            for first, last, revision in self._by_revision(held)
            for part in subtract([(first, last)], _at_least(self.stored, revision))
        )

    def revision_of(self, seq: int) -> int:
        """Tell at which revision a sequence is wanted."""
        return next((r for first, last, r in self.wanted if first <= seq <= last), 0)

    def _by_revision(self, held: Range) -> list[Stored]:
        """Part a range by the revision that is wanted, in order."""
        if not self.wanted:
            return [(*held, 0)]
        parts = [
            (*part, revision)
            for first, last, revision in self.wanted
            for part in intersect([held], [(first, last)])
        ]
        rest = subtract([held], [(first, last) for first, last, _ in self.wanted])
        return sorted([*parts, *((first, last, 0) for first, last in rest)])

    def doubt(self, receipt: Receipt, *, is_answer: bool) -> bool:
        """Take back what a newer receipt lacks: its store was put back from a copy.

        Certain where it answers the last hello, so was written after the hub heard that those are
        stored; returns whether it takes a hello to know. Call it before `apply`.
        """
        forgotten = self._lacking(receipt)
        if forgotten and is_answer:
            self.stored = [
                (*part, revision)
                for first, last, revision in self.stored
                for part in subtract([(first, last)], forgotten)
            ]
        return bool(forgotten) and not is_answer

    def _lacking(self, receipt: Receipt) -> list[Range]:
        """List what was stored and is not in this receipt, where it must have all of it.

        Not where it is older, may have no room for more, or refuses what it has no log for.
        """
        is_newer = receipt.revision > self.receipt_revision
        if not is_newer or receipt.rejected or len(receipt.stored) >= MAX_RANGES_PER_RECEIPT:
            return []
        return union(
            part
            for first, last, revision in self.stored
            for part in subtract([(first, last)], _at_least(receipt.stored, revision))
        )

    def apply(self, receipt: Receipt) -> list[tuple[int, int, str]]:
        """Take in a receipt; return the ranges it makes the hub hold.

        An older one changes nothing, nor does the same one again: a refusal counts once.
        """
        if receipt.revision <= self.receipt_revision:
            return []
        self.receipt_revision = receipt.revision
        self.stored = merge_stored([*self.stored, *receipt.stored])
        refused = [(first, last) for first, last, _ in receipt.rejected]
        counted = [one for one in receipt.rejected if self._is_of_now((one[0], one[1]))]
        self.flights = [
            flight
            for flight in self.flights
            if not contains(
                union(_at_least(receipt.stored, flight.revision)), flight.first_seq, flight.last_seq
            )
            and (flight.first_seq, flight.last_seq) not in refused
        ]
        return [held for one in counted if (held := self._refuse(one)) is not None]

    def _is_of_now(self, span: Range) -> bool:
        """Tell whether what was rejected is what would be sent again: not an older revision."""
        wanted = max(revision for _, _, revision in self._by_revision(span))
        return not wanted or any(
            (one.first_seq, one.last_seq) == span and one.revision >= wanted for one in self.flights
        )

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


def _at_least(ranges: list[Stored], revision: int) -> list[Range]:
    return [(first, last) for first, last, its in ranges if its >= revision]


def merge_stored(ranges: list[Stored]) -> list[Stored]:
    """Merge stored ranges of the same revision; where two revisions overlap, the higher holds."""
    merged: list[Stored] = []
    above: list[Range] = []
    for revision in sorted({r for _, _, r in ranges}, reverse=True):
        mine = union((first, last) for first, last, r in ranges if r == revision)
        merged += [(first, last, revision) for first, last in subtract(mine, above)]
        above = union([*above, *mine])
    return sorted(merged)
