"""ZCL frames: the header, attributes one after another, and what ends them early."""

import pytest

from firmware_bridge.meters.zcl import (
    MAX_ATTRIBUTES,
    Attribute,
    ZclFrame,
    read_attributes,
    read_frame,
)
from firmware_bridge.meters.zcl_types import ZclError


def frame(payload: str, command: int = 0x0A) -> ZclFrame:
    """Return a general frame with a payload in hexadecimal."""
    return read_frame(bytes((0x18, 1, command)) + bytes.fromhex(payload))


def test_header_is_taken_apart() -> None:
    """A general one from the server, and a manufacturer's command from the client."""
    general = read_frame(bytes.fromhex("18 2a 0a 01"))
    own = read_frame(bytes.fromhex("05 1510 2b 40 02"))

    assert general == ZclFrame(False, True, None, 0x2A, 0x0A, b"\x01")
    assert own == ZclFrame(True, False, 0x1015, 0x2B, 0x40, b"\x02")


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "truncated"), ("18", "truncated"), ("1801", "truncated"), ("1c1510", "truncated"),
     ("1a0100", "bad-value"), ("1b0100", "bad-value")],
)  # fmt: skip
def test_what_is_no_header_is_refused(content: str, reason: str) -> None:
    """Too short, or of a frame type that there is not."""
    with pytest.raises(ZclError) as caught:
        read_frame(bytes.fromhex(content))

    assert caught.value.reason == reason


def test_attributes_are_read_past_those_nobody_knows() -> None:
    """Each type's length is known, so the one after a stranger is found."""
    found, fault = read_attributes(frame("0000 25 010000000000 f3ff 4c 0100 20 05 0004 2a 020000"))

    assert fault is None
    assert found == [
        Attribute(0x0000, 0, 1),
        Attribute(0xFFF3, 0, "[5]"),
        Attribute(0x0400, 0, 2),
    ]


def test_answer_tells_a_status_of_each_attribute() -> None:
    """One that is not supported has no value."""
    found, fault = read_attributes(frame("0803 86 0003 00 30 01", command=0x01))

    assert fault is None
    assert found == [Attribute(0x0308, 0x86, None), Attribute(0x0300, 0, 1)]


def test_what_stands_before_an_unknown_type_is_kept() -> None:
    """The rest cannot be read, and is said to be."""
    found, fault = read_attributes(frame("0000 20 05 0100 77 00"))

    assert found == [Attribute(0, 0, 5)]
    assert fault is not None
    assert (fault.reason, "0x0001" in fault.detail) == ("bad-value", True)


@pytest.mark.parametrize("payload", ["0000 20 05 0100 25 0102", "0000 20 05 01", "0000 20 05 0100"])
def test_frame_that_is_cut_short_tells_nothing(payload: str) -> None:
    """What is left of it may be wrong too."""
    found, fault = read_attributes(frame(payload))

    assert found == []
    assert fault is not None
    assert fault.reason == "truncated"


def test_number_of_attributes_is_bounded() -> None:
    """More than a frame has room for are not read."""
    found, fault = read_attributes(frame("0000 20 05" * (MAX_ATTRIBUTES + 1)))

    assert len(found) == MAX_ATTRIBUTES
    assert fault is not None
    assert fault.reason == "too-long"
