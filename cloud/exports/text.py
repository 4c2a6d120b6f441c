"""Tables as CSV and JSON, written in pieces as the rows come. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cloud.exports.columns import Column, Kind, Row
from shared.instants import format_utc
from shared.units import exact_decimal

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run a text that begins so."""


def write_csv(columns: Sequence[Column], batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Write a header and a line for each row (RFC 4180); amounts are exact, in kWh and m³.

    What is unknown is an empty field.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.said or column.name for column in columns])
    yield _taken(out)
    for batch in batches:
        writer.writerows([_cell(column, row) for column in columns] for row in batch)
        yield _taken(out)


def write_json(
    head: Mapping[str, Any],
    rows_named: str,
    columns: Sequence[Column],
    batches: Iterable[Sequence[Row]],
) -> Iterator[bytes]:
    """Write one JSON document: the head's fields, then the rows; amounts are integers."""
    opening = msgspec.json.encode(head)[:-1] + (b"," if head else b"")
    yield opening + msgspec.json.encode(rows_named) + b":["
    before = b""
    for batch in batches:
        if batch:
            entries = [msgspec.json.encode(_entry(columns, row)) for row in batch]
            yield before + b",".join(entries)
            before = b","
    yield b"]}"


def _cell(column: Column, row: Row) -> str:
    value = row.get(column.name)
    if value is None:
        return ""
    if column.kind is Kind.INSTANT:
        return format_utc(value)
    if column.kind is Kind.INTEGER:
        return exact_decimal(value, column.units)
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _entry(columns: Sequence[Column], row: Row) -> dict[str, Any]:
    return {
        column.name: format_utc(value) if column.kind is Kind.INSTANT else value
        for column in columns
        if (value := row.get(column.name)) is not None
    }


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()
