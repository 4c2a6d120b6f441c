"""Addresses of ZigBee sticks: what is read from them, and what is refused with the fix."""

import pytest

from firmware_bridge.links.addresses import check_address, device_of
from firmware_bridge.links.zigbee.address import ZigbeeAddress, parse_zigbee_address
from shared.errors import OperatorError


def test_a_bare_address_is_an_ezsp_stick() -> None:
    """Most sticks sold are."""
    parsed = parse_zigbee_address("zigbee:/dev/ttyUSB0")

    assert parsed == ZigbeeAddress("/dev/ttyUSB0", "ezsp", None)


def test_radio_and_baud_are_read() -> None:
    """Both may be said."""
    parsed = parse_zigbee_address("zigbee:/dev/ttyACM0?radio=znp&baud=460800")

    assert parsed == ZigbeeAddress("/dev/ttyACM0", "znp", 460_800)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("zigbee:ttyUSB0", "names no serial port"),
        ("zigbee:", "names no serial port"),
        ("zigbee:/dev/ttyUSB0?radio=conbee", "radio 'conbee' is not known"),
        ("zigbee:/dev/ttyUSB0?baud=fast", "baud 'fast'"),
        ("zigbee:/dev/ttyUSB0?baud=1", "baud '1'"),
        ("zigbee:/dev/ttyUSB0?channel=11", "channel means nothing"),
    ],
)
def test_what_cannot_be_read_is_refused(address: str, told: str) -> None:
    """With the value, and a form that works."""
    with pytest.raises(OperatorError, match=told) as caught:
        check_address(address)

    assert caught.value.hint


def test_the_port_of_a_stick_can_be_had_from_its_address() -> None:
    """So that whoever looks at ports need not know of radios."""
    assert device_of("zigbee:/dev/ttyUSB0?radio=znp") == "/dev/ttyUSB0"
