"""The simulated Home Automation reader: the same household, without clock or serial."""

import struct

from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.simulator.zigbee_air import HOME_AUTOMATION, METERING, SimulatedNetwork
from firmware_bridge.simulator.zigbee_plug import ENDPOINT, HaPlug
from tests.support.zcl_lines import reasons_of, samples_of

START_MS = 1_790_000_000_000


def test_oracle_equals_what_the_codec_reads_from_the_lines() -> None:
    """Energy and power, then voltage, current and power; the hub gives the time."""
    plug, codec = HaPlug(4, START_MS), ZigbeeCodec()

    for number in range(1, 400):
        emission = plug.emit(START_MS + number * 10_000)
        found = codec.feed(emission.telegram)
        decoded = [(s.meter, s.medium, s.meter_time_ms, s.registers) for s in samples_of(found)]
        assert reasons_of(found) == []
        assert decoded == [(s.meter, s.medium, None, s.registers) for s in emission.shown]


def test_plug_is_a_network_that_answers() -> None:
    """Of its own endpoint and profile alone; it knows no serial."""
    plug = HaPlug(4, START_MS)
    (device,) = plug.devices
    request = b"\x00\x01\x00" + struct.pack("<HH", 0x0302, 0x0308)

    answered = plug.answer(device.ieee, ENDPOINT, HOME_AUTOMATION, METERING, request)

    assert isinstance(plug, SimulatedNetwork)
    assert answered == bytes.fromhex("180101 0203 00 22 102700 0803 86")
    assert plug.answer(device.ieee, ENDPOINT, 0x0109, METERING, request) is None
