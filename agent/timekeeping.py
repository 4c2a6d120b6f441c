"""The clock ledger: what the hub believes about the time, piece by piece; rows are read through it.

A piece says that at one monotonic instant of one boot it was this UTC time, give or take. Rows
carry the boot and the monotonic time and are never rewritten. Pure, but for its table.
"""

from bisect import bisect_right, insort
from itertools import pairwise

from agent.pieces import (
    MAX_SHIFT_MS,
    BelievedTime,
    Dating,
    Piece,
    Revised,
    StepBack,
    Stretch,
    stretch_at,
    stretches,
)
from agent.rows import LogRow
from shared.readings import Quality
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_DAY

# A plain number: putting a flag to it would cost more than the rest of what dates a row.
_HUB_TIME = int(Quality.HUB_TIME)

METER_CLOCK_TOLERANCE_MS = 120_000
"""A meter's clock this close to the hub's trusted time is believed; one further off is not."""

ANY_CLOCK_MS = 2**62
"""The tolerance where the meters' own clocks are the only ones there are: a replay's."""

MAX_CAPTURE_AGE_MS = 2 * MS_PER_DAY
"""A sub-meter's capture is hourly or better; an older one is a meter that is no longer heard."""

MAX_KEPT_AGE_MS = 8 * MS_PER_DAY
"""What a meter kept may be asked for after a week's outage."""

MIN_CORRECTION_MS = 200
"""A source that agrees this well with what is believed adds no piece, so the ledger stays small."""

REFRESH_UNCERTAINTY_MS = 500


NOWHERE = Stretch(-1, 0, 0, [])


def _monotonic_ms(piece: Piece) -> int:
    return piece.monotonic_ms


