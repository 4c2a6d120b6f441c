"""Which simulated meter speaks which protocol."""

from collections.abc import Callable

from firmware_bridge.simulator.dlms_meter import DlmsMeter
from firmware_bridge.simulator.emission import SimulatedMeter
from firmware_bridge.simulator.iec62056_meter import Iec62056Meter
from firmware_bridge.simulator.p1_meter import P1Meter
from firmware_bridge.simulator.raven_meter import RavenMeter
from firmware_bridge.simulator.sml_meter import SmlMeter


def _sml(seed: int, start_ms: int) -> SimulatedMeter:
    # A real one has no clock; one that has can play its history at full speed.
    return SmlMeter(seed, start_ms, has_clock=True)


METERS: dict[str, Callable[[int, int], SimulatedMeter]] = {
    "dlms": DlmsMeter,
    "p1": P1Meter,
    "sml": _sml,
    "iec62056": Iec62056Meter,
    "raven": RavenMeter,
}
"""By the protocol's name: makes a meter from a seed and the time it begins at."""
