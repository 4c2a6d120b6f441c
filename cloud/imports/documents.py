"""JSON documents of history: Octopus and n3rgy consumption, Glow (Bright) readings. Pure.

A row's "line" is its place in the list, from 1 on.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from cloud.imports.listing import Listing
from cloud.imports.rows import Asked, LocalTimes, Parsed, Row, RowError, check_unit, parse_amount
from shared.errors import BadInputError
from shared.units import EARLIEST_PLAUSIBLE_MS, LATEST_PLAUSIBLE_MS, MS_PER_SECOND, SLOT_MS

PERIODS = {"PT30M": SLOT_MS, "PT1H": 2 * SLOT_MS}
"""Of Glow; longer ones are local days and more, which half hours are not read from."""


def parse_octopus(body: bytes, asked: Asked) -> Parsed:
    """Read Octopus's consumption answer: `results` of `consumption`, `interval_start`, `_end`.

    Its unit is not said: kWh of electricity, of gas as `unit` says (SMETS1 kWh, SMETS2 m³).
    """
    document = Listing(body, "results")
    unit, scale = check_unit(_kwh_or_asked(asked), asked)
    starts, ends = LocalTimes(asked.zone), LocalTimes(asked.zone)

    def read(line: int, entry: Mapping[str, Any]) -> Row:
        return Row(
            line,
            starts.parse(_text(entry, "interval_start")),
            ends.parse(_text(entry, "interval_end")),
            parse_amount(_text(entry, "consumption"), scale),
        )

    return _parse(document, unit, read)


def parse_n3rgy(body: bytes, asked: Asked) -> Parsed:
    """Read n3rgy's answer: `values` of `timestamp` and `value`; UTC, the end of each half hour."""
    document = Listing(body, "values")
    granularity = document.values.get("granularity", "halfhour")
    if granularity != "halfhour":
        raise BadInputError(
            f"granularity = {str(granularity)[:20]!r} is not read", hint="download half hours"
        )
    named = document.values.get("unit")
    unit, scale = check_unit(named if isinstance(named, str) else _kwh_or_asked(asked), asked)
    times = LocalTimes(ZoneInfo("UTC"))

    def read(line: int, entry: Mapping[str, Any]) -> Row | None:
        if not isinstance(entry, dict):
            raise RowError("it is no object")
        name = "value" if "value" in entry else "primaryValue"
        if entry.get(name) is None:
            return None
        end_ms = times.parse(_text(entry, "timestamp"))
        return Row(line, end_ms - SLOT_MS, end_ms, parse_amount(_text(entry, name), scale))

    return _parse(document, unit, read)


def parse_glow(body: bytes, asked: Asked) -> Parsed:
    """Read a Glow (Bright) resource's readings: `units`, and `data` of [epoch seconds, amount].

    An instant is the beginning of its period; null is missing.
    """
    document = Listing(body, "data")
    query = document.values.get("query")
    period = query.get("period") if isinstance(query, dict) else None
    if period is not None and period not in PERIODS:
        raise BadInputError(
            f"period = {str(period)[:20]!r} is not read", hint="ask Glow for period=PT30M"
        )
    length_ms = PERIODS.get(period, SLOT_MS) if isinstance(period, str) else SLOT_MS
    named = document.values.get("units")
    unit, scale = check_unit(named if isinstance(named, str) else "", asked)

    def read(line: int, entry: Any) -> Row | None:
        if not isinstance(entry, list) or len(entry) != 2:  # noqa: PLR2004  # instant and amount
            raise RowError("it is not [instant, amount]")
        if entry[1] is None:
            return None
        if isinstance(entry[0], bool) or not isinstance(entry[0], int):
            raise RowError("its instant is no whole number of seconds since 1970")
        start_ms = entry[0] * MS_PER_SECOND
        if not EARLIEST_PLAUSIBLE_MS <= start_ms < LATEST_PLAUSIBLE_MS:
            raise RowError("the time is not in this century")
        return Row(line, start_ms, start_ms + length_ms, parse_amount(str(entry[1]), scale))

    return _parse(document, unit, read)


def _parse(document: Listing, unit: str, read: Callable[[int, Any], Row | None]) -> Parsed:
    parsed = Parsed(unit)
    for line, entry in document.entries():
        parsed.take(line, [entry], partial(read, line, entry))
    return parsed


def _text(entry: Mapping[str, Any], name: str) -> str:
    if not isinstance(entry, dict):
        raise RowError("it is no object")
    found = entry.get(name)
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise RowError(f"it has no {name}")
    return str(found)


def _kwh_or_asked(asked: Asked) -> str:
    return asked.unit or ("kWh" if asked.medium.value == "electricity" else "")