class ClockLedger:
    """The pieces believed so far, and how far off a meter's clock may be to be believed."""

    def __init__(
        self, pieces: list[Piece] | None = None, tolerance_ms: int = METER_CLOCK_TOLERANCE_MS
    ) -> None:
        self.tolerance_ms = tolerance_ms
        self.base = 0
        """The highest number that was given in a life of this hub that the ledger knows not of."""
        self._pieces: dict[int, list[Piece]] = {}
        self._stretch = NOWHERE
        self._highest: int | None = None
        for piece in sorted(pieces or [], key=_monotonic_ms):
            self._pieces.setdefault(piece.boot, []).append(piece)

    def believe(self, piece: Piece) -> bool:
        """Take a piece in if it tells more than is known; say whether it did.

        A time before 2000 is a clock that was never set and tells nothing.
        """
        if piece.utc_ms < EARLIEST_PLAUSIBLE_MS:
            return False
        known = self.at(piece.boot, piece.monotonic_ms)
        if known is not None:
            off_ms = abs(known.utc_ms - piece.utc_ms)
            # Half, so that a source that is always imprecise adds a few pieces a day, not a minute.
            tells_more = 2 * piece.uncertainty_ms <= known.uncertainty_ms and (
                off_ms > MIN_CORRECTION_MS or known.uncertainty_ms > REFRESH_UNCERTAINTY_MS
            )
            margin_ms = known.uncertainty_ms + piece.uncertainty_ms
            contradicts = off_ms > max(margin_ms, MIN_CORRECTION_MS)
            if not tells_more and not contradicts:
                return False
        insort(self._pieces.setdefault(piece.boot, []), piece, key=_monotonic_ms)
        self._forget_findings()
        return True

    def at(self, boot: int, monotonic_ms: int) -> BelievedTime | None:
        """Tell the UTC time of a monotonic instant; None for a boot that never learned it."""
        stretch = self.stretch_of(boot, monotonic_ms)
        return stretch.latest(monotonic_ms) if stretch is not None else None

    def heard(self, boot: int, monotonic_ms: int) -> list[BelievedTime]:
        """List the times that held for what was heard at an instant, one after another."""
        return [one.time for one in self._numbered(boot, monotonic_ms)]

    def _numbered(self, boot: int, monotonic_ms: int) -> list[Dating]:
        stretch = self.stretch_of(boot, monotonic_ms - 1)
        return stretch.numbered(monotonic_ms) if stretch is not None else []

    def stretch_of(self, boot: int, monotonic_ms: int) -> Stretch | None:
        """Find the stretch that begins at or before an instant and ends after it, if it has words.

        What was heard at an instant is of the stretch of the millisecond before it.
        """
        stretch = self._stretch
        if boot != stretch.boot or not stretch.start_ms <= monotonic_ms < stretch.end_ms:
            # Rows are asked for one after another: a day of them lies between the same two pieces.
            pieces = self._pieces.get(boot, [])
            place = bisect_right(pieces, monotonic_ms, key=_monotonic_ms)
            earlier = sum(len(self._pieces[one]) for one in self._pieces if one < boot) + self.base
            stretch = stretch_at(boot, pieces, place, earlier) if pieces else NOWHERE
            self._stretch = stretch
        return stretch if stretch.words else None

    def revised(self) -> list[Revised]:
        """List where the time was moved by more than 2 s once it was known, with the last cause.

        A stretch is revised as a whole. The number of a later cause is higher.
        """
        found: list[Revised] = []
        earlier = self.base
        for boot, pieces in sorted(self._pieces.items()):
            found += [
                Revised(boot, one.start_ms, one.end_ms, one.revision)
                for one in stretches(boot, pieces, earlier)
                if one.revision
            ]
            earlier += len(pieces)
        return found

    def steps_back(self) -> list[StepBack]:
        """List the instants after which it was earlier again, by more than 2 s.

        What was heard after one may be in a half hour or a day that had ended, and was sent, before
        it; no time that was told has moved.
        """
        found: list[StepBack] = []
        earlier = self.base
        for boot, pieces in sorted(self._pieces.items()):
            for before, after in pairwise(stretches(boot, pieces, earlier)):
                old, new = (one.numbered(after.start_ms)[-1] for one in (before, after))
                if old.time.utc_ms - new.time.utc_ms > MAX_SHIFT_MS:
                    found.append(StepBack(boot, after.start_ms, max(old.number, new.number)))
            earlier += len(pieces)
        return found

    @property
    def highest(self) -> int:
        """The highest revision that can have been made of this ledger."""
        if self._highest is None:
            least = self.base + 1 if self.base else 0
            moved = [one.revision for one in self.revised()]
            stepped = [one.revision for one in self.steps_back()]
            self._highest = max([*moved, *stepped], default=0) or least
        return self._highest

    def _forget_findings(self) -> None:
        """Forget what was found of the pieces, as they have changed: it takes a look at each."""
        self._stretch, self._highest = NOWHERE, None

    def count_from(self, base: int) -> None:
        """Number pieces from here on: a higher number was given before the ledger was put back."""
        self.base = base
        self._forget_findings()

    def instants(self, start_ms: int, end_ms: int) -> list[Revised]:
        """List where to look for what was heard in `[start_ms, end_ms)` UTC, by any word on it."""
        found = []
        for boot, pieces in sorted(self._pieces.items()):
            for one in stretches(boot, pieces):
                offsets_ms = [word.offset_ms for word in one.words]
                first_ms = max(one.start_ms, start_ms - max(offsets_ms))
                after_ms = min(one.end_ms, end_ms - min(offsets_ms))
                if first_ms < after_ms:
                    found.append(Revised(boot, first_ms, after_ms, one.revision))
        return found

    def before(self, piece: Piece) -> "ClockLedger":
        """Return the ledger of one boot as it was before this piece."""
        pieces = [one for one in self._pieces[piece.boot] if one is not piece]
        return ClockLedger(pieces, self.tolerance_ms)

    def moved_by(self, piece: Piece) -> list[Revised]:
        """List the spans in which a piece just believed has changed the time of an instant."""
        boot, before = piece.boot, self.before(piece)

        def is_moved(at_ms: int) -> bool:
            return before.heard(boot, at_ms) != self.heard(boot, at_ms)

        return [
            Revised(boot, start_ms, end_ms, one.revision)
            for one in stretches(boot, self._pieces[boot])
            if piece in one.words and not one.is_quiet
            for start_ms, end_ms in one.spans_where(is_moved)
        ]

    def forget(self, piece: Piece) -> None:
        """Take back a piece that could not be kept, so that its source is heard again."""
        self._pieces[piece.boot].remove(piece)
        self._forget_findings()

    def bracket(self, boot: int) -> tuple[int | None, int | None]:
        """Tell between which UTC times a boot lies that never learned its own.

        After the last that an earlier boot knew, before the switching on of the next that knew one;
        None where there is no such boot.
        """
        before = [piece.utc_ms for one in self._pieces if one < boot for piece in self._pieces[one]]
        after = [
            piece.utc_ms - piece.monotonic_ms
            for one in self._pieces
            if one > boot
            for piece in self._pieces[one]
        ]
        return max(before, default=None), min(after, default=None)

    @property
    def last_ms(self) -> int:
        """Tell the least that the piece believed last says it was; 0 where there is none.

        The last, not the latest: what was believed in error was corrected by a later piece.
        """
        boot = max(self._pieces, default=None)
        if boot is None:
            return 0
        last = self._pieces[boot][-1]
        return last.utc_ms - last.uncertainty_ms

    @property
    def size(self) -> int:
        """Count the pieces: another count says that rows may be dated now that could not be."""
        return sum(map(len, self._pieces.values()))

    def is_trusted(self, boot: int, monotonic_ms: int) -> bool:
        """Tell whether the time of this instant is known well enough to be framed."""
        believed = self.at(boot, monotonic_ms)
        return believed is not None and believed.is_known

    def is_settled(self, boot: int, monotonic_ms: int, running: int) -> bool:
        """Tell whether no source can tell more of an instant than what is believed.

        Its boot has ended (`running` is another), or a source spoke later in it.
        """
        pieces = self._pieces.get(boot, [])
        return boot != running or (bool(pieces) and monotonic_ms < pieces[-1].monotonic_ms)

    def resolve(self, row: LogRow) -> tuple[int, int] | None:
        """Tell when a row's sample was taken and its quality; None while not known well enough.

        It is the meter's clock (or what it says was the capture) if that clock is within tolerance
        of the hub's trusted time, 120 s in a home; else the hub's. Once told it changes only by
        more than 2 s, and then the row's stretch counts as revised.
        """
        stretch = self.stretch_of(row.boot, row.monotonic_ms - 1)
        if stretch is None:
            return None
        if stretch.is_quiet:
            return self._resolve_by(stretch.latest(row.monotonic_ms), row)
        resolved = self._resolved(row)[0]
        return resolved[-1] if resolved else None

    def datings(self, row: LogRow) -> list[int]:
        """List the times that a row's sample was ever told to be taken at, the present one last."""
        return [at_ms for at_ms, _ in self._resolved(row)[0]]

    def moved(self, row: LogRow) -> int:
        """Tell the number of the piece that last moved this row's own time; 0 where none did.

        Where it is the meter's clock, what the pieces say of the instant may move without it.
        """
        return self._resolved(row)[1]

    def _resolved(self, row: LogRow) -> tuple[list[tuple[int, int]], int]:
        resolved: list[tuple[int, int]] = []
        by_ms = moved_by = 0
        vague_ms: int | None = None
        for believed, number, is_late in self._numbered(row.boot, row.monotonic_ms):
            if resolved and abs(believed.utc_ms - by_ms) <= MAX_SHIFT_MS:
                continue
            new = self._resolve_by(believed, row)
            if new is None:
                vague_ms = believed.utc_ms
                continue
            if resolved and abs(new[0] - resolved[-1][0]) <= MAX_SHIFT_MS:
                continue
            # A vague time dates no row, but spans end by it: this one's may have, before it came.
            was_off = vague_ms is not None and abs(believed.utc_ms - vague_ms) > MAX_SHIFT_MS
            if resolved or is_late or was_off:
                moved_by = number
            resolved.append(new)
            by_ms = believed.utc_ms
        return resolved, moved_by

    def _resolve_by(self, believed: BelievedTime, row: LogRow) -> tuple[int, int] | None:
        if not believed.is_known and not self._bears_out(believed, row):
            return None
        return taken_at(
            believed.utc_ms,
            row.meter_clock_ms,
            row.captured_at_ms,
            row.quality,
            self.tolerance_ms,
        )

    def _bears_out(self, believed: BelievedTime, row: LogRow) -> bool:
        """Tell whether even a vague hub time is enough to believe the meter's own clock."""
        if row.meter_clock_ms is None:
            return False
        off_ms = abs(row.meter_clock_ms - believed.utc_ms)
        return off_ms + believed.uncertainty_ms <= self.tolerance_ms


