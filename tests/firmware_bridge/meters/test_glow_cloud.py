"""What a Glow's message to its maker's cloud says: raw attributes, scaled by their own divisor."""

import json
from typing import Any

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.glow_message import MessageDecoder

AT_MS = 1_794_043_208_000
MPAN, MPRN = "1900001234567", "9912345678"


def decode(content: dict[str, Any]) -> list[Telegram | Refused]:
    """Decode one message."""
    text = json.dumps(content)
    return MessageDecoder().decode("t", text, text.encode())


def cloud(**meters: Any) -> dict[str, Any]:
    """Write a message to the maker's cloud, in raw attributes."""
    scale = {"00": "00", "01": "00000001", "02": "000003E8", "07": MPAN}
    elec = {"0702": {"03": scale, "00": {"00": "0000004D64CC", "01": "000000000000", "14": "02"},
                     "04": {"00": "000009F3", "01": "001F23"}}}  # fmt: skip
    gas_scale = {**scale, "00": "01", "07": MPRN}
    gas_meter = {"0702": {"03": gas_scale, "00": {"00": "00000022D37B"}}}
    rest = {"gmtime": AT_MS // 1_000, "gid": "02484CFFFE000001", "pan": {"status": "joined"}}
    return {"elecMtr": elec, "gasMtr": gas_meter, **rest, **meters}


def test_message_to_the_cloud_is_read_from_its_attributes() -> None:
    """Both meters by their own unit and divisor, and the Glow beside them."""
    found = decode(cloud())

    samples = [entry.samples[0] for entry in found if isinstance(entry, Telegram)]
    assert [(one.meter, one.registers) for one in samples] == [
        (MPAN, {"import_mwh": 5_072_076_000, "export_mwh": 0, "power_import_w": 2_547,
                "power_export_w": 0}),
        (MPRN, {"gas_l": 2_282_363}),
        ("02484cfffe000001", {}),
    ]  # fmt: skip
    assert {one.meter_time_ms for one in samples} == {AT_MS}
    assert samples[0].unknown["elecMtr.0702.04.01"] == "001F23"


@pytest.mark.parametrize(
    ("printed", "watts"),
    [("FFFFFF", (0, 1)), ("FFFFFF9C", (0, 100)), ("00000064", (100, 0)), ("800000", None),
     ("none", None)],
)  # fmt: skip
def test_demand_in_the_cloud_is_a_signed_24_bit_integer(
    printed: str, watts: tuple[int, int] | None
) -> None:
    """In six digits or in eight; the most negative one is none."""
    content = cloud()
    content["elecMtr"]["0702"]["04"]["00"] = printed

    registers = decode(content)[0]

    assert isinstance(registers, Telegram)
    told = registers.samples[0].registers
    power = (told["power_import_w"], told["power_export_w"]) if "power_import_w" in told else None
    assert power == watts


@pytest.mark.parametrize(
    ("field", "value"), [("00", "0C"), ("00", 3), ("02", "00000000"), ("01", None)]
)
def test_scale_in_the_cloud_that_is_not_understood_is_refused(field: str, value: Any) -> None:
    """The other meter is read all the same."""
    content = cloud()
    content["elecMtr"]["0702"]["03"][field] = value

    found = decode(content)

    assert [type(entry) for entry in found] == [Refused, Telegram, Telegram]
    assert isinstance(found[0], Refused)
    assert found[0].reason == "bad-value"


def test_cloud_message_with_a_clock_in_hexadecimal_or_none_is_read() -> None:
    """And with a register too large for any of ours."""
    content = cloud(gmtime=None, time=f"{AT_MS // 1_000:08X}", gasMtr=None)
    content["elecMtr"]["0702"]["00"]["01"] = "FFFFFFFFFFFFFFF0"

    found = decode(content)

    assert isinstance(found[0], Telegram)
    assert found[0].samples[0].meter_time_ms == AT_MS
    assert "export_mwh" not in found[0].samples[0].registers
    assert isinstance(found[1], Telegram)
