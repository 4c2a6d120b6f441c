"""Every golden telegram says what was worked out by hand."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.p1 import P1Codec
from shared.readings import REGISTERS

GOLDEN = Path(__file__).parents[2] / "golden" / "p1"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.telegram"))


@pytest.mark.parametrize("name", NAMES)
def test_golden_telegram_says_what_was_worked_out_by_hand(name: str) -> None:
    """Samples, times, quality and texts equal the expectation beside the telegram."""
    expected = json.loads((GOLDEN / f"{name}.json").read_text())
    codec = P1Codec(ZoneInfo(expected["zone"]))

    found = codec.feed((GOLDEN / f"{name}.telegram").read_bytes())

    assert len(found) == 1
    telegram = found[0]
    assert isinstance(telegram, Telegram)
    samples = [msgspec.to_builtins(sample) for sample in telegram.samples]
    for sample in samples:
        del sample["unknown"]
    assert samples == expected["samples"]
    assert list(telegram.texts) == expected["texts"]
    assert all(name in REGISTERS for sample in samples for name in sample["registers"])
