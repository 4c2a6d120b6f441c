"""DLMS pushes read without the codec, to hold it against.

From the tables and decodings published beside the captures, and from the bytes by patterns.
"""

import re
import struct
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from fastcrc import crc16

NAMES = {
    "1.8.0": "import_mwh", "1.8.1": "import_t1_mwh", "1.8.2": "import_t2_mwh",
    "1.8.3": "import_t3_mwh", "1.8.4": "import_t4_mwh", "2.8.0": "export_mwh",
    "2.8.1": "export_t1_mwh", "2.8.2": "export_t2_mwh", "3.8.0": "reactive_import_mvarh",
    "3.8.1": "reactive_import_t1_mvarh", "3.8.2": "reactive_import_t2_mvarh",
    "4.8.0": "reactive_export_mvarh", "4.8.1": "reactive_export_t1_mvarh",
    "4.8.2": "reactive_export_t2_mvarh", "1.7.0": "power_import_w", "2.7.0": "power_export_w",
    "3.7.0": "reactive_power_import_var", "4.7.0": "reactive_power_export_var",
    "13.7.0": "power_factor_milli", "33.7.0": "power_factor_l1_milli",
    "53.7.0": "power_factor_l2_milli", "73.7.0": "power_factor_l3_milli",
    "32.7.0": "voltage_l1_mv", "52.7.0": "voltage_l2_mv", "72.7.0": "voltage_l3_mv",
    "31.7.0": "current_l1_ma", "51.7.0": "current_l2_ma", "71.7.0": "current_l3_ma",
    "21.7.0": "power_import_l1_w", "41.7.0": "power_import_l2_w", "61.7.0": "power_import_l3_w",
    "22.7.0": "power_export_l1_w", "42.7.0": "power_export_l2_w", "62.7.0": "power_export_l3_w",
    "23.7.0": "reactive_power_import_l1_var", "43.7.0": "reactive_power_import_l2_var",
    "63.7.0": "reactive_power_import_l3_var", "24.7.0": "reactive_power_export_l1_var",
    "44.7.0": "reactive_power_export_l2_var", "64.7.0": "reactive_power_export_l3_var",
}  # fmt: skip
_BASE = {"mwh": 1_000, "mvarh": 1_000, "w": 1, "var": 1, "mv": 1_000, "ma": 1_000, "milli": 1_000}
Counts = dict[str, Decimal | int]
KAMSTRUP: Counts = {"mwh": 10, "mvarh": 10, "ma": Decimal("0.01"), "milli": Decimal("0.01")}
"""What one of its counts is, in Wh, A and parts of one: its lists carry no units."""

KAIFA: Counts = {"ma": Decimal("0.001"), "mv": Decimal("0.1")}
KAIFA_ORDER = (
    "1.7.0", "2.7.0", "3.7.0", "4.7.0", "31.7.0", "51.7.0", "71.7.0", "32.7.0", "52.7.0", "72.7.0",
    "1.8.0", "2.8.0", "3.8.0", "4.8.0",
)  # fmt: skip

_TRIPLE = re.compile(
    rb"\x02\x03\x09\x06(.{6})(?:\x06(.{4})|\x12(.{2})|\x10(.{2}))\x02\x02\x0f(.)\x16(.)", re.DOTALL
)
_PAIR = re.compile(rb"\x09\x06(.{5}\xff)(?:\x06(.{4})|\x12(.{2}))", re.DOTALL)
_XML_TOKEN = re.compile(
    r'<(?:OCTETSTRING|InstanceId) Value="(\d+(?:\.\d+){5})"|<U?INT(?:16|32|64) Value="(-?\d+)"'
    r'|<INT8 Value="(-?\d+)"'
)
_LOG_TOKEN = re.compile(
    r"<-- OBIS (\d+(?:\.\d+){5})|<-- U?INT(?:16|32|64) = (-?\d+)|<-- INT8 = (-?\d+)"
)


def canonical(register: str, value: Decimal | int, counts: Counts) -> int:
    """Scale a number in the maker's counts to the register's unit."""
    unit = register.rsplit("_", 1)[1]
    scaled = Decimal(value) * _BASE[unit] * counts.get(unit, 1)
    return int(scaled.quantize(Decimal(1), ROUND_HALF_EVEN))


def counts_of(stem: str) -> Counts:
    """Tell what a maker's counts are, by the name of the capture."""
    return KAMSTRUP if "kamstrup" in stem else KAIFA if "kaifa" in stem else {}


