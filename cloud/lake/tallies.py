"""Sums by which rows of the lake are held against the frames they came from. No I/O.

Frames are tallied here from their columns alone, apart from the way in which the exporter makes
rows of them. All sums are modulo 2^64: a value that is lost, changed or moved to another sequence
shows in one of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import mul
from typing import NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # as above

from cloud.ingest.merge import cut
from cloud.lake.rows import Key
from cloud.readings.revisions import sampled_by
from shared.frames import Frame
from shared.ranges import Range

MODULUS = 1 << 64
TIME_FACTOR = 1_000_003
QUALITY_FACTOR = 998_244_353
"""Primes, so that what a row says in one column is not made up for by another."""


class Tally(NamedTuple):
    """How many rows, the sums of their columns, and of sequence times all else that a row says."""

    rows: int = 0
    seqs: int = 0
    times_ms: int = 0
    qualities: int = 0
    values: int = 0
    products: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """Add two tallies."""
        return Tally(*((a + b) % MODULUS for a, b in zip(self, other, strict=True)))


Tallies = dict[Key, Tally]


def add_tallies(total: Tallies, more: Mapping[Key, Tally]) -> None:
    """Add `more` to `total`, key by key."""
    for key, tally in more.items():
        total[key] = total.get(key, Tally()).plus(tally)


def tally_frame(frame: Frame, taken: Sequence[Range]) -> Tallies:
    """Tally the samples of a frame whose sequence is in `taken`."""
    total: Tallies = {}
    is_whole = list(taken) == sampled_by(frame)
    for part in [frame] if is_whole else [cut(frame, *one) for one in taken]:
        add_tallies(total, _tally_part(part))
    return total


def tally_table(table: pa.Table) -> Tallies:
    """Tally rows of the lake."""
    said = pc.add(
        pc.add(
            pc.fill_null(table["value"], 0),
            pc.multiply(table["taken_at_ms"], pa.scalar(TIME_FACTOR, pa.int64())),
        ),
        pc.multiply(table["quality"].cast(pa.int64()), pa.scalar(QUALITY_FACTOR, pa.int64())),
    )
    table = table.append_column("product", pc.multiply(table["seq"], said))
    sums = ["seq", "taken_at_ms", "quality", "value", "product"]
    grouped = table.group_by(list(Key._fields)).aggregate(
        [([], "count_all"), *((name, "sum") for name in sums)]
    )
    columns = ["count_all", *(f"{name}_sum" for name in sums)]
    total: Tallies = {}
    for row in grouped.to_pylist():
        key = Key(*(row[name] for name in Key._fields))
        add_tallies(total, {key: Tally(*((row[name] or 0) % MODULUS for name in columns))})
    return total


def _tally_part(frame: Frame) -> Tallies:
    seqs = frame.sequences()
    bare = set(range(len(seqs)))
    tallies: Tallies = {}
    for column in frame.columns:
        places: Iterable[int] = range(len(seqs))
        if None in column.values:
            places = [place for place, value in enumerate(column.values) if value is not None]
        bare.difference_update(places)
        values = [value for value in column.values if value is not None]
        words = (column.register, column.run, column.modulus)
        tallies[_key(frame, *words)] = _tally(frame, seqs, list(places), values)
    if bare:
        tallies[_key(frame, "", "", 0)] = _tally(frame, seqs, sorted(bare), [0] * len(bare))
    return {key: tally for key, tally in tallies.items() if tally.rows}


def _tally(frame: Frame, seqs: list[int], places: list[int], values: list[int]) -> Tally:
    of, times_ms, qualities = (
        [column[place] for place in places] for column in (seqs, frame.times_ms, frame.qualities)
    )
    said = (
        value + TIME_FACTOR * at_ms + QUALITY_FACTOR * quality
        for value, at_ms, quality in zip(values, times_ms, qualities, strict=True)
    )
    products = sum(map(mul, of, said))
    sums = (len(of), sum(of), sum(times_ms), sum(qualities), sum(values), products)
    return Tally(*(one % MODULUS for one in sums))


def _key(frame: Frame, register: str, run: str, modulus: int) -> Key:
    return Key(frame.log_id.hex(), frame.meter, register, run, modulus, frame.revision)
