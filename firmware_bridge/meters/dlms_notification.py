"""What one DataNotification says: its push list to a sample.

Owns identity, time and quality of an APDU that `dlms.py` has framed and deciphered. Pure.
"""

from functools import lru_cache

import msgspec

from firmware_bridge.meters.codec import MAX_DETAIL_CHARS, Refused, Telegram, refuse
from firmware_bridge.meters.cosem import (
    Dialect,
    Numbers,
    Translator,
    dialect_of,
    print_code,
    print_text,
    print_value,
)
from firmware_bridge.meters.dlms_axdr import (
    ARRAY,
    OCTET_STRING,
    STRUCTURE,
    Attribute,
    AxdrError,
    AxdrShortError,
    Value,
    read_value,
)
from firmware_bridge.meters.dlms_positions import encode_obis
from firmware_bridge.meters.dlms_shapes import Entry, Shape, shape_of
from firmware_bridge.meters.dlms_submeter import (
    Fault,
    Submeter,
    SubmeterNames,
    read_submeter,
    split_by_channel,
    stamp_alone,
)
from firmware_bridge.meters.dlms_time import DATE_TIME_BYTES, CosemTime
from firmware_bridge.meters.serials import serial_of
from shared.readings import Medium, Quality, Sample

DATA_NOTIFICATION = 0x0F
INVOKE_BYTES = 4
UNNAMED = "unnamed"
"""The id of a meter that has not said its serial yet."""

MAX_UNKNOWN = 64
"""Unknown values kept of one list; the longest real list has about 70 objects in all."""

MAX_UNKNOWN_CHARS = 80
MAX_REFUSED_VALUES = 8
"""Refusals reported of one list: past this it is noise, and said to be so."""

MAX_TEXT_CHARS = 1_024
MIN_BARE_SERIAL_CHARS = 6
"""A bare text shorter than this is a list's or a model's name rather than a serial."""

_SERIAL_CODES = tuple(
    encode_obis(code)
    for code in (
        "0-0:96.1.0", "0-0:96.1.1", "1-1:0.0.5", "1-0:0.0.0", "1-0:96.1.0", "1-1:0.0.1",
        "0-0:42.0.0",
    )
)  # fmt: skip
"""Where the meter's own serial may be, the best first; 0-0:42.0.0 is its logical device name."""

_CLOCK_CODES = frozenset(map(encode_obis, ("0-0:1.0.0", "0-1:1.0.0", "1-0:1.0.0", "0-0:1.1.0")))
_TEXT_CODES = frozenset(map(encode_obis, ("0-0:96.13.0", "0-0:96.13.1")))
_LIST_CODES = tuple(map(encode_obis, ("1-1:0.2.129", "1-0:0.2.129")))
_NAME_CODES = (*_LIST_CODES, encode_obis("0-0:42.0.0"))
"""Names that tell whose list it is."""

_MODEL_CODES = frozenset(map(encode_obis, ("0-0:96.1.7", "1-1:96.1.1")))
"""The meter's type, as Aidon, Kaifa and Kamstrup say it: understood, and no register."""

_SPECIAL_CODES = frozenset(
    {*_SERIAL_CODES, *_CLOCK_CODES, *_TEXT_CODES, *_LIST_CODES, *_MODEL_CODES}
)