def link_frames(content: bytes) -> list[bool | None]:
    """Judge the checksum of each HDLC or M-Bus frame; [None] for an APDU without a frame."""
    found: list[bool | None] = []
    place = 0
    while place < len(content) - 4:
        if content[place] == 0x7E and content[place + 1] & 0xF0 == 0xA0:
            size = (content[place + 1] & 7) << 8 | content[place + 2]
            frame = content[place + 1 : place + 1 + size]
            found.append(frame[-2:] == crc16.ibm_sdlc(frame[:-2]).to_bytes(2, "little"))
            place += size + 1
        elif content[place] == content[place + 3] == 0x68:
            end = place + 4 + content[place + 1]
            found.append(sum(content[place + 4 : end]) & 0xFF == content[end])
            place = end + 2
        else:
            place += 1
    return found or [None]


def mend_checksum(frame: bytes) -> bytes:
    """Put the right checksum at the end of one HDLC frame."""
    return frame[:-3] + crc16.ibm_sdlc(frame[1:-3]).to_bytes(2, "little") + b"\x7e"


def read_table(text: str) -> tuple[bytes, dict[str, Decimal], dict[str, str]]:
    """Read a published table: the frame, numbers and texts by code."""
    frame = re.search(r"frame\[[^\]]*\] = \{(.*?)\};", text, re.DOTALL)
    assert frame is not None
    content = re.sub(r"//[^\n]*", "", frame[1])
    numbers = {
        code: Decimal(number)
        for code, number in re.findall(r'\{"([\d.]+)",\s*([-\d.]+?)f?\}', text)
    }
    texts = dict(re.findall(r'\{"([\d.]+)",\s*"([^"]*)"\}', text))
    return bytes(int(byte, 16) for byte in re.findall(r"0x([0-9A-F]{2})", content)), numbers, texts


def table_values(numbers: dict[str, Decimal], stem: str) -> dict[str, int]:
    """Take the numbers of a table that have a register; its author scaled all but Kamstrup's."""
    counts = KAMSTRUP if "kamstrup" in stem else {}
    return {
        NAMES[groups]: canonical(NAMES[groups], number, counts)
        for code, number in numbers.items()
        if (groups := code.split(".", 2)[2].removesuffix(".255")) in NAMES
    }


def decoding_values(path: Path) -> dict[str, int]:
    """Read the numbers of a published decoding, XML or annotated bytes, by register."""
    pattern = _XML_TOKEN if path.suffix == ".xml" else _LOG_TOKEN
    tokens = [match.groups() for match in pattern.finditer(path.read_text("utf-8", "replace"))]
    found: dict[str, int] = {}
    counts = counts_of(path.stem)
    for (code, _, _), (_, number, _), scale in _windows(tokens):
        groups = code.split(".", 2)[2].removesuffix(".255") if code else ""
        if number and groups in NAMES:
            name = NAMES[groups]
            found[name] = canonical(name, Decimal(number).scaleb(int(scale[2] or 0)), counts)
    if found or not any(number for _, number, _ in tokens) or "kaifa" not in path.stem:
        return found
    numbers = [int(number) for _, number, _ in tokens if number]
    return _in_kaifas_order(numbers)


def _windows(tokens: list[tuple[str, ...]]) -> Iterator[tuple[tuple[str, ...], ...]]:
    ends = [*tokens, ("", "", ""), ("", "", "")]
    return zip(ends, ends[1:], ends[2:], strict=False)


def _in_kaifas_order(numbers: list[int]) -> dict[str, int]:
    return {
        NAMES[groups]: canonical(NAMES[groups], number, KAIFA)
        for groups, number in zip(KAIFA_ORDER, numbers, strict=False)
    }


def nordic_values(content: bytes) -> dict[str, int]:
    """Read a Nordic list by patterns: triples, pairs without units, or Kaifa's order."""
    found: dict[str, int] = {}
    for obis, long, short, signed, scaler, _ in _TRIPLE.findall(content):
        number = int.from_bytes(long or short or signed, "big", signed=bool(signed))
        name = NAMES[".".join(map(str, obis[2:5]))]
        power = int.from_bytes(scaler, "big", signed=True)
        found[name] = canonical(name, Decimal(number).scaleb(power), {})
    if found:
        return found
    counts = KAMSTRUP if b"Kamstrup" in content else KAIFA
    for obis, long, short in _PAIR.findall(content):
        name = NAMES[".".join(map(str, obis[2:5]))]
        found[name] = canonical(name, int.from_bytes(long or short, "big"), counts)
    if found:
        return found
    rest = re.sub(rb"\x09\x0c.{12}", b"", content[content.index(b"MA304") :], flags=re.DOTALL)
    numbers = re.findall(rb"\x06(.{4})", rest, re.DOTALL)
    return _in_kaifas_order([struct.unpack(">I", number)[0] for number in numbers])
