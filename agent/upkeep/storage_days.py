"""On which day ranges were stored: retention counts from then. Pure.

An old row may be stored late, and the cloud restored from a backup of before. What is noted is kept
as a small fact of each log.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import msgspec

from shared.errors import BadInputError
from shared.ranges import Range, intersect, subtract, union

FACT_PREFIX = "storage_days:"

MAX_RANGES_A_DAY = 64
"""Noted of one day; in order there is one. What is past it is noted the day after, and kept on."""


class StorageDay(NamedTuple):
    """Ranges that receipts listed by the end of a UTC day, counted from 1970."""

    utc_day: int
    ranges: list[Range]


class StorageDays(msgspec.Struct, frozen=True, array_like=True):
    """One log's days, oldest first, and the store that said so: another one has said nothing."""

    store_id: bytes = b""
    days: list[StorageDay] = []

    def known(self) -> list[Range]:
        """List what was stored on any day noted."""
        return union(one for day in self.days for one in day.ranges)

    def until(self, utc_day: int) -> list[Range]:
        """List what was stored by the end of a day."""
        return union(one for day in self.days if day.utc_day <= utc_day for one in day.ranges)

    def note(self, stored: Sequence[Range], held: Range, utc_day: int, past_day: int) -> Self:
        """Return these days with today's, once a day, of the rows held.

        Days up to `past_day` are told as one: their retention is over. So there are never more
        than retention has days, and two. What is `stored` no longer, because a correction of its
        time has it sent again, is forgotten: its days count from when it is stored anew.
        """
        past = intersect(intersect(self.until(past_day), stored), [held])
        days = [StorageDay(past_day, past)] if past else []
        for day in self.days:
            still = intersect(day.ranges, stored) if day.utc_day > past_day else []
            if still:
                days.append(StorageDay(day.utc_day, still))
        fresh = subtract(intersect(stored, [held]), self.known())[:MAX_RANGES_A_DAY]
        if fresh and (not days or days[-1].utc_day < utc_day):
            days.append(StorageDay(utc_day, fresh))
        return type(self)(self.store_id, days)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(StorageDays).decode


def fact_of(log: int) -> str:
    """Name the fact in which a log's days are kept."""
    return f"{FACT_PREFIX}{log}"


def encode_days(days: StorageDays) -> bytes:
    """Write days as their fact has them."""
    return _encode(days)


def decode_days(fact: bytes | None, store_id: bytes) -> StorageDays:
    """Read a fact; nothing is known where there is none, or another store said so.

    Raises BadInputError where it is none of ours.
    """
    if fact is None:
        return StorageDays(store_id)
    try:
        days = _decode(fact)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"storage days of {len(fact)} bytes: {error}") from error
    return days if days.store_id == store_id else StorageDays(store_id)
