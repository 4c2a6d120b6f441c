"""Green Button files (NAESB ESPI, an Atom feed) read in one pass. Pure.

Names count without their prefix: files write `espi:`, a default namespace, or none. A document type
is refused, and with it every entity: nothing is expanded and nothing is fetched.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple
from xml.parsers import expat

from cloud.imports.rows import Asked, Parsed, Row, RowError
from shared.errors import BadInputError
from shared.readings import Medium
from shared.tariffs.model import Flow
from shared.units import (
    EARLIEST_PLAUSIBLE_MS,
    LATEST_PLAUSIBLE_MS,
    MS_PER_SECOND,
    round_half_even,
)

MAX_DEPTH = 24
"""A feed is nine deep."""

MAX_TEXT_CHARS = 4_096
"""Of one element or link; the longest that is read is an address."""

MAX_ENTRIES = 50_000
MAX_READINGS = 200_000
MAX_DIGITS = 18

UOMS = {"72": ("mwh", 1_000), "42": ("l", 1_000), "134": ("l", 1)}
"""Unit symbols: Wh, m³, litre; what one of them is here."""

DIRECTIONS = {Flow.IMPORT: "1", Flow.EXPORT: "19"}
ESTIMATED = frozenset({"8", "9", "10", "12", "13"})
"""Qualities: by reference day, by interpolation, questionable, projected, mixed."""

DELTA = "4"
"""Accumulation behaviour: what was used in the interval, and no register."""

READING_FIELDS = frozenset({"start", "duration", "value", "quality"})
TYPE_FIELDS = frozenset(
    {"uom", "flowDirection", "powerOfTenMultiplier", "accumulationBehaviour", "commodity"}
)


class Reading(NamedTuple):
    """An IntervalReading as it stands: its line, and its fields as text."""

    line: int
    fields: dict[str, str]


@dataclass
class Entry:
    """One entry of the feed: its links, and what of ESPI it holds."""

    itself: str = ""
    up: str = ""
    related: list[str] = field(default_factory=list)
    reading_type: dict[str, str] | None = None
    readings: list[Reading] = field(default_factory=list)


class _Reader:
    """Follows a document's elements; keeps entries that hold something, bounded."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._entry = Entry()
        self._path: list[str] = []
        self._text = ""
        self._fields: dict[str, str] | None = None
        self._line = 0
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._take_text

    def read(self, body: bytes) -> list[Entry]:
        """Read a whole document; raises BadInputError where it is not XML, or breaks a bound."""
        try:
            self.parser.Parse(body, True)
        except expat.ExpatError as error:
            raise BadInputError(
                f"line {error.lineno}: no XML: {expat.ErrorString(error.code)}"
            ) from error
        except (LookupError, ValueError) as error:
            raise BadInputError("the encoding is not known", hint="save it as UTF-8") from error
        self._close_entry()
        return self.entries

    def _refuse(self, *_declared: object) -> None:
        raise BadInputError(
            f"line {self.parser.CurrentLineNumber}: a document type or entity is declared",
            hint="Green Button files have none; send the file as it was downloaded",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        self._path.append(name)
        self._text = ""
        if len(self._path) > MAX_DEPTH:
            raise BadInputError(f"line {self.parser.CurrentLineNumber}: too deep")
        if name == "entry":
            self._close_entry()
        elif name == "link":
            self._link(attributes)
        elif name == "IntervalReading":
            self._fields, self._line = {}, self.parser.CurrentLineNumber
        elif name == "ReadingType":
            self._fields = {}

    def _end(self, name: str) -> None:
        name = self._path.pop()
        fields = self._fields
        if fields is None:
            return
        if name == "IntervalReading":
            self._count += 1
            if self._count > MAX_READINGS:
                raise BadInputError(
                    f"the file has more than {MAX_READINGS} readings", hint="send it in parts"
                )
            self._entry.readings.append(Reading(self._line, fields))
            self._fields = None
        elif name == "ReadingType":
            self._entry.reading_type = fields
            self._fields = None
        elif name in READING_FIELDS or name in TYPE_FIELDS:
            fields.setdefault(name, self._text.strip())

    def _take_text(self, text: str) -> None:
        self._text = (self._text + text)[:MAX_TEXT_CHARS]

    def _link(self, attributes: dict[str, str]) -> None:
        relation, href = attributes.get("rel", ""), attributes.get("href", "")[:MAX_TEXT_CHARS]
        if relation == "self":
            self._entry.itself = href
        elif relation == "up":
            self._entry.up = href
        elif relation == "related" and len(self._entry.related) < MAX_DEPTH:
            self._entry.related.append(href)

    def _close_entry(self) -> None:
        if len(self.entries) >= MAX_ENTRIES:
            raise BadInputError(f"the file has more than {MAX_ENTRIES} entries")
        self.entries.append(self._entry)
        self._entry = Entry()


def parse_espi(body: bytes, asked: Asked) -> Parsed:
    """Read the interval readings of the flow asked for; those of another are left aside.

    A block belongs to the ReadingType that its MeterReading relates to, or to the file's only one.
    """
    entries = _Reader().read(body)
    types = {one.itself: one.reading_type for one in entries if one.reading_type is not None}
    if not types:
        raise BadInputError(
            "the file has no ReadingType", hint="send a whole Green Button feed, not a part of it"
        )
    only = [one.reading_type for one in entries if one.reading_type is not None]
    kinds = {
        block: types[kind]
        for one in entries
        for kind in one.related
        if kind in types
        for block in (one.itself, *one.related)
    }
    parsed = Parsed("mwh" if asked.medium is Medium.ELECTRICITY else "l")
    for entry in entries:
        kind = kinds.get(entry.up) or kinds.get(entry.up.rpartition("/IntervalBlock")[0])
        if kind is None and len(only) == 1:
            kind = only[0]
        for reading in entry.readings:
            parsed.take(
                reading.line, list(reading.fields.values()), _reader_of(reading, kind, asked)
            )
    return parsed


def _reader_of(
    reading: Reading, kind: dict[str, str] | None, asked: Asked
) -> Callable[[], Row | None]:
    def read() -> Row | None:
        if kind is None:
            raise RowError("its ReadingType is not in the file")
        if kind.get("flowDirection", DIRECTIONS[Flow.IMPORT]) != DIRECTIONS[asked.flow]:
            return None
        scale = _scale(kind, asked)
        start_ms = _whole(reading, "start") * MS_PER_SECOND
        end_ms = start_ms + _whole(reading, "duration") * MS_PER_SECOND
        if not EARLIEST_PLAUSIBLE_MS <= start_ms <= end_ms < LATEST_PLAUSIBLE_MS:
            raise RowError("the time is not in this century")
        value = _whole(reading, "value")
        if value < 0:
            raise RowError("the amount is negative: what is exported has a flow of its own")
        is_estimated = reading.fields.get("quality") in ESTIMATED
        return Row(reading.line, start_ms, end_ms, round_half_even(value * scale), is_estimated)

    return read


def _scale(kind: dict[str, str], asked: Asked) -> Fraction:
    if kind.get("accumulationBehaviour", DELTA) != DELTA:
        raise RowError("it is a register and no usage: accumulationBehaviour is not 4")
    unit = UOMS.get(kind.get("uom", ""))
    if unit is None:
        raise RowError(f"uom {kind.get('uom', '')[:8]!r} is not read: 72 (Wh), 42 (m³), 134 (l)")
    if (unit[0] == "mwh") != (asked.medium is Medium.ELECTRICITY):
        raise RowError("its uom is not what the meter counts")
    power = kind.get("powerOfTenMultiplier", "0") or "0"
    if power.removeprefix("-") not in {str(n) for n in range(13)}:
        raise RowError("its powerOfTenMultiplier is not between -12 and 12")
    return unit[1] * Fraction(10) ** int(power)


def _whole(reading: Reading, name: str) -> int:
    text = reading.fields.get(name, "")
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > MAX_DIGITS:
        raise RowError(f"its {name} is no whole number")
    return int(text)
