"""What a file of history says, row by row, and what is wrong with it. Pure.

Amounts are exact: decimal text into whole mWh or litres. A row that breaks a rule is a fault with
its line; it never takes the others with it.
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.errors import BadInputError
from shared.readings import Medium
from shared.tariffs.model import Flow
from shared.units import (
    EARLIEST_PLAUSIBLE_MS,
    LATEST_PLAUSIBLE_MS,
    MS_PER_SECOND,
    round_half_even,
)

MAX_ROWS = 200_000
"""Eleven years of half hours."""

MAX_SHOWN_CHARS = 80
"""Of a faulty row; enough to find it by."""

AMOUNT = re.compile(r"\+?\d{1,12}(\.\d{0,20})?([eE][+-]?\d{1,2})?", re.ASCII)
COMPACT_TIME = re.compile(r"\d{12}", re.ASCII)

UNITS: dict[str, tuple[str, int]] = {
    "kwh": ("mwh", 1_000_000),
    "wh": ("mwh", 1_000),
    "m3": ("l", 1_000),
    "m³": ("l", 1_000),
    "l": ("l", 1),
}
"""A unit as files call it: what it is counted in here, and how many of those it is."""


class Row(NamedTuple):
    """An amount over `[start_ms, end_ms)` in mWh or litres, and its line in the file."""

    line: int
    start_ms: int
    end_ms: int
    amount: int
    is_estimated: bool = False


class Fault(NamedTuple):
    """A row that cannot be taken: its line, why, and what stands there."""

    line: int
    reason: str
    text: str


class RowError(ValueError):
    """What is wrong with one row, said for a person."""


@dataclass
class Parsed:
    """What a file said: rows in its order, faults, and how many rows say nothing of this."""

    unit: str
    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    left_aside: int = 0

    def take(self, line: int, said: Sequence[object], read: Callable[[], Row | None]) -> None:
        """Read one row; what it raises becomes a fault, None is left aside."""
        self._check_room()
        try:
            row = read()
        except RowError as error:
            self.fault(line, str(error), said)
        else:
            if row is None:
                self.left_aside += 1
            else:
                self.rows.append(row)

    def fault(self, line: int, reason: str, said: Sequence[object]) -> None:
        """Note what is wrong with a line."""
        self._check_room()
        text = ",".join(map(str, said))[:MAX_SHOWN_CHARS]
        self.faults.append(Fault(line, reason, text))

    def _check_room(self) -> None:
        if len(self.rows) + len(self.faults) + self.left_aside >= MAX_ROWS:
            raise too_many_rows()


class Asked(NamedTuple):
    """What an import is asked to be of: the meter's medium, a flow, the zone of local times.

    `unit` is as the caller says it, "" where the file must.
    """

    medium: Medium
    flow: Flow
    zone: ZoneInfo
    unit: str = ""


def too_many_rows() -> BadInputError:
    """Say that a file is longer than what is read at once."""
    return BadInputError(f"the file has more than {MAX_ROWS} rows", hint="send it in several parts")


def check_unit(named: str, asked: Asked) -> tuple[str, int]:
    """Say what an amount is counted in; the caller's word counts where the file has none.

    Raises BadInputError where neither tells, they differ, or the meter does not count it.
    """
    name = (named or asked.unit).strip().lower()
    if not name:
        raise BadInputError(
            "unit: the file does not say its unit", hint="ask with unit=kWh or unit=m3"
        )
    if name not in UNITS:
        raise BadInputError(f"unit = {name[:20]!r} is not read", hint="kWh, Wh, m3 or l")
    base = UNITS[name]
    if asked.unit and UNITS[asked.unit.lower()][0] != base[0]:
        raise BadInputError(f"unit = {asked.unit}: the file says {named.strip()[:20]}")
    if base[0] == "l" and asked.medium is Medium.ELECTRICITY:
        raise BadInputError(
            f"the file counts {name}, the meter electricity", hint="name the meter that counts it"
        )
    return base


def parse_amount(text: str, scale: int) -> int:
    """Read a decimal amount into whole units of which `scale` make one; raises RowError."""
    cleaned = text.strip()
    if not cleaned:
        raise RowError("the amount is empty")
    if cleaned.startswith("-") and AMOUNT.fullmatch(cleaned[1:]):
        if not Decimal(cleaned):
            return 0
        raise RowError("the amount is negative: what is exported has a file and a flow of its own")
    if not AMOUNT.fullmatch(cleaned):
        raise RowError("the amount is no decimal number")
    try:
        return round_half_even(Fraction(Decimal(cleaned)) * scale)
    except (InvalidOperation, OverflowError) as error:
        raise RowError("the amount is no decimal number") from error


class LocalTimes:
    """Reads the times of one file in its order.

    A time without an offset is local. In the hour that a clock going back repeats, the order of the
    file says which of the two is meant: the first time it comes, and the second.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._before_ms: int | None = None
        self._falls = False

    def parse(self, text: str) -> int:
        """Read an instant in milliseconds; raises RowError."""
        at = _datetime(text)
        at_ms = self._local(at) if at.tzinfo is None else _ms(at)
        if not EARLIEST_PLAUSIBLE_MS <= at_ms < LATEST_PLAUSIBLE_MS:
            raise RowError("the time is not in this century")
        if self._before_ms is not None and at_ms != self._before_ms:
            self._falls = at_ms < self._before_ms
        self._before_ms = at_ms
        return at_ms

    def _local(self, naive: dt.datetime) -> int:
        first = naive.replace(tzinfo=self._zone, fold=0)
        second = naive.replace(tzinfo=self._zone, fold=1)
        early, late = _ms(first), _ms(second)
        try:
            there_and_back = first.astimezone(dt.UTC).astimezone(self._zone)
        except OverflowError as error:
            raise RowError("the time is not in this century") from error
        if there_and_back.replace(tzinfo=None) != naive:
            raise RowError("the time does not exist: the clocks went forward over it")
        before = self._before_ms
        if early == late or before is None:
            return early
        if self._falls:
            return late if late < before else early
        return early if early > before else late


def _datetime(text: str) -> dt.datetime:
    cleaned = text.strip()
    if COMPACT_TIME.fullmatch(cleaned):
        cleaned = f"{cleaned[:8]}T{cleaned[8:]}"
    try:
        at = dt.datetime.fromisoformat(cleaned)
        return at if at.tzinfo is None else at.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise RowError("the time is none: write 2026-03-01T00:30:00+00:00") from error


def _ms(at: dt.datetime) -> int:
    try:
        seconds = (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(seconds=1)
    except OverflowError as error:
        raise RowError("the time is not in this century") from error
    return seconds * MS_PER_SECOND
