"""Where each start's rows begin, in logs that the cloud has not answered for since.

The cloud may know other rows under the numbers from there on: a card that was put back writes them
anew. The cloud's answer settles it, and a hub may start many times before it hears one. Kept as one
fact, written with the first rows of a start: one without rows leaves nothing to settle. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from agent.reader import LogEntry

STARTS_FACT = "unanswered_starts"

MAX_STARTS = 8
"""Of one log. The oldest stays, for nothing before it is in doubt; those after it are joined."""

_decode = msgspec.msgpack.Decoder(dict[int, list[int]]).decode


class Starts:
    """The next sequences of each log as the unanswered starts found it, this start's the last.

    `is_written` says that the database has this start's; `owed` are logs that were answered for,
    which the database may not have yet. Both change under the database's lock alone.
    """

    def __init__(self, fact: bytes | None, entries: Iterable[LogEntry]) -> None:
        kept = read_starts(fact)
        self._unanswered = _begun(kept, entries)
        self._answered: dict[int, int] = {}
        self.is_written = self._unanswered == kept
        self.owed: set[int] = set()

    def of(self, log: int) -> list[int]:
        """List a log's starts; none for one that was closed and answered for."""
        answered = [self._answered[log]] if log in self._answered else []
        return self._unanswered.get(log, answered)

    def begin(self, log: int) -> None:
        """Note a log that this start began itself."""
        self._answered[log] = 1

    def fact(self) -> bytes:
        """Write them for the database."""
        return msgspec.msgpack.encode(self._unanswered)

    def is_settled(self, log: int) -> bool:
        """Tell whether nothing is to be written once a log is answered for."""
        return log not in self._unanswered and log not in self.owed

    def settle(self, log: int, from_seq: int | None) -> None:
        """Note that the cloud knows nothing from here on; None where those rows have moved."""
        self._unanswered.pop(log, None)
        self._answered.pop(log, None)
        if from_seq is not None:
            self._answered[log] = from_seq
        self.owed.add(log)


def without(fact: bytes | None, log: int) -> bytes | None:
    """Take a log out of what is kept; None where it is not there."""
    kept = read_starts(fact)
    return msgspec.msgpack.encode(kept) if kept.pop(log, None) is not None else None


def first_unproved(starts: Sequence[int], proved_seq: int) -> int:
    """Find the first start whose rows may have other rows beside them under their numbers.

    Cards are put back between starts: a copy shares what the first starts wrote, and no more.
    """
    return next((one for one in starts if one > proved_seq), starts[-1])


def parts(starts: Sequence[int], newest_seq: int) -> list[tuple[int, int]]:
    """List what each start but this one wrote, first and last, as far as the cloud has rows."""
    return [
        (first, min(following - 1, newest_seq))
        for first, following in pairwise(starts)
        if first <= newest_seq
    ]


def _begun(kept: Mapping[int, list[int]], entries: Iterable[LogEntry]) -> dict[int, list[int]]:
    """Add where this start begins, or a closed log ends; one without a row in doubt is left out."""
    begun: dict[int, list[int]] = {}
    for one in entries:
        # What lies past the next sequence was of a database that has lost its tail since.
        starts = [start for start in kept.get(one.log, []) if start < one.next_seq]
        if one.is_open or starts:
            starts.append(one.next_seq)
            begun[one.log] = [*starts[:1], *starts[1:][-(MAX_STARTS - 1) :]]
    return begun


def read_starts(fact: bytes | None) -> dict[int, list[int]]:
    """Read the fact; one that cannot be read says nothing."""
    try:
        return _decode(fact) if fact else {}
    except msgspec.MsgspecError:
        return {}
