"""Real telegrams of the capture shelf: each decodes, and to the values it prints."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.p1 import P1Codec
from tests.support import p1_by_hand

SHELF = Path(__file__).parents[3] / "../shared/captures/p1"
FILES = sorted(SHELF.glob("*.txt")) if SHELF.is_dir() else []


shelf_needed = pytest.mark.skipif(
    not FILES, reason="the capture shelf ../shared/captures is not on this machine"
)


@shelf_needed
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_capture_decodes_to_the_values_it_prints(path: Path) -> None:
    """Held against a reading of the file that knows nothing of the codec."""
    content = path.read_bytes()
    codec = P1Codec(ZoneInfo("Europe/Amsterdam"))

    found = codec.feed(content) + codec.feed(b"")

    assert [type(entry) for entry in found] == [Telegram]
    telegram = found[0]
    assert isinstance(telegram, Telegram)
    electricity = [sample for sample in telegram.samples if sample.medium == "electricity"]
    decoded = electricity[0].registers if electricity else {}
    assert p1_by_hand.electricity(content).items() <= decoded.items()
    assert p1_by_hand.volumes(content) == sorted(
        value
        for sample in telegram.samples
        for register, value in sample.registers.items()
        if register in ("gas_l", "water_l", "heat_mj")
    )
    assert not any(
        name.startswith(("1-0:1.8", "1-0:2.8")) for s in electricity for name in s.unknown
    )


@shelf_needed
def test_captures_glued_together_are_all_found() -> None:
    """The whole shelf as one stream."""
    codec = P1Codec(ZoneInfo("Europe/Amsterdam"))

    found = codec.feed(b"".join(path.read_bytes() for path in FILES)) + codec.feed(b"")

    assert sum(isinstance(entry, Telegram) for entry in found) == len(FILES)
