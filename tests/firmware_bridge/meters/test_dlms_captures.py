"""Real pushes of the capture shelf: each decodes, and to the values published for it.

The values are read from what was published beside the captures, and from the bytes by patterns that
know nothing of the codec.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.dlms import DlmsCodec
from tests.support import dlms_by_hand
from tests.support.captures import hexadecimal

SHELF = Path(__file__).parents[3] / "../shared/captures/dlms"
AMSHAN = sorted(SHELF.glob("*.bin")) if SHELF.is_dir() else []
ESPHOME = SHELF / "esphome"
DUMPS = sorted(path for path in ESPHOME.glob("*.log") if not path.stem.endswith("_decoded"))
SEALED = sorted(ESPHOME.glob("*.key"))
TABLES = sorted((ESPHOME / "expected").glob("*.h.txt"))
ZONE = ZoneInfo("Europe/Oslo")
UNDECODABLE = {
    "hdlc_landis_gyr_zmf100": "bad-crc",  # written down with a wrong checksum
    "mbus_kmswest": "encrypted",  # its key is not known
    "raw_energomera": "no-values",  # a push of alarms alone, whose codes are shown
}
WITHOUT_NUMBERS = {"mbus_kmswest", "raw_energomera"}
"""Ciphered; and a push of alarms."""

shelf_needed = pytest.mark.skipif(
    not AMSHAN, reason="the capture shelf ../shared/captures is not on this machine"
)


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
    assert len(found) == 1 + (reasons == ["no-values"])


@shelf_needed
@pytest.mark.parametrize("table", TABLES, ids=[path.name.split(".")[0] for path in TABLES])
def test_published_values_are_what_is_decoded(table: Path) -> None:
    """Every number whose code has a register, the serial, and the meter's time."""
    stem = table.name.split(".")[0]
    content, numbers, texts = dlms_by_hand.read_table(table.read_text())
    if UNDECODABLE.get(stem) == "bad-crc":
        # The table's frame has the wrong checksum of the dump: the values in it are still these.
        content = dlms_by_hand.mend_checksum(content)

    telegram = decode(content, ESPHOME / f"{stem}.log")[0]

    assert isinstance(telegram, Telegram)
    (sample,) = telegram.samples
    expected = dlms_by_hand.table_values(numbers, stem)
    assert expected.items() <= sample.registers.items()
    serial = texts.get("0.0.96.1.0.255", texts.get("0.0.96.1.1.255"))
    assert serial in (None, sample.meter)


@shelf_needed
@pytest.mark.parametrize("path", DUMPS, ids=[path.stem for path in DUMPS])
@pytest.mark.parametrize("kind", ["xml", "log"])
def test_published_decoding_is_what_is_decoded(path: Path, kind: str) -> None:
    """Every number in it whose code has a register, whether as XML or beside the bytes."""
    content = hexadecimal(path.read_text("utf-8-sig"))
    if UNDECODABLE.get(path.stem) == "bad-crc":
        content = dlms_by_hand.mend_checksum(content)

    telegrams = [entry for entry in decode(content, path) if isinstance(entry, Telegram)]

    expected = dlms_by_hand.decoding_values(path.with_name(f"{path.stem}_decoded.{kind}"))
    decoded = telegrams[0].samples[0].registers if telegrams else {}
    assert expected.items() <= decoded.items()
    assert len(expected) >= 4 or path.stem in WITHOUT_NUMBERS


@shelf_needed
def test_published_tables_have_the_values_this_test_holds_them_to() -> None:
    """The reading of the tables itself finds what they hold."""
    counts = {
        path.name.split(".")[0]: len(dlms_by_hand.read_table(path.read_text())[1])
        for path in TABLES
    }

    assert sum(counts.values()) >= 150
    assert counts["hdlc_norway_han_3phase"] == 26


@shelf_needed
@pytest.mark.parametrize("path", AMSHAN, ids=[path.stem for path in AMSHAN])
def test_nordic_list_decodes_to_the_values_in_its_bytes(path: Path) -> None:
    """Each number of Aidon, Kaifa and Kamstrup lists, in its unit."""
    content = path.read_bytes()

    (telegram,) = decode(content)

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].registers == dlms_by_hand.nordic_values(content)


@shelf_needed
@pytest.mark.parametrize("path", SEALED, ids=[path.stem for path in SEALED])
def test_wrong_key_is_told_with_the_system_title_of_the_meter(path: Path) -> None:
    """Of four makers' meters, as the network operator knows it."""
    content = hexadecimal(path.with_suffix(".log").read_text("utf-8-sig"))
    printed = path.with_name(f"{path.stem}_decoded.xml").read_text()
    title = printed.partition('SystemTitle="')[2][:16]

    (refused,) = DlmsCodec(ZONE, bytes(16)).feed(content)

    assert isinstance(refused, Refused)
    assert refused.reason == "wrong-key"
    assert f"system title {title}" in refused.detail


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
