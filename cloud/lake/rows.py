"""From frames to Parquet: a row for each register of each sample, by day. No I/O.

A register's rows follow each other in order of sequence, so that numbers, times and values are
small differences (DELTA_BINARY_PACKED) and the rest is one word.
"""

import io
from array import array
from collections.abc import Iterator, Sequence
from operator import le
from typing import NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # as above
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from cloud.lake.layout import day_of
from cloud.readings.revisions import decided_by, sampled_by
from shared.frames import Column, Frame
from shared.ranges import Range

SAMPLES = pa.schema(
    [
        ("log_id", pa.string()),
        ("meter", pa.string()),
        ("register", pa.string()),
        ("run", pa.string()),
        ("modulus", pa.int64()),
        ("revision", pa.int64()),
        ("seq", pa.int64()),
        ("taken_at_ms", pa.int64()),
        ("value", pa.int64()),
        ("quality", pa.int32()),
    ]
)
"""A sample without any register is one row whose register is "" and whose value is null."""

CORRECTIONS = pa.schema(
    [
        ("log_id", pa.string()),
        ("revision", pa.int64()),
        ("first_seq", pa.int64()),
        ("last_seq", pa.int64()),
    ]
)
"""Of these places nothing of a lower revision counts any more."""

COMPRESSION_LEVEL = 9
"""Some 15 % smaller than zstd's usual 3, and no slower once the differences are so small."""

ROW_GROUP_ROWS = 1 << 20
_DIFFERENCES = ("seq", "taken_at_ms", "value", "first_seq", "last_seq")
_LOOKED_FOR = ("register", "taken_at_ms")
"""Columns with a least and a greatest value in the footer, to pass row groups over by."""

NO_REGISTER = Column("", "", 0, [])


class Decided(NamedTuple):
    """Places of a log of which nothing of a lower revision counts: a row of corrections."""

    log_id: str
    revision: int
    first_seq: int
    last_seq: int


class Key(NamedTuple):
    """What the rows of a chunk have in common, in the order in which chunks follow each other."""

    log_id: str
    meter: str
    register: str
    run: str
    modulus: int
    revision: int


class Chunk:
    """Rows of one register, in arrays of 64-bit integers: some 32 bytes a row."""

    def __init__(self) -> None:
        self.seqs, self.times_ms, self.values, self.qualities = (array("q") for _ in range(4))

    def add(
        self, seqs: Sequence[int], times_ms: Sequence[int], values: Sequence[int | None],
        qualities: Sequence[int],
    ) -> int:  # fmt: skip
        """Take rows in, save those without a value; return how many."""
        if None in values:
            places = [place for place, value in enumerate(values) if value is not None]
            seqs, times_ms, qualities = (
                [column[place] for place in places] for column in (seqs, times_ms, qualities)
            )
            values = [value for value in values if value is not None]
        self.seqs.extend(seqs)
        self.times_ms.extend(times_ms)
        self.values.extend(values)  # type: ignore[arg-type]  # none of them is None any more
        self.qualities.extend(qualities)
        return len(seqs)


