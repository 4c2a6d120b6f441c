"""Real SML streams of the capture shelf: every good file decodes, and to the values it holds."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest
from fastcrc import crc16

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.sml import ESCAPE, START, SmlCodec

SHELF = Path(__file__).parents[3] / "../shared/captures/sml"
FILES = sorted(SHELF.glob("*.bin")) if SHELF.is_dir() else []

SCALED = re.compile(
    rb"\x77\x07(\x01\x00....).{0,24}?\x62(.)\x52(.)([\x50-\x5f\x60-\x6f])", re.DOTALL
)
NAMES = {
    "1.8.0": ("import_mwh", 3), "1.8.1": ("import_t1_mwh", 3), "1.8.2": ("import_t2_mwh", 3),
    "2.8.0": ("export_mwh", 3), "2.8.1": ("export_t1_mwh", 3), "2.8.2": ("export_t2_mwh", 3),
    "32.7.0": ("voltage_l1_mv", 3), "52.7.0": ("voltage_l2_mv", 3), "72.7.0": ("voltage_l3_mv", 3),
    "31.7.0": ("current_l1_ma", 3), "51.7.0": ("current_l2_ma", 3), "71.7.0": ("current_l3_ma", 3),
    "14.7.0": ("frequency_mhz", 3), "36.7.0": ("power_import_l1_w", 0),
    "56.7.0": ("power_import_l2_w", 0), "76.7.0": ("power_import_l3_w", 0),
}  # fmt: skip

shelf_needed = pytest.mark.skipif(
    not FILES, reason="the capture shelf ../shared/captures is not on this machine"
)


def good_files(content: bytes) -> list[bytes]:
    """Cut a stream at its starts and keep the pieces that a right checksum ends."""
    kept = []
    for piece in content.split(START)[1:]:
        end = piece.find(ESCAPE + b"\x1a")
        frame = START + piece[: end + 8]
        if end >= 0 and frame[-2:] == crc16.ibm_sdlc(frame[:-2]).to_bytes(2, "little"):
            kept.append(frame)
    return kept


def values_of(frame: bytes) -> dict[str, int]:
    """Read the scaled numbers of a file by pattern alone."""
    values: dict[str, int] = {}
    for match in SCALED.finditer(frame):
        name, _, scaler, head = match.groups()
        groups = f"{name[2]}.{name[3]}.{name[4]}"
        if groups in NAMES and name[5] == 255:
            register, exponent = NAMES[groups]
            size = (head[0] & 0x0F) - 1
            octets = frame[match.end() : match.end() + size]
            number = int.from_bytes(octets, "big", signed=head[0] < 0x60)
            power = int.from_bytes(scaler, "big", signed=True) + exponent
            scaled = Decimal(number).scaleb(power).quantize(Decimal(1), ROUND_HALF_EVEN)
            values[register] = int(scaled)
    return values


@shelf_needed
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_good_file_of_a_capture_decodes_to_the_values_it_holds(path: Path) -> None:
    """Held against a reading of the file that knows nothing of the codec."""
    content = path.read_bytes()
    codec = SmlCodec()

    found = codec.feed(content) + codec.feed(b"")

    telegrams = [entry for entry in found if isinstance(entry, Telegram)]
    expected = [values_of(frame) for frame in good_files(content)]
    assert expected
    assert len(telegrams) == len(expected)
    for telegram, values in zip(telegrams, expected, strict=True):
        (sample,) = telegram.samples
        assert values.items() <= sample.registers.items()
        assert "power_import_w" in sample.registers
        assert sample.meter_time_ms is None
        assert sample.quality == 0
        assert not any(".8." in code for code in sample.unknown)


@shelf_needed
@pytest.mark.parametrize(
    ("stem", "imported_w", "exported_w"),
    [
        ("DZG_DVS-7412.2_jmberg", 356, 0),
        ("EMH-ED300L_consumption", 137, 0),
        ("EMH-ED300L_delivery", 0, 127),
        ("EMH_eHZ361L5R", 0, 5_632),
    ],
)
def test_direction_of_power_is_the_true_one(stem: str, imported_w: int, exported_w: int) -> None:
    """A sign lost in encoding, absent, or under a code of its own."""
    found = SmlCodec().feed((SHELF / f"{stem}.bin").read_bytes())

    telegram = next(entry for entry in found if isinstance(entry, Telegram))
    registers = telegram.samples[0].registers
    assert (registers["power_import_w"], registers["power_export_w"]) == (imported_w, exported_w)


@shelf_needed
def test_captures_glued_together_lose_no_good_file() -> None:
    """The whole shelf as one stream, in reads of 61 bytes."""
    stream = b"".join(path.read_bytes() for path in FILES)
    codec = SmlCodec()

    found = [
        entry
        for start in range(0, len(stream), 61)
        for entry in codec.feed(stream[start : start + 61])
    ]

    good = sum(len(good_files(path.read_bytes())) for path in FILES)
    assert sum(isinstance(entry, Telegram) for entry in found) == good
