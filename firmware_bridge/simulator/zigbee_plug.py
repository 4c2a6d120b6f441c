"""A metering device of an ordinary Home Automation network: a reader at the meter, or a plug.

Pure; the same interface as the Smart Energy network. It has no clock, no serial of its own and no
memory of half hours, reports in pairs (energy and power, then voltage, current and power), and
knows import alone. Source: ZigBee Cluster Library, Metering and ElectricalMeasurement.
"""

from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.household import LONDON, Display, Household
from firmware_bridge.simulator.oracle import Shown
from firmware_bridge.simulator.zigbee_air import (
    BASIC,
    ELECTRICAL_MEASUREMENT,
    HOME_AUTOMATION,
    METERING,
    ON_OFF,
    SMART_PLUG,
    Aired,
    AirFrame,
    NodeType,
    SimulatedDevice,
    SimulatedEndpoint,
    line_of,
)
from firmware_bridge.simulator.zigbee_server import answer_of
from firmware_bridge.simulator.zigbee_zcl import (
    BITMAP8,
    BOOLEAN,
    ENUM8,
    INT16,
    INT24,
    TEXT,
    UINT8,
    UINT16,
    UINT24,
    UINT48,
    Attributes,
    read_answer,
    report_of,
)
from shared.readings import Medium
from shared.units import MS_PER_HOUR

DESCRIPTION = (0x0300, 0x0301, 0x0302, 0x0303, 0x0306, 0x0307, 0x0308)
SCALES = (0x0600, 0x0601, 0x0602, 0x0603, 0x0604, 0x0605)
ENERGY_REPORTED = (0x0000, 0x0400)
MEASURED_REPORTED = (0x0505, 0x0508, 0x050B)
ENDPOINT = 1

ENERGY_DIVISOR = 10_000
"""Tenths of a watt-hour, so that a reader's scale differs from a Smart Energy meter's."""

NO_REGISTER = 2**48 - 1
"""All ones: what stands in a register that holds nothing."""


class HaPlug:
    """One reader or plug that measures the whole household; its address is fictional."""

    def __init__(self, seed: int, start_ms: int, *, household: Household | None = None) -> None:
        self._ieee = f"02484c500000{seed % 10_000:04x}"
        self.electricity_id = f"zb-{self._ieee}-{ENDPOINT:02x}"
        served = (BASIC, ON_OFF, METERING, ELECTRICAL_MEASUREMENT)
        endpoint = SimulatedEndpoint(ENDPOINT, HOME_AUTOMATION, SMART_PLUG, served)
        self.devices = (SimulatedDevice(self._ieee, 0x5A21, NodeType.ROUTER, 0x1037, (endpoint,)),)
        self._household = household or Household(seed, start_ms, LONDON)
        self._display = self._household.advance(start_ms)
        self._tsn = 0
        self._described_ms = -1

    def report(self, time_ms: int) -> Aired:
        """Go on to an instant, a second or more after the one before; return what is reported.

        Two frames a time; what is shown is their values together, first the energy's.
        """
        self._display = self._household.advance(time_ms)
        energy = self._report_of(METERING, ENERGY_REPORTED)
        measured = self._report_of(ELECTRICAL_MEASUREMENT, MEASURED_REPORTED)
        shown = tuple(
            Shown(self.electricity_id, Medium.ELECTRICITY, time_ms, registers)
            for registers in (_energy_registers(self._display), _measured(self._display))
        )
        return Aired((energy, measured), shown)

    def answer(
        self, ieee: str, endpoint: int, profile: int, cluster: int, request: bytes
    ) -> bytes | None:
        """Return the ZCL frame that answers one, as of the last report; None where none does."""
        if (ieee, endpoint, profile) != (self._ieee, ENDPOINT, HOME_AUTOMATION):
            return None
        return answer_of(self._tables(), {}, cluster, request)

    def emit(self, time_ms: int) -> Emission:
        """Return what is reported at an instant in lines, described anew once an hour."""
        aired = self.report(time_ms)
        described = b""
        if self._described_ms < 0 or time_ms // MS_PER_HOUR != self._described_ms // MS_PER_HOUR:
            self._described_ms = time_ms
            described = b"".join(line_of(frame) for frame in self._descriptions())
        return Emission(described + b"".join(map(line_of, aired.frames)), aired.shown)

    def _descriptions(self) -> tuple[AirFrame, AirFrame]:
        tables = self._tables()
        return (
            self._frame(METERING, read_answer(self._next_tsn(), tables[METERING], DESCRIPTION)),
            self._frame(
                ELECTRICAL_MEASUREMENT,
                read_answer(self._next_tsn(), tables[ELECTRICAL_MEASUREMENT], SCALES),
            ),
        )

    def _report_of(self, cluster: int, ids: tuple[int, ...]) -> AirFrame:
        attributes = self._tables()[cluster]
        chosen = {number: attributes[number] for number in ids}
        return self._frame(cluster, report_of(self._next_tsn(), chosen))

    def _frame(self, cluster: int, zcl: bytes) -> AirFrame:
        return AirFrame(self._ieee, ENDPOINT, HOME_AUTOMATION, cluster, zcl)

    def _tables(self) -> dict[int, Attributes]:
        display = self._display
        return {
            BASIC: {
                0x0000: (UINT8, 3),
                0x0004: (TEXT, "Hearthlink simulator"),
                0x0005: (TEXT, "SIM-PLUG"),
                0x0007: (ENUM8, 1),
            },
            ON_OFF: {0x0000: (BOOLEAN, 1)},
            METERING: {
                0x0000: (UINT48, min(display.import_total_wh * 10, NO_REGISTER)),
                0x0200: (BITMAP8, 0),
                0x0300: (ENUM8, 0),
                0x0301: (UINT24, 1),
                0x0302: (UINT24, ENERGY_DIVISOR),
                0x0303: (BITMAP8, 0x2C),
                0x0306: (BITMAP8, 0),
                0x0400: (INT24, display.power_w * 10),
            },
            ELECTRICAL_MEASUREMENT: {
                0x0505: (UINT16, display.voltage_dv),
                0x0508: (UINT16, display.current_ca),
                0x050B: (INT16, display.power_w),
                0x0600: (UINT16, 1),
                0x0601: (UINT16, 10),
                0x0602: (UINT16, 1),
                0x0603: (UINT16, 100),
                0x0604: (UINT16, 1),
                0x0605: (UINT16, 1),
            },
        }

    def _next_tsn(self) -> int:
        self._tsn = (self._tsn + 1) % 256
        return self._tsn


def _energy_registers(display: Display) -> dict[str, int]:
    return {"import_mwh": display.import_total_wh * 1_000, **_power(display, "")}


def _measured(display: Display) -> dict[str, int]:
    return {
        "voltage_l1_mv": display.voltage_dv * 100,
        "current_l1_ma": display.current_ca * 10,
        **_power(display, "_l1"),
    }


def _power(display: Display, phase: str) -> dict[str, int]:
    return {
        f"power_import{phase}_w": max(0, display.power_w),
        f"power_export{phase}_w": max(0, -display.power_w),
    }
