"""What a real display read of a real meter, put back into frames: each value is decoded."""

import json
from pathlib import Path

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.simulator.zigbee_zcl import (
    BITMAP8,
    ENUM8,
    INT24,
    OCTETS,
    UINT24,
    UINT48,
    Attributes,
)
from tests.support.zcl_lines import DESCRIBED, answer, samples_of, unknown_of

CAPTURE = Path(__file__).parents[3] / "../shared/captures/glow/test_message.txt"

capture_needed = pytest.mark.skipif(
    not CAPTURE.is_file(), reason="the capture shelf ../shared/captures is not on this machine"
)


def metering(meter: str) -> dict[int, str]:
    """Return a meter's Metering attributes as the display prints them, in hexadecimal."""
    sets = json.loads(CAPTURE.read_text())[meter]["0702"]
    return {
        int(group, 16) << 8 | int(number, 16): printed
        for group, attributes in sets.items()
        for number, printed in attributes.items()
    }


def described(told: dict[int, str]) -> bytes:
    """Return the line that describes the meter."""
    attributes: Attributes = {
        0x0300: (ENUM8, int(told[0x0300], 16)),
        0x0301: (UINT24, int(told[0x0301], 16)),
        0x0302: (UINT24, int(told[0x0302], 16)),
        0x0306: (BITMAP8, int(told[0x0306], 16)),
        0x0308: (OCTETS, told[0x0308]),
    }
    return answer(attributes, DESCRIBED)


@capture_needed
def test_real_electricity_meter() -> None:
    """Register and demand in watt-hours and watts, an id by address: the display hid the serial."""
    told = metering("elecMtr")
    codec = ZigbeeCodec()
    codec.feed(described(told))

    found = codec.feed(
        answer(
            {
                0x0000: (UINT48, int(told[0x0000], 16)),
                0x0001: (UINT48, int(told[0x0001], 16)),
                0x0400: (INT24, int(told[0x0400], 16)),
                0x0401: (UINT24, int(told[0x0401], 16)),
            }
        )
    )

    (sample,) = samples_of(found)
    assert sample.meter.startswith("zb-")
    assert sample.registers == {
        "import_mwh": int(told[0x0000], 16) * 1_000,
        "export_mwh": 0,
        "power_import_w": int(told[0x0400], 16),
        "power_export_w": 0,
    }
    assert unknown_of(found) == {"0702/0401": str(int(told[0x0401], 16))}


@capture_needed
def test_real_mirrored_gas_meter() -> None:
    """A device type of 128 and cubic metres: litres of gas."""
    told = metering("gasMtr")
    codec = ZigbeeCodec()
    codec.feed(described(told))

    found = codec.feed(answer({0x0000: (UINT48, int(told[0x0000], 16))}))

    assert [one.is_past for one in found if isinstance(one, Telegram)] == [False]
    (sample,) = samples_of(found)
    assert (sample.medium, sample.registers) == ("gas", {"gas_l": int(told[0x0000], 16)})
