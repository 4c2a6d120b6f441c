"""What healthy meters tell besides their registers is known; what nobody knows is not."""

import inspect
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.catalog import codec_for
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.left_out import is_left_out

START_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    "protocol", ["dlms", "glow", "iec62056", "mbus", "p1", "raven", "sml", "zigbee"]
)
def test_simulated_meter_tells_nothing_strange(protocol: str) -> None:
    """Its summary asks nobody for a capture."""
    emissions = import_module(f"firmware_bridge.simulator.{protocol}_meter").emissions
    more = {"cadence_s": 10} if "cadence_s" in inspect.signature(emissions).parameters else {}
    codec = codec_for(protocol, ZoneInfo("Europe/London"))

    strange: set[str] = set()
    for emission in emissions(1, START_MS, START_MS + 600_000, **more):
        for found in codec.feed(emission.telegram):
            assert isinstance(found, Telegram)
            for sample in found.samples:
                strange |= {code for code in sample.unknown if not is_left_out(protocol, code)}

    assert not strange


@pytest.mark.parametrize(
    ("protocol", "code"),
    [
        ("p1", "1-0:99.97.0"),
        ("p1", "0-0:98.1.0"),
        ("sml", "129-129:199.240.6*255"),
        ("sml", "1-0:96.5.0*255"),
        ("iec62056", "1.8.0*03"),
        ("iec62056", "+"),
        ("raven", "NetworkInfo.Channel"),
        ("zigbee", "0702/0c01"),
        ("zigbee", "0707!00"),
        ("mbus", "flow_temperature"),
    ],
)
def test_known_code_is_left_out_on_purpose(protocol: str, code: str) -> None:
    """Histories, states, prices, and the count of what was not kept."""
    assert is_left_out(protocol, code)


@pytest.mark.parametrize(
    ("protocol", "code"),
    [
        ("p1", "1-0:200.7.0"),
        ("p1", "1-0:1.8.0"),
        ("sml", "1-0:1.8.9*255"),
        ("raven", "InstantaneousDemand.Phase"),
        ("raven", "NewCluster.Price"),
        ("glow", "electricitymeter.energy.import.reactive"),
        ("zigbee", "fc00/0001"),
        ("mbus", "vif-fd42"),
        ("none", "1-0:99.97.0"),
    ],
)
def test_code_nobody_knows_is_not(protocol: str, code: str) -> None:
    """A known code in a unit that is not is among them."""
    assert not is_left_out(protocol, code)
