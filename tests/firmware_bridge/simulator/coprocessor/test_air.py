"""Devices behind a simulated stick: what each answers about itself."""

import pytest

from firmware_bridge.simulator.coprocessor.air import Air, Packet
from firmware_bridge.simulator.zigbee_meter import ZigbeeMeter

START_MS = 1_790_000_000_000
METER = "02484c4500000007"
NWK = 0x1E5E


def air() -> Air:
    """Make the air of a household."""
    return Air(ZigbeeMeter(7, START_MS))


def ask(one: Air, cluster: int, content: bytes, *, endpoint: int = 0, nwk: int = NWK) -> bytes:
    """Return what a device answers, b"" for nothing."""
    profile = 0x0109 if endpoint else 0
    answer = one.answer(Packet(nwk, profile, cluster, endpoint, endpoint, content))
    return b"" if answer is None else answer.content


def test_a_device_describes_its_node_and_endpoints() -> None:
    """A router on the mains with one Smart Energy endpoint."""
    one = air()

    node = ask(one, 0x0002, bytes([5, 0x5E, 0x1E]))
    active = ask(one, 0x0005, bytes([6, 0x5E, 0x1E]))
    simple = ask(one, 0x0004, bytes([7, 0x5E, 0x1E, 1]))

    assert node[:7].hex() == "05" + "00" + "5e1e" + "01" + "40" + "8e"
    assert active.hex() == "06005e1e" + "0101"
    assert simple[5:10].hex() == "01" + "0901" + "0105"
    assert one.devices[METER].is_known


def test_an_endpoint_there_is_not_is_not_active() -> None:
    """With a status that says so."""
    assert ask(air(), 0x0004, bytes([7, 0x5E, 0x1E, 9])).hex() == "07835e1e00"


@pytest.mark.parametrize(
    ("cluster", "told"),
    [
        (0x0001, "0100" + "07000000454c4802" + "5e1e"),
        (0x0021, "0100"),
        (0x0036, "0184"),
    ],
)
def test_addresses_bindings_and_the_rest(cluster: int, told: str) -> None:
    """What a host may ask besides; what is not known is not supported."""
    assert ask(air(), cluster, b"\x01").hex() == told


def test_a_device_told_to_leave_is_gone() -> None:
    """It answers nothing more, until it announces itself."""
    one = air()
    assert ask(one, 0x0034, b"\x01").hex() == "0100"

    assert ask(one, 0x0002, b"\x02") == b""
    announcement = one.announcement(METER)

    assert announcement.content.hex() == "005e1e" + "07000000454c4802" + "8e"
    assert ask(one, 0x0021, b"\x03") != b""


def test_a_device_that_is_had_report_is_remembered_until_the_next_session() -> None:
    """By endpoint and cluster."""
    one = air()
    configure = bytes.fromhex("00010600000025010a000100000000000000")

    assert ask(one, 0x0702, configure, endpoint=1)
    assert one.devices[METER].reporting == {(1, 0x0702)}
    one.forget_host()

    assert not one.devices[METER].reporting
    assert not one.devices[METER].is_known


def test_what_no_device_answers_is_nothing() -> None:
    """A wrong address, a wrong endpoint, and an empty network."""
    assert ask(air(), 0x0002, b"\x01", nwk=0x9999) == b""
    assert ask(air(), 0x0702, b"\x00\x01\x00\x00\x00", endpoint=9) == b""
    assert ask(Air(None), 0x0002, b"\x01") == b""
