"""Real SML streams of the capture shelf: every good file decodes, and to the values it holds."""

from pathlib import Path

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.sml import SmlCodec
from tests.support import sml_by_hand

SHELF = Path(__file__).parents[3] / "../shared/captures/sml"
FILES = sorted(SHELF.glob("*.bin")) if SHELF.is_dir() else []


shelf_needed = pytest.mark.skipif(
    not FILES, reason="the capture shelf ../shared/captures is not on this machine"
)


@shelf_needed
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_good_file_of_a_capture_decodes_to_the_values_it_holds(path: Path) -> None:
    """Held against a reading of the file that knows nothing of the codec."""
    content = path.read_bytes()
    codec = SmlCodec()

    found = codec.feed(content) + codec.feed(b"")

    telegrams = [entry for entry in found if isinstance(entry, Telegram)]
    expected = [sml_by_hand.values(frame) for frame in sml_by_hand.good_files(content)]
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

    good = sum(len(sml_by_hand.good_files(path.read_bytes())) for path in FILES)
    assert sum(isinstance(entry, Telegram) for entry in found) == good
