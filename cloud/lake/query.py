"""SQL over a lake, by DuckDB in this process: it reads what it is given, and nothing else.

DuckDB itself may open no file, no address and no extension; Arrow hands it the lake's rows. What it
cannot hold in its bounded memory it puts into a folder that is gone afterwards.
"""

import contextlib
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.dataset as ds  # type: ignore[import-untyped]  # as above

from cloud.ingest.merge import Covered, cover
from cloud.lake import layout
from cloud.lake.objects import Objects
from cloud.lake.rows import CORRECTIONS, SAMPLES, decode
from shared.errors import BadInputError, OperatorError
from shared.progress import Progress
from shared.ranges import Range, union
from shared.readings import COUNTERS
from shared.units import SLOT_MS

MAX_OBJECTS = 1_000_000
"""Names held at once: some 200 MB; past it one household at a time, or Athena."""

PAGE_ROWS = 1_000
POLL_S = 0.1

PARTITION = pa.schema(
    [("tenant", pa.string()), ("year", pa.int32()), ("month", pa.int32()), ("day", pa.int32())]
)
_TABLE = pa.schema([*SAMPLES, *PARTITION])

_SAMPLES = """CREATE VIEW samples AS
SELECT s.*, make_timestamp(taken_at_ms * 1000) AS taken_at FROM written s"""
_STANDING = """
ANTI JOIN corrections c ON c.log_id = s.log_id AND c.revision > s.revision
    AND c.first_seq <= s.seq AND c.last_seq >= s.seq"""
_COUNTERS = ", ".join(f"'{name}'" for name in sorted(COUNTERS))
_HALF_HOURS = f"""CREATE VIEW half_hours AS
SELECT tenant, year, month, day, meter, register, run, modulus,
    make_timestamp(slot * {SLOT_MS * 1000}) AS starts_at,
    least_.at AS opening_at_ms, least_.value AS opening,
    greatest_.at AS closing_at_ms, greatest_.value AS closing, samples
FROM (
    SELECT tenant, year, month, day, meter, register, run, (taken_at_ms - 1) // {SLOT_MS} AS slot,
        max(modulus) AS modulus, count(*) AS samples,
        min({{'at': taken_at_ms, 'value': value}}) AS least_,
        max({{'at': taken_at_ms, 'value': value}}) AS greatest_
    FROM samples
    WHERE register IN ({_COUNTERS})
    GROUP BY ALL
)"""  # noqa: S608  # of constants alone


class Page(NamedTuple):
    """Some rows of an answer, under their columns."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


class LakeTables:
    """The tables `samples` and `half_hours` of a lake, or of one household's part of it.

    `written` and `corrections` are what they are made from.
    """

    def __init__(
        self, objects: Objects, household_id: str | None = None, memory_mb: int = 512
    ) -> None:
        prefix = layout.tenant_prefix(household_id) if household_id is not None else "tenant="
        samples, corrections = _names(objects, prefix)
        self._spill = tempfile.TemporaryDirectory(prefix="hearthlink-lake-")
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "enable_external_access": "false",
                "python_enable_replacements": "false",
                "memory_limit": f"{memory_mb}MB",
                "temp_directory": self._spill.name,
            },
        )
        self._connection.register("written", _dataset(objects, samples))
        decided = _decided(objects, corrections)
        self._connection.register("corrections", decided)
        self._connection.execute(_SAMPLES + (_STANDING if decided.num_rows else ""))
        self._connection.execute(_HALF_HOURS)
        self._connection.execute("SET lock_configuration = true")

    def close(self) -> None:
        """Let go of everything."""
        self._connection.close()
        self._spill.cleanup()

    def answer(self, sql: str) -> Iterator[Page]:
        """Answer one question, a page at a time; the first has the columns though it be empty.

        Raises BadInputError for what is no single question, and what DuckDB refuses.
        """
        self._check(sql)
        try:
            self._execute(sql)
            columns = [one[0] for one in self._connection.description or []]
            rows = self._connection.fetchmany(PAGE_ROWS)
            yield Page(columns, rows)
            while rows := self._connection.fetchmany(PAGE_ROWS):
                yield Page(columns, rows)
        except duckdb.OutOfMemoryException as error:
            raise OperatorError(
                f"not enough memory: {error}", hint="give it more with --memory-mb, or ask for less"
            ) from error
        except duckdb.Error as error:
            raise BadInputError(f"the query fails: {error}", hint="tables: samples, half_hours") \
                from error  # fmt: skip

    def _check(self, sql: str) -> None:
        try:
            statements = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise BadInputError(f"no SQL: {error}", hint="SELECT … FROM samples") from error
        allowed = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
        if len(statements) != 1 or statements[0].type not in allowed:
            raise BadInputError("the lake is only read", hint="ask one SELECT at a time")

    def _execute(self, sql: str) -> None:
        """Run a query while a bar shows how far it is; an interrupt ends it, too."""
        failed: list[duckdb.Error] = []

        def run() -> None:
            try:
                self._connection.execute(sql)
            except duckdb.Error as error:
                failed.append(error)

        thread = threading.Thread(target=run, name="lake-query")
        progress = Progress("query", 100)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(POLL_S)
                progress.show(max(0, int(self._connection.query_progress())))
        except BaseException:
            self._connection.interrupt()
            thread.join()
            raise
        finally:
            progress.close()
        if failed:
            raise failed[0]


@contextlib.contextmanager
def opened(
    objects: Objects, household_id: str | None = None, memory_mb: int = 512
) -> Iterator[LakeTables]:
    """Open a lake's tables, and close them."""
    tables = LakeTables(objects, household_id, memory_mb)
    try:
        yield tables
    finally:
        tables.close()


def _names(objects: Objects, prefix: str) -> tuple[list[str], list[str]]:
    samples: list[str] = []
    corrections: list[str] = []
    for name, _ in objects.sizes(prefix):
        if layout.holds_samples(name):
            samples.append(name)
        elif layout.holds_corrections(name):
            corrections.append(name)
        if len(samples) > MAX_OBJECTS:
            raise OperatorError(
                f"more than {MAX_OBJECTS} objects", hint="ask for one household with --tenant"
            )
    return samples, corrections


def _dataset(objects: Objects, names: Sequence[str]) -> ds.Dataset | pa.Table:
    if not names:
        return _TABLE.empty_table()
    partitioning = ds.partitioning(PARTITION, flavor="hive")
    return ds.dataset(
        list(names), schema=_TABLE, format="parquet", filesystem=objects.filesystem(),
        partitioning=partitioning,
    )  # fmt: skip


def _decided(objects: Objects, names: Sequence[str]) -> pa.Table:
    """Lay corrections over each other: ranges that do not overlap, each at its highest revision."""
    ranges: dict[tuple[str, int], list[Range]] = {}
    for name in names:
        for row in decode(objects.get(name) or b"").to_pylist():
            place = (row["first_seq"], row["last_seq"])
            ranges.setdefault((row["log_id"], row["revision"]), []).append(place)
    decided: dict[str, list[Covered]] = {}
    for log_id, revision in sorted(ranges):
        for first, last in union(ranges[log_id, revision]):
            decided[log_id] = cover(decided.get(log_id, []), first, last, revision)
    rows = [
        dict(zip(CORRECTIONS.names, (log_id, revision, first, last), strict=True))
        for log_id, covered in decided.items()
        for first, last, revision in covered
    ]
    return pa.Table.from_pylist(rows, schema=CORRECTIONS)
