"""Pieces of the clock ledger, and how the time of an instant is read off them. Pure.

Depends on the pieces alone, in the order they came: asked again after a restart it gives the same
times, and the same count of how often they have changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from shared.ranges import Range, union

MAX_UNCERTAINTY_MS = 2_000
"""No sample is framed until its time is known this well (DESIGN rule 2)."""

MAX_SHIFT_MS = 2_000
"""What was dated once is dated anew only where the time moves by more (DESIGN rule 2)."""

DRIFT_PPM = 50
"""A Pi's crystal, at its worst: uncertainty grows by 4.3 s a day away from a piece."""

UNSTEADY_PPM = 10
"""How much a crystal's drift itself varies over days, with the temperature of a room."""

WORDS = 8
"""Pieces that have a say in an instant: NTP starts out vague and halves its error a few times."""

ANY_INSTANT_MS = 2**62
"""Before and after every instant of a boot."""


@dataclass(frozen=True, slots=True)
class Piece:
    """At `monotonic_ms` of boot number `boot` it was `utc_ms`, within `uncertainty_ms`."""

    boot: int
    monotonic_ms: int
    utc_ms: int
    uncertainty_ms: int
    source: str

    @property
    def offset_ms(self) -> int:
        """What this piece adds to monotonic time to make it UTC."""
        return self.utc_ms - self.monotonic_ms

    @property
    def reach_ms(self) -> int:
        """How far from itself a piece dates an instant well enough, to the last millisecond."""
        drift_ms = max(0, MAX_UNCERTAINTY_MS - self.uncertainty_ms)
        return ((drift_ms + 1) * 1_000_000 - 1) // DRIFT_PPM


class BelievedTime(NamedTuple):
    """A UTC time with its uncertainty, and who said so."""

    utc_ms: int
    uncertainty_ms: int
    source: str

    @property
    def is_known(self) -> bool:
        """Whether it is known well enough to be framed."""
        return self.uncertainty_ms <= MAX_UNCERTAINTY_MS


class Dating(NamedTuple):
    """A time that held for an instant, and the number of the piece that brought it.

    One `is_late` where another source had spoken since the instant, before this one: what nothing
    dated till then may have been declared untimed.
    """

    time: BelievedTime
    number: int
    is_late: bool


class Revised(NamedTuple):
    """What was heard in `(start_ms, end_ms]` of a boot, and the number of what moved it last."""

    boot: int
    start_ms: int
    end_ms: int
    revision: int


class StepBack(NamedTuple):
    """What was heard after `at_ms` of a boot is earlier than what was heard before it.

    `revision` is the number of the later of the pieces that say so.
    """

    boot: int
    at_ms: int
    revision: int


