"""What may leave the hub: the narrower of the household's choice and the cloud's limit. Pure.

Of a sample, no more leaves than was allowed when it was taken, nor than is now. When that was, two
things say: the time it is dated to, and the order in which choice and sample came, which no
correction of the time changes; the narrower of the two holds. Enforced before framing, re-sends and
live included (DESIGN rule 6).
"""

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from agent.rows import Instant
from shared.consent import Granularity, check_granularity, narrowest
from shared.errors import BadInputError
from shared.protocol import ConsentLimit

MAX_LIMIT_SPANS = 64
"""Changes of the cloud's limit that are told apart; of older ones the narrowest holds for all."""

UNLIMITED = Granularity.LIVE
"""A limit that takes nothing away."""

_Change = tuple[int, Granularity]

MADE_FACT = "consent.made"
"""Names the fact that says at which instant each choice was made."""


class Made(msgspec.Struct, frozen=True, array_like=True):
    """At which instant of the hub's life a choice of the household was made."""

    since_ms: int
    granularity: str
    boot: int
    monotonic_ms: int


class LimitState(msgspec.Struct, frozen=True):
    """What the hub keeps of the cloud's limit, as JSON.

    `spans` is [since, granularity] of what the cloud let out from when on, oldest first; `revision`
    of the limit that holds, 0 where none does; `lifted` the highest that the household has lifted.
    `instants` says of the last so many spans at which instant they began; a version that does not
    know of instants leaves them out.
    """

    spans: list[tuple[int, Granularity]] = []
    revision: int = 0
    lifted: int = 0
    instants: list[Instant | None] = []

    @property
    def began(self) -> list[Instant | None]:
        """At which instant each span began; None where nobody knows."""
        if len(self.instants) != len(self.spans):
            return [None] * len(self.spans)
        return self.instants


UNREADABLE = LimitState([(0, Granularity.NONE)], revision=1)
"""What holds where the limit's record rotted: nothing leaves until the household chooses anew."""


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


def encode_made(made: list[Made]) -> bytes:
    """Write the instants of choices for the database."""
    return msgspec.json.encode(made)


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


def decode_made(written: bytes | None) -> list[Made]:
    """Read them back; of what cannot be read nothing is known, and the time alone decides."""
    try:
        return msgspec.json.decode(written or b"[]", type=list[Made])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []


