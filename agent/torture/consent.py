"""What a household's choices allow of each sample, and whether anything finer was stored. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from agent.torture.card import Key
from shared.calendar import local_date, slot_of_sample
from shared.consent import Granularity
from shared.ranges import Range, contains
from shared.readings import COUNTERS

EDGES = 2
"""Of a half hour or a day its opening and its closing leave."""


class Narrowing(NamedTuple):
    """A span in which less was allowed, by log id.

    `narrow` was read under it; `undecided` had not been stored before it began, so that it may have
    been held to it too.
    """

    granularity: Granularity
    narrow: dict[str, Range]
    undecided: dict[str, list[Range]]

    def may_withhold(self, key: Key) -> bool:
        """Tell whether a sample may have been withheld, or lost all but its counters, by this."""
        return contains(self.undecided.get(key.log_id, []), key.seq, key.seq)

    def was_read_under(self, key: Key) -> bool:
        """Tell whether a sample was surely read while this held."""
        first, last = self.narrow.get(key.log_id, (1, 0))
        return first <= key.seq <= last


class Told(Protocol):
    """A sample as the cloud has it."""

    @property
    def log_id(self) -> str:
        """Its log."""

    @property
    def seq(self) -> int:
        """Its place there."""

    @property
    def taken_at_ms(self) -> int:
        """When it was taken."""

    @property
    def registers(self) -> dict[str, int]:
        """What it says."""


def finer(
    narrowings: Iterable[Narrowing], stored: Collection[Told], damaged: Collection[Key], zone: str
) -> list[Key]:
    """List the stored samples that say more than was allowed when they were read."""
    return [
        key
        for narrowing in narrowings
        for key in _finer(narrowing, stored, damaged, ZoneInfo(zone))
    ]


def _finer(
    narrowing: Narrowing, stored: Collection[Told], damaged: Collection[Key], zone: ZoneInfo
) -> Iterator[Key]:
    spans: dict[tuple[str, int], set[Key]] = defaultdict(set)
    for one in stored:
        key = Key(one.log_id, one.seq)
        if not narrowing.was_read_under(key):
            continue
        if narrowing.granularity is Granularity.NONE or not one.registers.keys() <= COUNTERS:
            yield key
        elif narrowing.granularity is Granularity.DAILY:
            day = local_date(one.taken_at_ms - 1, zone).toordinal()
            spans[key.log_id, day].add(key)
        else:
            spans[key.log_id, slot_of_sample(one.taken_at_ms)].add(key)
    # A stretch of damaged rows parts a span: what is left of it has an opening and a closing each.
    parts = 1 + sum(narrowing.was_read_under(key) for key in damaged)
    for keys in spans.values():
        yield from sorted(keys)[EDGES * parts :]
