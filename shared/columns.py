"""How a frame's numbers are coded: differences with a common scale, and run lengths. Pure.

Lists to wire structs and back; docs/reference/frame.md is the specification. Nothing here knows of
sequences, gaps or bytes.
"""

import contextlib
import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, groupby, repeat
from operator import itemgetter, sub
from typing import NamedTuple

import msgspec

from shared.errors import FrameError
from shared.units import INT64_MAX, INT64_MIN

USUALLY_EQUAL = 10
"""Where fewer than one step in so many differs from the first, the others are taken together."""

MAX_QUALITY = 0xFFFF
"""Sixteen flags; two are in use."""


class Deltas(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`first` and the `deltas` to each next value, all divided by `scale`; scale 0 is no values."""

    scale: int
    first: int
    deltas: list[int]


class WireColumn(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One register as it goes over the wire; `absent` lists the places of samples that lack it."""

    register: str
    run: str
    modulus: int
    coded: Deltas
    absent: list[int]


def to_deltas(values: Sequence[int]) -> Deltas:
    """Divide by the common divisor, keep the first and the differences; scale 0 is no values."""
    if not values:
        return Deltas(0, 0, [])
    first = values[0]
    deltas = list(map(sub, values[1:], values))
    # Powers have no divisor in common, and a few of them show it: the rest need not be looked at.
    scale = math.gcd(first, *deltas[:8])
    if scale != 1:
        scale = math.gcd(scale, *set(deltas)) or 1
    if scale != 1:
        deltas = [delta // scale for delta in deltas]
    return Deltas(scale, first // scale, deltas)


class Undone(NamedTuple):
    """Values that were added up; `is_rising` where none is known to be less than one before it."""

    values: list[int]
    is_rising: bool

    @property
    def least(self) -> int:
        """The least of them; 0 where there are none."""
        return self.values[0] if self.is_rising and self.values else min(self.values, default=0)

    @property
    def greatest(self) -> int:
        """The greatest of them; 0 where there are none."""
        return self.values[-1] if self.is_rising and self.values else max(self.values, default=0)

    @property
    def fits_int64(self) -> bool:
        """Whether none of them passes 64 bits."""
        # No value is further from zero than all of them together: found out in a third of the time.
        if not self.is_rising and math.hypot(*self.values) < INT64_MAX // 2:
            return True
        return INT64_MIN <= self.least <= self.greatest <= INT64_MAX


def from_deltas(coded: Deltas) -> Undone:
    """Add the differences up; raises FrameError "bad-value" for a scale that means nothing."""
    if coded.scale < 0 or (coded.scale == 0 and (coded.first or coded.deltas)):
        raise FrameError("bad-value", f"scale {coded.scale} of {len(coded.deltas) + 1} values")
    if coded.scale == 0:
        return Undone([], is_rising=True)
    deltas, scale = coded.deltas, coded.scale
    if deltas and deltas[0] == deltas[-1] and deltas.count(deltas[0]) == len(deltas):
        return _in_equal_steps(coded.first * scale, deltas[0] * scale, len(deltas))
    if scale == 1 or not deltas:
        return Undone(_sums(coded), is_rising=not deltas)
    # A counter and a clock have a scale, and small differences of which none is negative.
    with contextlib.suppress(ValueError):
        steps = bytes(deltas)
        if len(steps) - steps.count(steps[0]) < len(steps) // USUALLY_EQUAL:
            return _in_mostly_equal_steps(coded.first * scale, steps, scale)
        return Undone(_sums(coded), is_rising=True)
    return Undone(_sums(coded), is_rising=min(deltas) >= 0)


def _sums(coded: Deltas) -> list[int]:
    sums, scale = accumulate(coded.deltas, initial=coded.first), coded.scale
    return list(sums) if scale == 1 else [one * scale for one in sums]


def _in_equal_steps(first: int, step: int, count: int) -> Undone:
    """Take steps of one size: the times of a meter read regularly, a register that stands still."""
    last = first + step * count
    values = list(range(first, last + step, step)) if step else [first] * (count + 1)
    return Undone(values, is_rising=step >= 0)


def _in_mostly_equal_steps(first: int, steps: bytes, scale: int) -> Undone:
    """Take steps most of which are of one size: the times of a meter that is a second late now."""
    usual, step = steps[:1], steps[0] * scale
    values, at, place = [first], first, 0
    while place < len(steps):
        run = len(steps) - place - len(steps[place:].lstrip(usual))
        values += range(at + step, at + step * (run + 1), step) if step else [at] * run
        at, place = at + step * run, place + run
        if place < len(steps):
            at += steps[place] * scale
            values.append(at)
            place += 1
    return Undone(values, is_rising=True)


def columns_of(rows: Sequence[Mapping[str, int]]) -> dict[str, Sequence[int | None]]:
    """Turn rows of named values into columns, None where a row lacks the name."""
    first = rows[0] if rows else {}
    if len(first) > 1 and sum(map(len, rows)) == len(first) * len(rows):
        # Every row has every name, as a meter's rows nearly always do: a third of the time.
        with contextlib.suppress(KeyError):
            columns = zip(*map(itemgetter(*first), rows), strict=True)
            return dict(zip(first, columns, strict=True))
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def rows_of(columns: Mapping[str, Sequence[int | None]], count: int) -> list[dict[str, int]]:
    """Turn columns of `count` values back into rows; a row has no name whose value is None."""
    if not columns:
        return [{} for _ in range(count)]
    names, rows = list(columns), zip(*columns.values(), strict=True)
    if not any(None in values for values in columns.values()):
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in rows
    ]


def to_wire(register: str, run: str, modulus: int, values: list[int | None]) -> WireColumn:
    """Code one register's values; None where a sample lacks it."""
    try:
        # None has no difference, which tells at no cost that a sample lacks the register.
        return WireColumn(register, run, modulus, to_deltas(values), [])  # type: ignore[arg-type]
    except TypeError:
        pass
    absent = [place for place, value in enumerate(values) if value is None]
    present = [value for value in values if value is not None]
    return WireColumn(register, run, modulus, to_deltas(present), absent)


def from_wire(column: WireColumn, count: int) -> list[int | None]:
    """Undo `to_wire` for `count` samples; raises FrameError "bad-value" past 64 bits or count."""
    undone = from_deltas(column.coded)
    if not undone.fits_int64:
        raise FrameError("bad-value", f"{column.register}: a value passes 64 bits")
    if len(undone.values) + len(column.absent) != count:
        raise FrameError(
            "bad-value", f"{column.register}: {len(undone.values)} values for {count} samples"
        )
    if not column.absent:
        return undone.values  # type: ignore[return-value]  # none is absent, and no copy
    return _with_absent(column, undone.values, count)


def _with_absent(column: WireColumn, present: list[int], count: int) -> list[int | None]:
    previous = -1
    for place in column.absent:
        if not previous < place < count:
            raise FrameError("bad-value", f"{column.register}: absent place {place} of {count}")
        previous = place
    following = iter(present)
    absent = set(column.absent)
    return [None if place in absent else next(following) for place in range(count)]


def to_run_lengths(values: Sequence[int]) -> list[tuple[int, int]]:
    """Code values as (length, value) of each stretch of equal ones."""
    if values and values.count(values[0]) == len(values):
        return [(len(values), values[0])]
    return [(len(list(run)), value) for value, run in groupby(values)]


def from_run_lengths(runs: list[tuple[int, int]], count: int) -> list[int]:
    """Undo `to_run_lengths` for qualities; raises FrameError "bad-value" where they do not fit."""
    if len(runs) == 1 and runs[0][0] == count and 0 <= runs[0][1] <= MAX_QUALITY:
        return [runs[0][1]] * count
    if sum(length for length, _ in runs) != count or any(length < 1 for length, _ in runs):
        raise FrameError("bad-value", f"quality runs {runs[:4]} do not cover {count} samples")
    if not all(0 <= value <= MAX_QUALITY for _, value in runs):
        raise FrameError("bad-value", f"a quality is not in 0 to {MAX_QUALITY}: {runs[:4]}")
    return list(chain.from_iterable(repeat(value, length) for length, value in runs))