class NotificationDecoder:
    """Decodes the notifications of one link, and remembers the serial its meter said last."""

    def __init__(self, times: CosemTime) -> None:
        self._times = times
        self._translator = Translator()
        self._title, self._serial = "", ""
        self._is_understood = False
        self._names = SubmeterNames()

    def decode(self, apdu: bytes, *, title: str = "", checked: bool) -> list[Telegram | Refused]:
        """Return the telegram of one APDU and a refusal for each impossible value in it.

        `title` is the system title of a meter that encrypts. Raises AxdrError where the bytes are
        no notification. A list without a code of the table is a telegram of raw codes. Until one
        with a register has come it is refused as well, so that it is counted; then it is an alarm,
        or what else meters push between their readings.
        """
        clock, start = read_head(apdu)
        body, end = read_value(apdu, start)
        reading = _Reading(shape_of(body, apdu, start), title)
        if apdu[end:].strip(b"\0"):
            reading.keep_unknown("trailing", apdu[end:].hex())
        reading.translate(self._translator, self._times)
        telegram = self._finish(reading, clock, checked=checked)
        found: list[Telegram | Refused] = [] if telegram is None else [telegram]
        found += [refuse(reason, detail, apdu) for reason, detail in reading.faults]
        self._is_understood = self._is_understood or not reading.says_nothing_known
        if not found or not (self._is_understood or reading.faults):
            shown = ", ".join(f"{code} = {text}" for code, text in reading.unknown.items())
            detail = f"no code is known: {shown}" if shown else "the push list is empty"
            found.append(refuse("no-values", detail, apdu))
        return found

    def _finish(self, reading: "_Reading", clock: bytes, *, checked: bool) -> Telegram | None:
        if not (reading.registers or reading.unknown or reading.texts or reading.submeters):
            return None
        time_ms = self._time_ms(reading, clock)
        quality = 0 if checked else int(Quality.UNCHECKED)
        meter = self._name(reading)
        own = Sample(
            meter, Medium.ELECTRICITY, time_ms, reading.registers, quality, reading.unknown
        )
        others = [
            Sample(
                self._names.name(meter, channel, one),
                one.medium,
                one.time_ms,
                one.registers,
                quality,
            )
            for channel, one in sorted(reading.submeters.items())
        ]
        if reading.registers or not others:
            return Telegram((own, *others), tuple(reading.texts))
        samples, is_past = stamp_alone(others, time_ms)
        samples[0] = msgspec.structs.replace(samples[0], unknown=reading.unknown)
        return Telegram(tuple(samples), tuple(reading.texts), is_past)

    def _time_ms(self, reading: "_Reading", clock: bytes) -> int | None:
        """Return the meter's clock, the first that tells a time."""
        for raw in (*reading.clocks, clock):
            printed = self._times.read(raw) if len(raw) == DATE_TIME_BYTES else None
            if printed is not None and printed.is_bad:
                reading.fault("bad-time", f"the meter's clock says {raw.hex()}")
            elif printed is not None and printed.utc_ms is not None:
                return printed.utc_ms
        return None

    def _name(self, reading: "_Reading") -> str:
        """Name the meter: short lists leave out the serial that longer ones between them say."""
        serial = reading.serial
        if serial:
            if serial != self._serial:
                self._names.forget()
            self._title, self._serial = reading.title, serial
            return serial
        if self._serial and self._title == reading.title:
            return self._serial
        return _meter_id(reading.title) or UNNAMED


