"""Rows of one log as columns: as blocks hold them, and frames of full detail want them. Pure.

A day's rows are 8,640 objects with a dictionary each, and a dozen lists as columns. What needs no
row by itself is done on these.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from operator import lt
from typing import NamedTuple, TypeVar

from agent.rows import LogRow
from shared.columns import rows_of

Value = TypeVar("Value")


class Columns(NamedTuple):
    """Rows in order of sequence, field by field, each as long as `seqs`; nothing changes them.

    The fields are those of a `LogRow`. `registers` has None where a row lacks the register.
    """

    seqs: Sequence[int]
    boots: Sequence[int]
    heard: Sequence[int]
    meter_clocks: Sequence[int | None]
    captures: Sequence[int | None]
    qualities: Sequence[int]
    registers: dict[str, list[int | None]]

    @property
    def is_rising(self) -> bool:
        """Whether each sequence is above the one before it, as those of rows are."""
        return all(map(lt, self.seqs, islice(self.seqs, 1, None)))

    @property
    def is_regular(self) -> bool:
        """Whether no sequence is left out and every row has every register."""
        return (
            len(self.seqs) > 0
            and self.seqs[-1] - self.seqs[0] == len(self.seqs) - 1
            and not any(None in values for values in self.registers.values())
        )

    def between(self, first_seq: int, last_seq: int) -> "Columns":
        """Return those of the rows that are in a range, both ends included."""
        part = slice(bisect_left(self.seqs, first_seq), bisect_right(self.seqs, last_seq))
        if part.start == 0 and part.stop == len(self.seqs):
            return self
        return Columns(
            self.seqs[part],
            self.boots[part],
            self.heard[part],
            self.meter_clocks[part],
            self.captures[part],
            self.qualities[part],
            {name: values[part] for name, values in self.registers.items()},
        )

    def rows(self) -> list[LogRow]:
        """Make the rows."""
        *fixed, qualities, registers = self
        said = rows_of(registers, len(qualities))
        return [LogRow(*fields) for fields in zip(*fixed, said, qualities, strict=True)]


def joined(parts: Sequence[Columns]) -> Columns | None:
    """Put columns one behind the other; None where they are not of the same registers in order."""
    names = list(parts[0].registers)
    if any(list(part.registers) != names for part in parts):
        return None
    if len(parts) == 1:
        return parts[0]
    return Columns(
        _chained(part.seqs for part in parts),
        _chained(part.boots for part in parts),
        _chained(part.heard for part in parts),
        _chained(part.meter_clocks for part in parts),
        _chained(part.captures for part in parts),
        _chained(part.qualities for part in parts),
        {name: _chained(part.registers[name] for part in parts) for name in names},
    )


def _chained(parts: Iterable[Sequence[Value]]) -> list[Value]:
    return list(chain.from_iterable(parts))