@dataclass(frozen=True)
class Stretch:
    """The time of a boot from one piece to the next, in which the same `words` have a say.

    These are, in the order they came, the piece it begins with and those after; before all pieces,
    the first ones. What was heard at the very instant of a piece may have been dated before that
    came: it is of the stretch that ends there, `(start_ms, end_ms]`.
    """

    boot: int
    start_ms: int
    end_ms: int
    words: Sequence[Piece]
    number: int = 1

    def latest(self, monotonic_ms: int) -> BelievedTime:
        """Tell the time that holds for an instant now."""
        if self.is_quiet:
            return away_from(self.words[0], monotonic_ms)
        return self._held(monotonic_ms)[-1][1]

    def numbered(self, monotonic_ms: int) -> list[Dating]:
        """List the times that held for an instant one after another; the last one holds now."""
        if self.is_quiet:
            return [Dating(away_from(self.words[0], monotonic_ms), self.number, is_late=False)]
        return [
            Dating(one, self.number + place, is_late=place > self._spoke_after)
            for place, one in self._held(monotonic_ms)
        ]

    @property
    def _spoke_after(self) -> int:
        """The place of the first word that was said after all that was heard here."""
        return 1 if self.words[0].monotonic_ms <= self.start_ms else 0

    def _held(self, monotonic_ms: int) -> list[tuple[int, BelievedTime]]:
        """List the same times, each with the place of the word that brought it."""
        held = [(0, away_from(self.words[0], monotonic_ms))]
        for place in range(1, len(self.words)):
            known = held[-1][1]
            new = self._dating(place, monotonic_ms, is_known=known.is_known)
            if new is not None and _replaces(new, known):
                held.append((place, new))
        return held

    @cached_property
    def revision(self) -> int:
        """The number of the word that last moved some instant here by more than `MAX_SHIFT_MS`.

        0 where none did. A time that was learned after all counts as moved: once a later source had
        spoken without dating the instant, its samples may have been declared untimed.
        """
        if self.is_quiet:
            return 0
        place = max((self._moved_at(instant_ms) for instant_ms in self.turns), default=0)
        return self.number + place if place else 0

    def _moved_at(self, monotonic_ms: int) -> int:
        """Return the place of the word that last moved an instant; 0 for none."""
        held = self._held(monotonic_ms)
        dated_by = next((place for place, one in held if one.is_known), 0)
        moved_by = [dated_by if dated_by > self._spoke_after else 0]
        for at, (place, new) in enumerate(held):
            if any(abs(new.utc_ms - old.utc_ms) > MAX_SHIFT_MS for _, old in held[:at]):
                moved_by.append(place)
        return max(moved_by)

    @property
    def turns(self) -> list[int]:
        """The instants that tell all others here.

        Times differ most at the ends, and change hands only where a word begins to date an instant.
        """
        first_ms = max(self.start_ms, min(0, self.words[0].monotonic_ms))
        instants = {first_ms, self.end_ms}
        for word in self.words:
            for turn_ms in (word.monotonic_ms - word.reach_ms, word.monotonic_ms + word.reach_ms):
                instants |= {turn_ms - 1, turn_ms, turn_ms + 1}
        return sorted(one for one in instants if first_ms <= one <= self.end_ms)

    def spans_where(self, holds: Callable[[int], bool]) -> list[Range]:
        """List the spans `(start_ms, end_ms]` in which what is asked of an instant may hold.

        It is asked at the turns alone: between two of them it holds nowhere if at neither end.
        """
        if len(self.words) == WORDS:
            # A word that these have crowded out may have had a say, and its turns are not known.
            return [(self.start_ms, self.end_ms)] if any(map(holds, self.turns)) else []
        first_ms, *turns_ms = self.turns
        # The very first instant is still of the stretch before: what begins here begins behind it.
        asked_ms = sorted({first_ms, min(first_ms + 1, self.end_ms), *turns_ms})
        held = [holds(at_ms) for at_ms in asked_ms]
        spans = [(self.start_ms + 1, first_ms)] if held[0] and self.start_ms < first_ms else []
        spans += [
            (start_ms, end_ms)
            for (start_ms, end_ms), ends in zip(pairwise(asked_ms), pairwise(held), strict=True)
            if any(ends)
        ]
        return [(start_ms - 1, end_ms) for start_ms, end_ms in union(spans)]

    @cached_property
    def is_quiet(self) -> bool:
        """Whether the first word dates all of it, and the next one moves nothing."""
        if len(self.words) == 1:
            return True
        first, second = self.words[:2]
        return (
            first.monotonic_ms <= self.start_ms
            and agree(first, second)
            and abs(second.offset_ms - first.offset_ms) <= MAX_SHIFT_MS
            and away_from(first, self.end_ms).is_known
        )

    def steady_offset_ms(self, first_ms: int, last_ms: int) -> int | None:
        """Tell what the first word adds to monotonic time, where that settles a span of instants.

        It does where each of them is dated, by whichever word, and none of the words moves it by
        more than `MAX_SHIFT_MS`. None where it takes a look at each instant to tell.
        """
        first = self.words[0]
        if self.is_quiet:
            is_dated = all(away_from(first, at_ms).is_known for at_ms in (first_ms, last_ms))
        else:
            is_dated = self._is_bracketed
        return first.offset_ms if is_dated else None

    @cached_property
    def _is_bracketed(self) -> bool:
        """Whether two words that agree, to within what counts as a move, date all between them."""
        first, second = self.words[:2]
        half_ms = (second.monotonic_ms - first.monotonic_ms) // 2 + 1
        worst_ms = max(first.uncertainty_ms, second.uncertainty_ms)
        return (
            first.monotonic_ms <= self.start_ms
            and agree(first, second)
            and abs(second.offset_ms - first.offset_ms) <= MAX_SHIFT_MS
            and worst_ms + half_ms * UNSTEADY_PPM // 1_000_000 <= MAX_UNCERTAINTY_MS
        )

    def _dating(self, place: int, monotonic_ms: int, *, is_known: bool) -> BelievedTime | None:
        """Date an instant by the word at this place; None where that has no say.

        The second always has one. The third has, where it bears out the first against the second;
        it and later ones also where nothing before them dates the instant.
        """
        first, word = self.words[0], self.words[place]
        if place == self._bears_out_first:
            is_between = first.monotonic_ms <= self.start_ms
            return (
                between(first, word, monotonic_ms) if is_between else away_from(first, monotonic_ms)
            )
        return away_from(word, monotonic_ms) if place == 1 or not is_known else None

    @cached_property
    def _bears_out_first(self) -> int:
        """The place of the word that bears out the first; 0 where none does.

        It is the same for every instant here, and asked for with every row of a backlog.
        """
        first, *others = self.words
        if not others:
            return 0
        if agree(first, others[0]):
            return 1 if first.monotonic_ms <= self.start_ms else 0
        return 2 if len(others) > 1 and agree(first, others[1]) else 0