class _Reading:
    """What has been read of one push list."""

    def __init__(self, shape: Shape, title: str) -> None:
        self.title = title
        self.clocks: list[bytes] = []
        self.texts: list[str] = []
        self.faults: list[tuple[str, str]] = []
        self._numbers = Numbers({}, {}, [])
        self.registers, self.unknown = self._numbers.registers, self._numbers.unknown
        self._named: dict[bytes, Value] = {}
        self._shape = shape
        self._bare_serial = ""
        self.submeters: dict[int, Submeter] = {}

    @property
    def serial(self) -> str:
        """The serial the list says, or ""."""
        for code in _SERIAL_CODES:
            value = self._named.get(code)
            if value is not None and (serial := _meter_id(_text_of(value))):
                return serial
        return _meter_id(self._bare_serial)

    @property
    def says_nothing_known(self) -> bool:
        """Whether there is neither a register nor a message in it."""
        return not (self.registers or self.submeters or self.texts)

    def fault(self, reason: str, detail: str) -> None:
        """Note an impossible value."""
        if len(self.faults) < MAX_REFUSED_VALUES:
            self.faults.append((reason, detail[:MAX_DETAIL_CHARS]))

    def keep_unknown(self, code: str, text: str) -> None:
        """Keep what is not understood."""
        if len(self.unknown) < MAX_UNKNOWN:
            self.unknown.setdefault(code[:MAX_UNKNOWN_CHARS], text[:MAX_UNKNOWN_CHARS])

    def translate(self, translator: Translator, times: CosemTime) -> None:
        """Read every entry and every value without a code."""
        entries, channels = split_by_channel(self._shape.entries)
        for channel, own in channels.items():
            found = read_submeter(own, times)
            if isinstance(found, Submeter):
                self.submeters[channel] = found
                continue
            entries += own
            if isinstance(found, Fault):
                self.fault(*found)
        for entry in entries:
            if entry.obis in _SPECIAL_CODES:
                self._read_special(entry)
        dialect = self._dialect()
        for entry in entries:
            if entry.obis not in _SPECIAL_CODES:
                translator.read(entry, dialect, self._numbers)
        for detail in self._numbers.faults:
            self.fault("bad-value", detail)
        for index, value in enumerate(self._shape.bare):
            self._read_bare(index, value)
        self._bound_unknown()

    def _dialect(self) -> Dialect:
        names = [self._named[code] for code in _NAME_CODES if code in self._named]
        if isinstance(self._shape.leading, bytes | str):
            names.append(self._shape.leading)
        for name in names:
            if (found := dialect_of(_text_of(name))) is not Dialect.STANDARD:
                return found
        return dialect_of(self.title)

    def _read_special(self, entry: Entry) -> None:
        value = entry.value
        if entry.obis in _CLOCK_CODES:
            if isinstance(value, bytes) and len(value) == DATE_TIME_BYTES:
                self.clocks.append(value)
            else:
                self.keep_unknown(print_code(entry.obis), _text_of(value))
        elif entry.obis in _TEXT_CODES:
            if value and (text := _text_of(value)):
                self.texts.append(text[:MAX_TEXT_CHARS])
        elif value is not None:
            self._named.setdefault(entry.obis, value)

    def _read_bare(self, index: int, value: Value) -> None:
        """Read a value without a code: a clock, a serial, or something unknown."""
        if isinstance(value, Attribute):
            self.keep_unknown(print_code(value.obis), "")
        elif isinstance(value, bytes) and len(value) == DATE_TIME_BYTES and not value.isalnum():
            self.clocks.append(value)
        elif isinstance(value, bytes | str):
            text = _text_of(value)
            is_leading = value is self._shape.leading
            if is_leading and dialect_of(text) is not Dialect.STANDARD:
                return
            if is_leading or not self._shape.entries or len(text) < MIN_BARE_SERIAL_CHARS:
                self.keep_unknown(f"value {index + 1}", text)
            else:
                self._bare_serial = self._bare_serial or text
        else:
            self.keep_unknown(f"value {index + 1}", print_value(value, None, ""))

    def _bound_unknown(self) -> None:
        for code in list(self.unknown)[MAX_UNKNOWN:]:
            del self.unknown[code]
        for code, text in self.unknown.items():
            self.unknown[code] = text[:MAX_UNKNOWN_CHARS]


def read_head(apdu: bytes) -> tuple[bytes, int]:
    """Return a notification's date-time (or nothing) and where its body begins.

    The date-time is an octet string without its tag; Kaifa sends the tag too. Raises AxdrError.
    """
    place = 1 + INVOKE_BYTES
    if len(apdu) < place + 2:
        raise AxdrShortError("a notification is cut off")
    if apdu[0] != DATA_NOTIFICATION:
        raise AxdrError(f"a notification begins with {apdu[0]:#04x}")
    if apdu[place] == OCTET_STRING and apdu[place + 1] == DATE_TIME_BYTES:
        place += 1
    length = apdu[place]
    if length not in (0, DATE_TIME_BYTES):
        raise AxdrError(f"a date-time of {length} bytes")
    start = place + 1 + length
    if len(apdu) <= start:
        raise AxdrShortError("a notification is cut off")
    if apdu[start] not in (ARRAY, STRUCTURE):
        raise AxdrError(f"the body begins with {apdu[start]:#04x}")
    return apdu[place + 1 : start], start


def _text_of(value: Value) -> str:
    if isinstance(value, bytes):
        return print_text(value)
    return value.rstrip("\0 ") if isinstance(value, str) else str(value)


@lru_cache(maxsize=64)
def _meter_id(text: str) -> str:
    """Make a meter id of a serial that is text already: its digits are no hexadecimal."""
    return serial_of(text.encode("utf-8").hex())
