"""What may leave the hub: the narrower of the household's choice and the cloud's limit. Pure.

Of a sample, no more leaves than was allowed when it was taken, nor than is now. Enforced before
framing, re-sends and live included (DESIGN rule 6).
"""

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from shared.consent import Granularity, check_granularity, narrowest
from shared.errors import BadInputError
from shared.protocol import ConsentLimit

MAX_LIMIT_SPANS = 64
"""Changes of the cloud's limit that are told apart; of older ones the narrowest holds for all."""

UNLIMITED = Granularity.LIVE
"""A limit that takes nothing away."""

_Change = tuple[int, Granularity]


class LimitState(msgspec.Struct, frozen=True):
    """What the hub keeps of the cloud's limit, as JSON.

    `spans` is [since, granularity] of what the cloud let out from when on, oldest first; `revision`
    of the limit that holds, 0 where none does; `lifted` the highest that the household has lifted.
    """

    spans: list[tuple[int, Granularity]] = []
    revision: int = 0
    lifted: int = 0


UNREADABLE = LimitState([(0, Granularity.NONE)], revision=1)
"""What holds where the limit's record rotted: nothing leaves until hub or cloud say what may."""


def encode_limit_state(state: LimitState) -> bytes:
    """Write the limit's state for the database."""
    return msgspec.json.encode(state)


def decode_limit_state(written: bytes | None) -> LimitState:
    """Read it back; nothing written is no limit, and what cannot be read is `UNREADABLE`."""
    if written is None:
        return LimitState()
    try:
        return msgspec.json.decode(written, type=LimitState)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return UNREADABLE


def narrower_changes(one: list[_Change], other: list[_Change]) -> list[_Change]:
    """Say what both let out at every time; before its first change, one leaves it to the other."""
    one, other = sorted(one, key=_since), sorted(other, key=_since)
    return [
        (at, narrowest(_at(one, at) or UNLIMITED, _at(other, at) or UNLIMITED))
        for at in sorted({since_ms for since_ms, _ in [*one, *other]})
    ]


def narrower_limits(earlier: LimitState, later: LimitState) -> LimitState:
    """Say what holds of two states of the limit: the later where it follows from the earlier.

    Otherwise nothing counts as lifted that either did not see lifted.
    """
    if set(earlier.spans) <= set(later.spans):
        return later
    return LimitState(
        narrower_changes(earlier.spans, later.spans),
        max(earlier.revision, later.revision),
        min(earlier.lifted, later.lifted),
    )


class Consent:
    """What may leave, by the time from which it holds."""

    def __init__(self, choices: list[_Change], limits: LimitState | None = None) -> None:
        self._choices = sorted(choices, key=_since) or [(0, Granularity.HALF_HOURLY)]
        self.limits = limits or LimitState()

    @property
    def now(self) -> Granularity:
        """What may leave now."""
        return narrowest(self.chosen, self.limit or UNLIMITED)

    @property
    def chosen(self) -> Granularity:
        """The household's newest choice."""
        return self._choices[-1][1]

    @property
    def limit(self) -> Granularity | None:
        """The most the cloud lets out now; None where it sets no limit."""
        return self.limits.spans[-1][1] if self.limits.revision else None

    @property
    def since_ms(self) -> int:
        """Since when all of this holds as it is now."""
        return max(since_ms for since_ms, _ in [self._choices[-1], *self.limits.spans[-1:]])

    def choose(self, since_ms: int, granularity: Granularity) -> None:
        """Take in a choice of the household that holds from `since_ms` on; it lifts any limit."""
        self._choices = sorted([*self._choices, (since_ms, granularity)], key=_since)
        self.limits = self.lifted_from(since_ms)

    def lifted_from(self, since_ms: int) -> LimitState:
        """Say what is kept of the limit once the household has lifted it."""
        lifted = max(self.limits.lifted, self.limits.revision)
        if not self.limits.revision:
            return self.limits
        return LimitState(self._spans_with(since_ms, UNLIMITED), 0, lifted)

    def after(
        self, limit: ConsentLimit | None, since_ms: int, *, is_newest: bool
    ) -> LimitState | None:
        """Say what a receipt makes of the limit, `since_ms` on; None where it changes nothing.

        A limit that the household has lifted is passed over, and so is one older than that which
        holds. That none is set counts only where the receipt `is_newest`: one that a slow network
        kept back may be from before the limit.
        """
        known = self.limits
        if limit is None or limit.revision <= known.lifted:
            if not known.revision or not is_newest:
                return None
            return LimitState(self._spans_with(since_ms, UNLIMITED), 0, known.lifted)
        if limit.revision <= known.revision:
            return None
        spans = self._spans_with(since_ms, _known_word(limit.granularity))
        return LimitState(spans, limit.revision, known.lifted)

    def for_sample(self, taken_at_ms: int) -> Granularity:
        """Tell what holds for a sample: the narrower of then and now; the first held before."""
        then = _at(self._choices, taken_at_ms) or self._choices[0][1]
        limited = _at(self.limits.spans, taken_at_ms) or UNLIMITED
        return narrowest(narrowest(then, limited), self.now)

    def for_all(self, first_ms: int, last_ms: int) -> Granularity | None:
        """Tell what holds for all samples of a span of time; None where it changes within."""
        changes = [*self._choices, *self.limits.spans]
        if any(first_ms < since_ms <= last_ms for since_ms, _ in changes):
            return None
        return self.for_sample(first_ms)

    def _spans_with(self, since_ms: int, granularity: Granularity) -> list[_Change]:
        spans = [*self.limits.spans, (max(since_ms, self.since_ms), granularity)]
        while len(spans) > MAX_LIMIT_SPANS:
            spans[:2] = [(spans[0][0], narrowest(spans[0][1], spans[1][1]))]
        return spans


def _known_word(granularity: str) -> Granularity:
    """Read a limit's granularity; a word of a later version means that nothing may leave."""
    try:
        return check_granularity(granularity)
    except BadInputError:
        return Granularity.NONE


def _at(changes: Sequence[_Change], at_ms: int) -> Granularity | None:
    place = bisect_right(changes, at_ms, key=_since)
    return changes[place - 1][1] if place else None


def _since(change: _Change) -> int:
    return change[0]
