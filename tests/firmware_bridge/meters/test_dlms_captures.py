"""Real pushes of the capture shelf: each decodes, and to the values published for it.

The values are read by this test's own means: from the tables published beside the captures, and
from the bytes by patterns that know nothing of the codec.
"""

import re
import struct
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastcrc import crc16

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.dlms import DlmsCodec

SHELF = Path(__file__).parents[3] / "../shared/captures/dlms"
AMSHAN = sorted(SHELF.glob("*.bin")) if SHELF.is_dir() else []
ESPHOME = SHELF / "esphome"
DUMPS = sorted(path for path in ESPHOME.glob("*.log") if not path.stem.endswith("_decoded"))
TABLES = sorted((ESPHOME / "expected").glob("*.h.txt"))
ZONE = ZoneInfo("Europe/Oslo")
UNDECODABLE = {
    "hdlc_landis_gyr_zmf100": "bad-crc",  # written down with a wrong checksum
    "mbus_kmswest": "encrypted",  # its key is not known
}

shelf_needed = pytest.mark.skipif(
    not AMSHAN, reason="the capture shelf ../shared/captures is not on this machine"
)

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
BASE = {"mwh": 1_000, "mvarh": 1_000, "w": 1, "var": 1, "mv": 1_000, "ma": 1_000, "milli": 1_000}
KAMSTRUP: dict[str, Decimal | int] = {
    "mwh": 10,
    "mvarh": 10,
    "ma": Decimal("0.01"),
    "milli": Decimal("0.01"),
}
"""What one of its counts is, in Wh, A and parts of one: its lists carry no units."""

KAIFA: dict[str, Decimal | int] = {"ma": Decimal("0.001"), "mv": Decimal("0.1")}


def canonical(register: str, value: Decimal | int, counts: dict[str, Decimal | int]) -> int:
    """Scale a number in the maker's counts to the register's unit."""
    unit = register.rsplit("_", 1)[1]
    scaled = Decimal(value) * BASE[unit] * counts.get(unit, 1)
    return int(scaled.quantize(Decimal(1), ROUND_HALF_EVEN))


def hexadecimal(text: str) -> bytes:
    """Read a dump, whatever stands between its digits."""
    return bytes.fromhex(re.sub(r"[^0-9A-Fa-f]", "", text))


def key_beside(path: Path, suffix: str) -> bytes | None:
    """Read the key published for a dump, if there is one."""
    file = path.with_suffix(suffix)
    return hexadecimal(file.read_text()) if file.is_file() else None


def decode(content: bytes, path: Path | None = None) -> list[Telegram | Refused]:
    """Decode a capture with the keys beside it."""
    keys = (None, None) if path is None else (key_beside(path, ".key"), key_beside(path, ".gak"))
    codec = DlmsCodec(ZONE, *keys)
    return codec.feed(content) + codec.feed(b"")


@shelf_needed
@pytest.mark.parametrize("path", DUMPS, ids=[path.stem for path in DUMPS])
def test_dump_decodes_or_says_why_not(path: Path) -> None:
    """All but the two that no one could decode."""
    found = decode(hexadecimal(path.read_text("utf-8-sig")), path)

    reasons = [entry.reason for entry in found if isinstance(entry, Refused)]
    assert reasons == ([UNDECODABLE[path.stem]] if path.stem in UNDECODABLE else [])
    assert len(found) == 1


def published(text: str) -> tuple[bytes, dict[str, Decimal], dict[str, str]]:
    """Read a table: the frame, numbers and texts by code."""
    frame = re.search(r"frame\[[^\]]*\] = \{(.*?)\};", text, re.DOTALL)
    assert frame is not None
    content = re.sub(r"//[^\n]*", "", frame[1])
    numbers = {
        code: Decimal(number)
        for code, number in re.findall(r'\{"([\d.]+)",\s*([-\d.]+?)f?\}', text)
    }
    texts = dict(re.findall(r'\{"([\d.]+)",\s*"([^"]*)"\}', text))
    return bytes(int(byte, 16) for byte in re.findall(r"0x([0-9A-F]{2})", content)), numbers, texts