class Consent:
    """What may leave, by the time from which it holds and the instant at which it was said."""

    def __init__(
        self,
        choices: list[_Change],
        limits: LimitState | None = None,
        made: list[Made] | None = None,
    ) -> None:
        """`made` tells the instants of those choices that have one: not those of older versions."""
        self._choices = sorted(choices, key=_since) or [(0, Granularity.HALF_HOURLY)]
        self.limits = limits or LimitState()
        self.made = made or []

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

    @property
    def next_since_ms(self) -> int:
        """The earliest since when the next choice can hold: it must not take the last one's place.

        Of two choices since one millisecond only one is kept, and with the narrower one what was
        heard under it would be forgotten.
        """
        return max(self._choices[-1][0] + 1, self.since_ms)

    def choose(
        self, since_ms: int, granularity: Granularity, instant: Instant | None = None
    ) -> None:
        """Take in a choice of the household that holds from `since_ms` on; it lifts any limit."""
        self.made = self.made_with(since_ms, granularity, instant)
        self.limits = self.lifted_from(since_ms, instant)
        self._choices = sorted([*self._choices, (since_ms, granularity)], key=_since)

    def made_with(
        self, since_ms: int, granularity: Granularity, instant: Instant | None
    ) -> list[Made]:
        """Say what is kept of the instants of choices once another one is made."""
        others = [one for one in self.made if one.since_ms != since_ms]
        return others if instant is None else [*others, Made(since_ms, granularity, *instant)]

    def lifted_from(self, since_ms: int, instant: Instant | None = None) -> LimitState:
        """Say what is kept of the limit once the household has lifted it."""
        lifted = max(self.limits.lifted, self.limits.revision)
        if not self.limits.revision:
            return self.limits
        return self._limited(since_ms, UNLIMITED, 0, lifted, instant)

    def after(
        self,
        limit: ConsentLimit | None,
        since_ms: int,
        instant: Instant | None = None,
    ) -> LimitState | None:
        """Say what a receipt makes of the limit, `since_ms` on; None where it changes nothing.

        A limit that the household has lifted is passed over, and so is one older than that which
        holds. None of them widens: a store that was put back to before a limit knows nothing of
        it, or sets a wider one, and only the household knows that it wants no limit any more.
        """
        known = self.limits
        if limit is None or limit.revision <= max(known.lifted, known.revision):
            return None
        word = narrowest(_known_word(limit.granularity), self.limit or UNLIMITED)
        if word is self.limit:
            return LimitState(known.spans, limit.revision, known.lifted, known.began)
        return self._limited(since_ms, word, limit.revision, known.lifted, instant)

    def for_sample(self, taken_at_ms: int, heard: Instant | None = None) -> Granularity:
        """Tell what holds for a sample: the narrower of then and now; the first held before.

        What was `heard` before a choice was made is held to the one before, whatever dates it.
        """
        limited = _at(self.limits.spans, taken_at_ms) or UNLIMITED
        then = narrowest(_at(self._choices, taken_at_ms) or self._choices[0][1], limited)
        if heard is not None:
            chosen = _heard_under(self._choices, self._chosen_at, taken_at_ms, heard)
            most = _heard_under(self.limits.spans, self.limits.began, taken_at_ms, heard)
            then = narrowest(then, narrowest(chosen or self._choices[0][1], most or UNLIMITED))
        return narrowest(then, self.now)

    def for_all(
        self,
        first_ms: int,
        last_ms: int,
        heard: tuple[Instant, Instant] | None = None,
    ) -> Granularity | None:
        """Tell what holds for all samples of a span of time; None where it changes within.

        `heard` are the first and the last instant at which they were.
        """
        changes = [*self._choices, *self.limits.spans]
        if any(first_ms < since_ms <= last_ms for since_ms, _ in changes):
            return None
        if heard is None:
            return self.for_sample(first_ms)
        said = [*self._chosen_at, *self.limits.began]
        if any(one is not None and heard[0] <= one < heard[1] for one in said):
            return None
        return self.for_sample(first_ms, heard[0])

    @property
    def _chosen_at(self) -> list[Instant | None]:
        known = {(one.since_ms, one.granularity): (one.boot, one.monotonic_ms) for one in self.made}
        return [known.get((since_ms, chosen.value)) for since_ms, chosen in self._choices]

    def _limited(
        self,
        since_ms: int,
        granularity: Granularity,
        revision: int,
        lifted: int,
        instant: Instant | None,
    ) -> LimitState:
        spans = [*self.limits.spans, (max(since_ms, self.since_ms), granularity)]
        began = [*self.limits.began, instant]
        while len(spans) > MAX_LIMIT_SPANS:
            spans[:2] = [(spans[0][0], narrowest(spans[0][1], spans[1][1]))]
            began[:2] = [began[0]]
        return LimitState(spans, revision, lifted, began)


def _known_word(granularity: str) -> Granularity:
    """Read a limit's granularity; a word of a later version means that nothing may leave."""
    try:
        return check_granularity(granularity)
    except BadInputError:
        return Granularity.NONE


def _at(changes: Sequence[_Change], at_ms: int) -> Granularity | None:
    place = bisect_right(changes, at_ms, key=_since)
    return changes[place - 1][1] if place else None


def _heard_under(
    changes: Sequence[_Change],
    instants: Sequence[Instant | None],
    taken_at_ms: int,
    heard: Instant,
) -> Granularity | None:
    """Tell which change held when a sample was heard; of one without an instant, by the time."""
    for (since_ms, granularity), instant in zip(reversed(changes), reversed(instants), strict=True):
        if (instant < heard) if instant is not None else since_ms <= taken_at_ms:
            return granularity
    return None


def _since(change: _Change) -> int:
    return change[0]
