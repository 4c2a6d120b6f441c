"""CSV files of history: Octopus, n3rgy, Glow (Bright) and our own export. Pure.

Columns are found by the names in the first line, whatever their order and case.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from cloud.imports.rows import Asked, LocalTimes, Parsed, Row, RowError, check_unit, parse_amount
from shared.errors import BadInputError
from shared.readings import Medium
from shared.tariffs.model import Flow
from shared.units import SLOT_MS

GLOW_COLUMNS = ("entity", "resource", "time", "value", "unit")
CHARS_SHOWN = 200

Lines = Iterator[tuple[int, list[str]]]


class Table:
    """A CSV file: its header by name, then its rows with their lines."""

    def __init__(self, body: bytes) -> None:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInputError(
                f"the file is not UTF-8 at byte {error.start}", hint="save it as UTF-8"
            ) from error
        self._reader = csv.reader(io.StringIO(text, newline=""))
        try:
            header = next(self._rows(), None)
        except csv.Error as error:
            raise BadInputError(
                f"line {max(self._reader.line_num, 1)}: {error}",
                hint="keep the header in one line, as it was downloaded",
            ) from error
        if header is None:
            raise BadInputError("the file is empty", hint="send the file as it was downloaded")
        self.names = [name.strip().lower() for name in header[1]]

    def place(self, *names: str) -> int:
        """Find a column by any of its names; raises BadInputError where there is none."""
        for name in names:
            if name in self.names:
                return self.names.index(name)
        raise BadInputError(
            f"the file has no column {names[0]!r}; its first line is "
            f"{','.join(self.names)[:CHARS_SHOWN]!r}",
            hint="keep the header, and name the `format` it is in",
        )

    def find(self, starts: str) -> int:
        """Find a column by how its name begins."""
        for place, name in enumerate(self.names):
            if name.startswith(starts):
                return place
        return self.place(starts)

    def rows(self, parsed: Parsed) -> Lines:
        """Yield the rows below the header; a line that is not CSV becomes a fault."""
        last = 0
        while True:
            try:
                for line, row in self._rows():
                    last = line
                    if len(row) < len(self.names):
                        parsed.fault(line, f"{len(row)} of {len(self.names)} fields", row)
                    else:
                        yield line, row
            except csv.Error as error:
                parsed.fault(max(self._reader.line_num, last + 1), str(error), [])
            else:
                return

    def _rows(self) -> Lines:
        for row in self._reader:
            if any(cell.strip() for cell in row):
                yield self._reader.line_num, row


def unit_in(name: str) -> str:
    """Read the unit out of a column's name: "consumption (kwh)"."""
    _, _, rest = name.partition("(")
    return rest.rpartition(")")[0]


def parse_octopus(body: bytes, asked: Asked) -> Parsed:
    """Read Octopus Energy's usage file: `Consumption (kWh), …, Start, End`, times with offsets.

    Half hours without usage may be left out of it; they stay missing.
    """
    table = Table(body)
    amount, start, end = (
        table.find("consumption"),
        table.place("start", "interval_start"),
        table.place("end", "interval_end"),
    )
    unit, scale = check_unit(unit_in(table.names[amount]), asked)
    return _between(table, unit, scale, (amount, start, end), asked.zone)


def parse_own(body: bytes, asked: Asked) -> Parsed:
    """Read a file of `/v1/exports/usage`; what it calls missing is left aside."""
    name = {
        (Medium.ELECTRICITY, Flow.IMPORT): "import_kwh",
        (Medium.ELECTRICITY, Flow.EXPORT): "export_kwh",
        (Medium.GAS, Flow.IMPORT): "gas_m3",
        (Medium.WATER, Flow.IMPORT): "water_m3",
    }.get((asked.medium, asked.flow))
    if name is None:
        raise BadInputError(
            f"flow = {asked.flow.value}: there is none of {asked.medium.value}",
            hint="ask with flow=import",
        )
    table = Table(body)
    places = table.place(name), table.place("start"), table.place("end")
    status = table.names.index("status") if "status" in table.names else None
    unit, scale = check_unit(name.rpartition("_")[2], asked)
    return _between(table, unit, scale, places, asked.zone, status)


def _between(
    table: Table,
    unit: str,
    scale: int,
    places: Sequence[int],
    zone: ZoneInfo,
    status: int | None = None,
) -> Parsed:
    amount, start, end = places
    parsed = Parsed(unit)
    starts, ends = LocalTimes(zone), LocalTimes(zone)
    for line, row in table.rows(parsed):

        def read(line: int = line, row: list[str] = row) -> Row | None:
            if status is not None and not row[amount].strip():
                return None
            is_estimated = status is not None and row[status].strip() == "estimated"
            return Row(
                line,
                starts.parse(row[start]),
                ends.parse(row[end]),
                parse_amount(row[amount], scale),
                is_estimated,
            )

        parsed.take(line, row, read)
    return parsed


def parse_n3rgy(body: bytes, asked: Asked) -> Parsed:
    """Read n3rgy's download: `timestamp (UTC), energyConsumption (kWh)`.

    A timestamp is the end of its half hour, and in UTC.
    """
    table = Table(body)
    at, amount = table.find("timestamp"), table.find("energy")
    unit, scale = check_unit(unit_in(table.names[amount]), asked)
    parsed = Parsed(unit)
    times = LocalTimes(ZoneInfo("UTC"))
    for line, row in table.rows(parsed):

        def read(line: int = line, row: list[str] = row) -> Row:
            end_ms = times.parse(row[at])
            return Row(line, end_ms - SLOT_MS, end_ms, parse_amount(row[amount], scale))

        parsed.take(line, row, read)
    return parsed


def parse_glow(body: bytes, asked: Asked) -> Parsed:
    """Read half hours of the Glow (Bright) service: `entity,resource,time,value,unit`.

    A time is the beginning of its half hour in local time. Raises BadInputError for a file of
    several resources: they would be added up.
    """
    table = Table(body)
    _, resource, at, amount, named = (table.place(name) for name in GLOW_COLUMNS)
    parsed, scale, first = Parsed(""), 0, None
    times = LocalTimes(asked.zone)
    for line, row in table.rows(parsed):
        if first is None:
            first = row
            parsed.unit, scale = check_unit(row[named], asked)
        elif row[resource] != first[resource]:
            raise BadInputError(
                f"line {line}: the file holds more than one resource", hint="send each by itself"
            )

        def read(
            line: int = line, row: list[str] = row, scale: int = scale, unit: str = first[named]
        ) -> Row | None:
            if not row[amount].strip():
                return None
            if row[named] != unit:
                raise RowError("its unit is not that of the first row")
            start_ms = times.parse(row[at])
            return Row(line, start_ms, start_ms + SLOT_MS, parse_amount(row[amount], scale))

        parsed.take(line, row, read)
    if first is None:
        parsed.unit, _ = check_unit("kWh" if asked.medium is Medium.ELECTRICITY else "", asked)
    return parsed