def taken_at(
    hub_utc_ms: int,
    meter_clock_ms: int | None,
    captured_at_ms: int | None,
    quality: int,
    tolerance_ms: int = METER_CLOCK_TOLERANCE_MS,
) -> tuple[int, int]:
    """Choose between the meter's clock and the hub's: (UTC milliseconds, quality).

    A capture whose sender does not tell its own clock is judged by the hub's.
    """
    clock_ms = hub_utc_ms if meter_clock_ms is None and captured_at_ms else meter_clock_ms
    if clock_ms is None:
        return hub_utc_ms, quality | _HUB_TIME
    is_believed = abs(clock_ms - hub_utc_ms) <= tolerance_ms
    if captured_at_ms is None:
        return (clock_ms, quality) if is_believed else (hub_utc_ms, quality | _HUB_TIME)
    age_ms = clock_ms - captured_at_ms
    is_kept = meter_clock_ms is None
    early_ms = tolerance_ms if is_kept else 0
    most_ms = max(MAX_KEPT_AGE_MS if is_kept else MAX_CAPTURE_AGE_MS, tolerance_ms)
    if not -early_ms <= age_ms <= most_ms:
        return hub_utc_ms, quality | _HUB_TIME
    if is_believed:
        return captured_at_ms, quality
    return hub_utc_ms - age_ms, quality | _HUB_TIME