class Rows:
    """The rows of a few frames, by UTC day, and what the frames correct."""

    def __init__(self) -> None:
        self._days: dict[int, dict[Key, Chunk]] = {}
        self._corrections: list[Decided] = []
        self.count = 0

    def add(self, frame: Frame, taken: Sequence[Range]) -> None:
        """Take a frame in, of its samples those whose sequence is in `taken`."""
        if frame.revision:
            log_id = frame.log_id.hex()
            self._corrections += [
                Decided(log_id, frame.revision, *part) for part in decided_by(frame)
            ]
        for utc_day, places in _places_by_day(frame, taken):
            self._add_day(self._days.setdefault(utc_day, {}), frame, places)

    def days(self) -> Iterator[tuple[int, pa.Table]]:
        """Make a table of each day's rows, in order."""
        for utc_day in sorted(self._days):
            chunks = self._days[utc_day]
            yield utc_day, pa.concat_tables(_table(key, chunks[key]) for key in sorted(chunks))

    def corrections(self) -> pa.Table | None:
        """Make a table of what the frames correct; None where they correct nothing."""
        if not self._corrections:
            return None
        return table_of(self._corrections)

    def _add_day(self, chunks: dict[Key, Chunk], frame: Frame, places: list[int] | None) -> None:
        def part(column: Sequence[int | None]) -> Sequence[int | None]:
            return column if places is None else [column[place] for place in places]

        seqs, times_ms, qualities = (
            part(one) for one in (frame.sequences(), frame.times_ms, frame.qualities)
        )
        columns = [(one, part(one.values)) for one in frame.columns]
        # A register that every sample has leaves none bare, as there nearly always is one.
        if all(None in values for _, values in columns):
            held = [any(column[place] is not None for _, column in columns) for place in
                    range(len(seqs))]  # fmt: skip
            columns.append((NO_REGISTER, [None if is_held else 0 for is_held in held]))
        for column, values in columns:
            key = Key(
                frame.log_id.hex(), frame.meter, column.register, column.run, column.modulus,
                frame.revision,
            )  # fmt: skip
            chunk = chunks.setdefault(key, Chunk())
            self.count += chunk.add(seqs, times_ms, values, qualities)  # type: ignore[arg-type]  # only values may be None


def table_of(corrections: Sequence[Decided]) -> pa.Table:
    """Make a table of corrections, of which there is at least one."""
    columns = list(zip(*sorted(corrections), strict=True))
    return pa.table(dict(zip(CORRECTIONS.names, columns, strict=True)), schema=CORRECTIONS)


def encode(table: pa.Table) -> bytes:
    """Write a table as Parquet: the same table makes the same bytes."""
    names = table.column_names
    differences = {name: "DELTA_BINARY_PACKED" for name in names if name in _DIFFERENCES}
    target = io.BytesIO()
    pq.write_table(
        table,
        target,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=[name for name in names if name not in differences],
        column_encoding=differences,
        write_statistics=[name for name in names if name in _LOOKED_FOR],
        row_group_size=ROW_GROUP_ROWS,
        store_schema=False,
    )
    return target.getvalue()


def decode(content: bytes) -> pa.Table:
    """Read what `encode` has written; raises ArrowInvalid where it is no Parquet."""
    return pq.read_table(io.BytesIO(content))


def _places_by_day(frame: Frame, taken: Sequence[Range]) -> Iterator[tuple[int, list[int] | None]]:
    """Sort the places of a frame's samples by their day; None is all of them."""
    if not taken:
        return
    first, last = day_of(min(frame.times_ms)), day_of(max(frame.times_ms))
    is_whole = list(taken) == sampled_by(frame)
    if first == last and is_whole:
        yield first, None
        return
    by_day: dict[int, list[int]] = {}
    for place, (seq, at_ms) in enumerate(zip(frame.sequences(), frame.times_ms, strict=True)):
        if is_whole or any(low <= seq <= high for low, high in taken):
            by_day.setdefault(day_of(at_ms), []).append(place)
    yield from sorted(by_day.items())


def _table(key: Key, chunk: Chunk) -> pa.Table:
    rows = len(chunk.seqs)
    words = [pa.repeat(word, rows) for word in (key.log_id, key.meter, key.register, key.run)]
    same = [pa.repeat(pa.scalar(one, pa.int64()), rows) for one in (key.modulus, key.revision)]
    seqs, times_ms, values = (_int64(one) for one in (chunk.seqs, chunk.times_ms, chunk.values))
    if not key.register:
        values = pa.nulls(rows, pa.int64())
    qualities = _int64(chunk.qualities).cast(pa.int32())
    table = pa.table([*words, *same, seqs, times_ms, values, qualities], schema=SAMPLES)
    if all(map(le, chunk.seqs, chunk.seqs[1:])):
        return table
    return table.take(pc.sort_indices(table, sort_keys=[("seq", "ascending")]))


def _int64(numbers: "array[int]") -> pa.Array:
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])
