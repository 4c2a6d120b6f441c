"""Tables as Parquet, written group by group; the one module that knows pyarrow.

pyarrow is an extra (`parquet`) and imported only when asked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from importlib.util import find_spec
from typing import Any

from cloud.exports.columns import Column, Kind, Row
from cloud.problems import ProblemError

COMPRESSION = "zstd"

GROUP_ROWS = 20_000
"""Of one row group: a file keeps a word on each column of each group, and readers skip by them."""


class _Sink:
    """Takes what a writer writes, and gives it away in pieces."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def write(self, piece: Any) -> int:
        """Take bytes."""
        taken = bytes(piece)
        self._pieces.append(taken)
        self._position += len(taken)
        return len(taken)

    def tell(self) -> int:
        """Say how much was written."""
        return self._position

    def flush(self) -> None:
        """Do nothing: what is written is here."""

    def close(self) -> None:
        """End."""
        self.closed = True

    def take(self) -> bytes:
        """Give away what has come since."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def check_available() -> None:
    """Raise a problem where this installation cannot write Parquet."""
    if find_spec("pyarrow") is None:
        raise ProblemError(
            HTTPStatus.NOT_ACCEPTABLE,
            "format = parquet: this installation cannot write it",
            hint="ask for csv or json; the operator adds it with the extra [parquet]",
            code="parquet-not-installed",
        )


def write_parquet(columns: Sequence[Column], batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Write a file with the integers of the API; instants are UTC timestamps in milliseconds."""
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415  # an extra
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415  # as above

    kinds = {
        Kind.TEXT: pa.string(),
        Kind.INTEGER: pa.int64(),
        Kind.INSTANT: pa.timestamp("ms", tz="UTC"),
    }
    schema = pa.schema([(column.name, kinds[column.kind]) for column in columns])
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression=COMPRESSION) as writer:
        waiting = []
        for batch in batches:
            cells = {column.name: [row.get(column.name) for row in batch] for column in columns}
            waiting.append(pa.table(cells, schema=schema))
            if sum(one.num_rows for one in waiting) >= GROUP_ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting.clear()
                yield sink.take()
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    yield sink.take()