@shelf_needed
@pytest.mark.parametrize("table", TABLES, ids=[path.name.split(".")[0] for path in TABLES])
def test_published_values_are_what_is_decoded(table: Path) -> None:
    """Every number whose code has a register, the serial, and the meter's time."""
    stem = table.name.split(".")[0]
    content, numbers, texts = published(table.read_text())
    if UNDECODABLE.get(stem) == "bad-crc":
        # The table's frame has the wrong checksum of the dump: the values in it are still these.
        content = content[:-3] + crc16.ibm_sdlc(content[1:-3]).to_bytes(2, "little") + b"\x7e"

    (telegram,) = decode(content, ESPHOME / f"{stem}.log")

    assert isinstance(telegram, Telegram)
    (sample,) = telegram.samples
    counts: dict[str, Decimal | int] = dict(KAMSTRUP) if "kamstrup" in stem else {}
    expected = {
        NAMES[groups]: canonical(NAMES[groups], number, counts)
        for code, number in numbers.items()
        if (groups := code.split(".", 2)[2].removesuffix(".255")) in NAMES
    }
    assert expected.items() <= sample.registers.items()
    serial = texts.get("0.0.96.1.0.255", texts.get("0.0.96.1.1.255"))
    assert serial in (None, sample.meter)


@shelf_needed
def test_published_tables_have_the_values_this_test_holds_them_to() -> None:
    """The reading of the tables itself finds what they hold."""
    counts = {path.name.split(".")[0]: len(published(path.read_text())[1]) for path in TABLES}

    assert sum(counts.values()) >= 150
    assert counts["hdlc_norway_han_3phase"] == 26


TRIPLE = re.compile(
    rb"\x02\x03\x09\x06(.{6})(?:\x06(.{4})|\x12(.{2})|\x10(.{2}))\x02\x02\x0f(.)\x16(.)", re.DOTALL
)
PAIR = re.compile(rb"\x09\x06(.{5}\xff)(?:\x06(.{4})|\x12(.{2}))", re.DOTALL)
KAIFA_ORDER = (
    "1.7.0", "2.7.0", "3.7.0", "4.7.0", "31.7.0", "51.7.0", "71.7.0", "32.7.0", "52.7.0", "72.7.0",
    "1.8.0", "2.8.0", "3.8.0", "4.8.0",
)  # fmt: skip


def printed_values(content: bytes) -> dict[str, int]:
    """Read a list by patterns: triples, pairs without units, or Kaifa's order."""
    values: dict[str, int] = {}
    for obis, long, short, signed, scaler, _ in TRIPLE.findall(content):
        number = int.from_bytes(long or short or signed, "big", signed=bool(signed))
        name = NAMES[".".join(map(str, obis[2:5]))]
        power = int.from_bytes(scaler, "big", signed=True)
        values[name] = canonical(name, Decimal(number).scaleb(power), {})
    if values:
        return values
    counts = dict(KAMSTRUP) if b"Kamstrup" in content else dict(KAIFA)
    for obis, long, short in PAIR.findall(content):
        name = NAMES[".".join(map(str, obis[2:5]))]
        values[name] = canonical(name, int.from_bytes(long or short, "big"), counts)
    if values:
        return values
    rest = re.sub(rb"\x09\x0c.{12}", b"", content[content.index(b"MA304") :], flags=re.DOTALL)
    numbers = re.findall(rb"\x06(.{4})", rest, re.DOTALL)
    for groups, number in zip(KAIFA_ORDER, numbers, strict=False):
        (whole,) = struct.unpack(">I", number)
        values[NAMES[groups]] = canonical(NAMES[groups], whole, counts)
    return values


@shelf_needed
@pytest.mark.parametrize("path", AMSHAN, ids=[path.stem for path in AMSHAN])
def test_nordic_list_decodes_to_the_values_in_its_bytes(path: Path) -> None:
    """Each number of Aidon, Kaifa and Kamstrup lists, in its unit."""
    content = path.read_bytes()

    (telegram,) = decode(content)

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].registers == printed_values(content)


@shelf_needed
def test_framed_captures_glued_together_are_all_found() -> None:
    """The plain HDLC dumps as one stream, read a few bytes at a time."""
    files = [
        path
        for path in DUMPS
        if path.stem.startswith("hdlc") and path.stem not in UNDECODABLE
        and key_beside(path, ".key") is None
    ]  # fmt: skip
    content = b"".join(hexadecimal(path.read_text("utf-8-sig")) for path in files)
    codec = DlmsCodec(ZONE)

    found = [
        entry
        for start in range(0, len(content), 7)
        for entry in codec.feed(content[start : start + 7])
    ]

    assert [type(entry) for entry in found] == [Telegram] * len(files)
    assert len(files) >= 4
