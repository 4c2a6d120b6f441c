"""The simulated P1 port of a country that encrypts: each telegram in a ciphered DLMS envelope.

Pure but for the cipher. Sources: Smarty P1 specification (Luxmetering), e-Smart P1 of the Austrian
network operators.
"""

import dataclasses

from firmware_bridge.simulator.dlms_meter import COUNTER_FROM_MS, MeterKeys, encipher
from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.household import Household
from firmware_bridge.simulator.p1_meter import ELECTRICITY_AND_GAS, P1Meter
from shared.readings import Medium
from shared.units import MS_PER_SECOND


class P1EncryptedMeter:
    """The household's P1 meter behind a cipher; its invocation counter counts seconds."""

    def __init__(
        self,
        seed: int,
        start_ms: int,
        keys: MeterKeys,
        *,
        shows: frozenset[Medium] = ELECTRICITY_AND_GAS,
        household: Household | None = None,
    ) -> None:
        self.system_title = b"SIM" + (seed % 10_000).to_bytes(5, "big")
        self._meter = P1Meter(seed, start_ms, shows=shows, household=household)
        self._keys = keys

    def emit(self, time_ms: int) -> Emission:
        """Return the envelope of one instant, a whole second later than the one before."""
        emission = self._meter.emit(time_ms)
        counter = (time_ms - COUNTER_FROM_MS) // MS_PER_SECOND & 0xFFFF_FFFF
        sealed = encipher(emission.telegram, self.system_title, counter, self._keys)
        return dataclasses.replace(emission, telegram=sealed)