def _replaces(new: BelievedTime, old: BelievedTime) -> bool:
    """Tell whether a later word takes the place of what dated an instant before."""
    if not new.is_known:
        return not old.is_known and new.uncertainty_ms < old.uncertainty_ms
    return not old.is_known or abs(new.utc_ms - old.utc_ms) > MAX_SHIFT_MS


def stretches(boot: int, pieces: Sequence[Piece], earlier: int = 0) -> list[Stretch]:
    """Part a boot at its pieces, which are in order of time; `earlier` ones are of other boots."""
    ends = [-ANY_INSTANT_MS, *(piece.monotonic_ms for piece in pieces), ANY_INSTANT_MS]
    return [stretch_at(boot, pieces, place, earlier) for place in range(len(ends) - 1) if pieces]


def stretch_at(boot: int, pieces: Sequence[Piece], place: int, earlier: int = 0) -> Stretch:
    """Return the stretch before the piece at this place; the last one is after all of them."""
    start_ms = pieces[place - 1].monotonic_ms if place else -ANY_INSTANT_MS
    end_ms = pieces[place].monotonic_ms if place < len(pieces) else ANY_INSTANT_MS
    first = max(place - 1, 0)
    words = pieces[first : first + WORDS]
    return Stretch(boot, start_ms, end_ms, words, earlier + first + 1)


def agree(one: Piece, other: Piece) -> bool:
    """Tell whether a crystal's drift and what the two allow for explain their difference."""
    span_ms = abs(other.monotonic_ms - one.monotonic_ms)
    margin_ms = one.uncertainty_ms + other.uncertainty_ms
    return abs(other.offset_ms - one.offset_ms) <= span_ms * DRIFT_PPM // 1_000_000 + margin_ms


def away_from(piece: Piece, monotonic_ms: int) -> BelievedTime:
    """Go on from one piece, or back, at a crystal's worst drift."""
    away_ms = monotonic_ms - piece.monotonic_ms
    drift_ms = abs(away_ms) * DRIFT_PPM // 1_000_000
    return BelievedTime(piece.utc_ms + away_ms, piece.uncertainty_ms + drift_ms, piece.source)


def between(before: Piece, after: Piece, monotonic_ms: int) -> BelievedTime:
    """Read the time between two pieces that agree: drift is known, only its unsteadiness is not.

    Near one that is much better than the other, that one alone says more.
    """
    span_ms = after.monotonic_ms - before.monotonic_ms
    since_ms = monotonic_ms - before.monotonic_ms
    gained_ms = after.offset_ms - before.offset_ms
    nearest = before if since_ms <= span_ms - since_ms else after
    unsteady_ms = min(since_ms, span_ms - since_ms) * UNSTEADY_PPM // 1_000_000
    read = BelievedTime(
        before.utc_ms + since_ms + (gained_ms * since_ms // span_ms if span_ms else 0),
        max(before.uncertainty_ms, after.uncertainty_ms) + unsteady_ms,
        nearest.source,
    )
    alone = (away_from(piece, monotonic_ms) for piece in (before, after))
    return min(read, *alone, key=lambda one: one.uncertainty_ms)
