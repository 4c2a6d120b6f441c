"""The clock ledger: what the hub believes about the time, piece by piece; rows are read through it.

A piece says that at one monotonic instant of one boot it was this UTC time, give or take. Rows
carry the boot and the monotonic time and are never rewritten. Pure, but for its table.
"""

from bisect import bisect_right, insort
from dataclasses import dataclass
from typing import NamedTuple

from agent.rows import LogRow
from shared.readings import Quality
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_DAY

MAX_UNCERTAINTY_MS = 2_000
"""No sample is framed until its time is known this well (DESIGN rule 2)."""

METER_CLOCK_TOLERANCE_MS = 120_000
"""A meter's clock this close to the hub's trusted time is believed; one further off is not."""

ANY_CLOCK_MS = 2**62
"""The tolerance where the meters' own clocks are the only ones there are: a replay's."""

MAX_CAPTURE_AGE_MS = 2 * MS_PER_DAY
"""A sub-meter's capture is hourly or better; an older one is a meter that is no longer heard."""

MAX_KEPT_AGE_MS = 8 * MS_PER_DAY
"""What a meter kept may be asked for after a week's outage."""

DRIFT_PPM = 50
"""A Pi's crystal, at its worst: uncertainty grows by 4.3 s a day away from a piece."""

UNSTEADY_PPM = 10
"""How much a crystal's drift itself varies over days, with the temperature of a room."""

MIN_CORRECTION_MS = 200
"""A source that agrees this well with what is believed adds no piece, so the ledger stays small."""

REFRESH_UNCERTAINTY_MS = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """At `monotonic_ms` of boot number `boot` it was `utc_ms`, within `uncertainty_ms`."""

    boot: int
    monotonic_ms: int
    utc_ms: int
    uncertainty_ms: int
    source: str


class BelievedTime(NamedTuple):
    """A UTC time with its uncertainty, and who said so."""

    utc_ms: int
    uncertainty_ms: int
    source: str


class Stretch(NamedTuple):
    """The time of one boot between two pieces of its ledger, or before or after all of them."""

    boot: int
    start_ms: int
    end_ms: int
    before: Piece | None
    after: Piece | None


NOWHERE = Stretch(-1, 0, 0, None, None)


def _monotonic_ms(piece: Piece) -> int:
    return piece.monotonic_ms


class ClockLedger:
    """The pieces believed so far, and how far off a meter's clock may be to be believed."""

    def __init__(
        self, pieces: list[Piece] | None = None, tolerance_ms: int = METER_CLOCK_TOLERANCE_MS
    ) -> None:
        self.tolerance_ms = tolerance_ms
        self._pieces: dict[int, list[Piece]] = {}
        self._stretch = NOWHERE
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
        self._stretch = NOWHERE
        return True

    def at(self, boot: int, monotonic_ms: int) -> BelievedTime | None:
        """Tell the UTC time of a monotonic instant; None for a boot that never learned it."""
        stretch = self._stretch
        if boot != stretch.boot or not stretch.start_ms <= monotonic_ms < stretch.end_ms:
            # Rows are asked for one after another: a day of them lies between the same two pieces.
            stretch = self._stretch = self._find_stretch(boot, monotonic_ms)
        if stretch.before is None:
            return _away_from(stretch.after, monotonic_ms) if stretch.after else None
        if stretch.after is None:
            return _away_from(stretch.before, monotonic_ms)
        return _between(stretch.before, stretch.after, monotonic_ms)

    def _find_stretch(self, boot: int, monotonic_ms: int) -> Stretch:
        """Find the pieces on both sides: only these can be the best.

        Each told more than was known when it came.
        """
        pieces = self._pieces.get(boot, [])
        place = bisect_right(pieces, monotonic_ms, key=_monotonic_ms)
        before = pieces[place - 1] if place else None
        after = pieces[place] if place < len(pieces) else None
        return Stretch(
            boot,
            before.monotonic_ms if before else -ANY_CLOCK_MS,
            after.monotonic_ms if after else ANY_CLOCK_MS,
            before,
            after,
        )

    def forget(self, piece: Piece) -> None:
        """Take back a piece that could not be kept, so that its source is heard again."""
        self._pieces[piece.boot].remove(piece)
        self._stretch = NOWHERE

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
        return believed is not None and believed.uncertainty_ms <= MAX_UNCERTAINTY_MS

    def is_settled(self, boot: int, monotonic_ms: int, running: int) -> bool:
        """Tell whether no source can tell more of an instant than what is believed.

        Its boot has ended (`running` is another), or a source spoke later in it.
        """
        pieces = self._pieces.get(boot, [])
        return boot != running or (bool(pieces) and monotonic_ms < pieces[-1].monotonic_ms)

    def resolve(self, row: LogRow) -> tuple[int, int] | None:
        """Tell when a row's sample was taken and its quality; None while not known well enough.

        It is the meter's clock (or what it says was the capture) if that clock is within tolerance
        of the hub's trusted time, 120 s in a home; else the hub's.
        """
        believed = self.at(row.boot, row.monotonic_ms)
        if believed is None:
            return None
        if believed.uncertainty_ms > MAX_UNCERTAINTY_MS and not self._bears_out(believed, row):
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


def _away_from(piece: Piece, monotonic_ms: int) -> BelievedTime:
    """Go on from one piece, at a crystal's worst drift."""
    away_ms = monotonic_ms - piece.monotonic_ms
    drift_ms = abs(away_ms) * DRIFT_PPM // 1_000_000
    return BelievedTime(piece.utc_ms + away_ms, piece.uncertainty_ms + drift_ms, piece.source)


def _between(before: Piece, after: Piece, monotonic_ms: int) -> BelievedTime:
    """Read the time between two pieces: their drift is known, only its unsteadiness is not.

    Two pieces that no crystal's drift explains are a clock that was set: only the nearer counts.
    """
    span_ms = after.monotonic_ms - before.monotonic_ms
    gained_ms = after.utc_ms - before.utc_ms - span_ms
    margin_ms = before.uncertainty_ms + after.uncertainty_ms
    since_ms = monotonic_ms - before.monotonic_ms
    nearest = before if since_ms <= span_ms - since_ms else after
    if abs(gained_ms) > span_ms * DRIFT_PPM // 1_000_000 + margin_ms:
        return _away_from(nearest, monotonic_ms)
    utc_ms = before.utc_ms + since_ms + gained_ms * since_ms // span_ms
    away_ms = min(since_ms, span_ms - since_ms)
    unsteady_ms = away_ms * UNSTEADY_PPM // 1_000_000
    return BelievedTime(
        utc_ms, max(before.uncertainty_ms, after.uncertainty_ms) + unsteady_ms, nearest.source
    )


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
        return hub_utc_ms, quality | Quality.HUB_TIME
    is_believed = abs(clock_ms - hub_utc_ms) <= tolerance_ms
    if captured_at_ms is None:
        return (clock_ms, quality) if is_believed else (hub_utc_ms, quality | Quality.HUB_TIME)
    age_ms = clock_ms - captured_at_ms
    is_kept = meter_clock_ms is None
    early_ms = tolerance_ms if is_kept else 0
    most_ms = max(MAX_KEPT_AGE_MS if is_kept else MAX_CAPTURE_AGE_MS, tolerance_ms)
    if not -early_ms <= age_ms <= most_ms:
        return hub_utc_ms, quality | Quality.HUB_TIME
    if is_believed:
        return captured_at_ms, quality
    return hub_utc_ms - age_ms, quality | Quality.HUB_TIME
