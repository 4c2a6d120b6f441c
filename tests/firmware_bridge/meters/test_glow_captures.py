"""Real messages of a Glow give the values they print."""

from pathlib import Path

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.glow import GlowCodec

CAPTURES = Path(__file__).parents[3] / "../shared/captures/glow"

EXPECTED: dict[str, list[dict[str, int]]] = {
    "test_local_electric_message.txt": [
        {"import_mwh": 15_254_827_000, "export_mwh": 0, "power_import_w": 425, "power_export_w": 0}
    ],
    "test_local_gas_message.txt": [{"gas_l": 5_995_276}],
    "test_local_state_message.txt": [{}],
    "test_message.txt": [
        {"import_mwh": 5_072_076_000, "export_mwh": 0, "power_import_w": 2_547,
         "power_export_w": 0},
        {"gas_l": 2_282_363},
        {},
    ],
}  # fmt: skip

pytestmark = pytest.mark.skipif(
    not CAPTURES.exists(), reason="the capture shelf ../shared/captures is not on this machine"
)


@pytest.mark.parametrize("name", EXPECTED)
def test_capture_gives_what_it_prints(name: str) -> None:
    """Whole, and one byte at a time."""
    content = (CAPTURES / name).read_bytes()
    codec = GlowCodec()
    found = codec.feed(content) + codec.feed(b"")

    single: list[Telegram | Refused] = []
    for byte in content:
        single += codec.feed(bytes((byte,)))
    single += codec.feed(b"")

    assert single == found
    assert not any(isinstance(entry, Refused) for entry in found)
    samples = [entry.samples[0].registers for entry in found if isinstance(entry, Telegram)]
    assert samples == EXPECTED[name]
