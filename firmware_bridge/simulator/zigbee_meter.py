"""A household's Smart Energy network: an electricity meter, and a hub that mirrors the gas meter.

Pure. Three faces on one household: `report` and `answer` for a simulated radio, `emit` for a stream
of lines. The oracle's registers are made here from the display, never by reading the bytes back.
Sources: ZigBee Cluster Library, Smart Energy profile; the ids are those of a UK meter's clusters.
"""

from collections.abc import Iterator

from firmware_bridge.simulator.emission import Emission, history_of, with_oracle
from firmware_bridge.simulator.household import LONDON, Display, Household
from firmware_bridge.simulator.oracle import OracleLine, Shown
from firmware_bridge.simulator.zigbee_account import PrepaidAccount
from firmware_bridge.simulator.zigbee_air import (
    BASIC,
    DEVICE_MANAGEMENT,
    ENERGY_SERVICE_INTERFACE,
    MESSAGING,
    METERING,
    METERING_DEVICE,
    PREPAYMENT,
    PRICE,
    SMART_ENERGY,
    TIME,
    Aired,
    AirFrame,
    NodeType,
    SimulatedDevice,
    SimulatedEndpoint,
    line_of,
)
from firmware_bridge.simulator.zigbee_profile import (
    DELIVERED,
    GAS,
    RECEIVED,
    HalfHours,
    seconds_of,
)
from firmware_bridge.simulator.zigbee_server import Commands, answer_of
from firmware_bridge.simulator.zigbee_tables import (
    display_message,
    electricity_tables,
    gas_tables,
    hub_tables,
    publish_price,
)
from firmware_bridge.simulator.zigbee_zcl import (
    Attributes,
    cluster_answer,
    read_answer,
    report_of,
)
from shared.readings import Medium
from shared.units import MS_PER_HOUR, MS_PER_MINUTE, SLOT_MS

DESCRIPTION = (0x0300, 0x0301, 0x0302, 0x0303, 0x0306, 0x0307, 0x0308)
"""What a link reads of the Metering cluster first: unit, scale, formatting, type, site, serial."""

REPORTED = (0x0000, 0x0001, 0x0007, 0x0400)
"""Energy in and out, when they were read, and the power."""

GAS_REPORTED = (0x0000, 0x0007)

ELECTRICITY_ENDPOINT, HUB_ENDPOINT, GAS_ENDPOINT = 1, 1, 2

PRICE_EVERY_MS = 15 * MS_PER_MINUTE
BOTH = frozenset((Medium.ELECTRICITY, Medium.GAS))


class ZigbeeMeter:
    """The simulated network; addresses and serials are fictional. `shows`: which meters it has.

    Where it `is_prepaid`, the electricity meter is paid for beforehand, and `account` is what it
    tells of that.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        shows: frozenset[Medium] = BOTH,
        *,
        household: Household | None = None,
        is_prepaid: bool = False,
    ) -> None:
        number = seed % 10_000
        self.electricity_id = f"SIM-E-{number:04d}"
        self.gas_id = f"SIM-G-{number:04d}"
        self._meter_ieee = f"02484c450000{number:04x}"
        self._hub_ieee = f"02484c480000{number:04x}"
        self._shows = shows
        self.devices = self._make_devices()
        self._household = household or Household(seed, start_ms, LONDON)
        self._now_ms = start_ms
        self._display = self._household.advance(start_ms)
        self.account = PrepaidAccount(self._display) if is_prepaid else None
        self._half_hours = HalfHours(start_ms, self._display)
        self._kept: list[Shown] = []
        if self._half_hours.last is not None:
            self._keep(start_ms)
        self._tsn = 0
        self._said_ms = -1
        self._gas_said_ms = -1
        self._described_ms = -1

    def report(self, time_ms: int) -> Aired:
        """Go on to an instant, a second or more after the one before; return what is reported.

        The electricity meter reports each time, the hub when the gas meter has woken; a price every
        quarter of an hour, and a message at first.
        """
        self._advance(time_ms)
        frames: list[AirFrame] = []
        shown: list[Shown] = []
        if Medium.ELECTRICITY in self._shows:
            frames += self._notices(time_ms)
            frames.append(self._report_of(self._meter_ieee, ELECTRICITY_ENDPOINT, REPORTED))
            registers = _electricity_registers(self._display)
            shown.append(Shown(self.electricity_id, Medium.ELECTRICITY, time_ms, registers))
        is_gas_new = self._display.is_gas_heard and self._display.gas_time_ms != self._gas_said_ms
        if Medium.GAS in self._shows and is_gas_new:
            self._gas_said_ms = self._display.gas_time_ms
            frames.append(self._report_of(self._hub_ieee, GAS_ENDPOINT, GAS_REPORTED))
            gas = {"gas_l": self._display.gas_l}
            shown.append(Shown(self.gas_id, Medium.GAS, self._display.gas_time_ms, gas))
        self._said_ms = time_ms
        kept = tuple(self._kept)
        self._kept.clear()
        return Aired(tuple(frames), tuple(shown), kept)

    def answer(
        self, ieee: str, endpoint: int, profile: int, cluster: int, request: bytes
    ) -> bytes | None:
        """Return the ZCL frame that answers one, as of the last report; None where none does.

        Known: reading attributes, configuring reports (accepted, and not acted upon), GetProfile,
        GetCurrentPrice and GetLastMessage.
        """
        if profile != SMART_ENERGY or not self._has(ieee, endpoint):
            return None
        commands: Commands = {
            (METERING, 0x00): lambda payload: self._profile(ieee, payload),
            (PRICE, 0x00): lambda _: (0x00, publish_price(self._display)),
            (MESSAGING, 0x00): lambda _: (0x00, display_message(self._display.time_ms)),
        }
        return answer_of(self._tables(ieee, endpoint), commands, cluster, request)

    def read_attributes(
        self, ieee: str, endpoint: int, cluster: int, ids: tuple[int, ...]
    ) -> Attributes:
        """Return the types and values of those attributes of a cluster that there are."""
        attributes = self._tables(ieee, endpoint).get(cluster, {})
        return {number: attributes[number] for number in ids if number in attributes}

    def emit(self, time_ms: int) -> Emission:
        """Return what is reported at an instant in lines, described anew once an hour."""
        aired = self.report(time_ms)
        described = b""
        if self._described_ms < 0 or time_ms // MS_PER_HOUR != self._described_ms // MS_PER_HOUR:
            self._described_ms = time_ms
            described = self.describe()
        telegram = described + b"".join(map(line_of, aired.frames))
        return Emission(telegram, aired.shown, kept=aired.kept)

    def describe(self) -> bytes:
        """Return the lines of what a link is answered that reads every meter's description."""
        return b"".join(line_of(frame) for frame in self._descriptions())

    def _advance(self, time_ms: int) -> None:
        """Go on, and note what every meter shows on each half hour that is passed."""
        first_ms = self._now_ms // SLOT_MS * SLOT_MS + SLOT_MS
        for boundary_ms in range(first_ms, time_ms + 1, SLOT_MS):
            self._display = self._household.advance(boundary_ms)
            self._half_hours.note(boundary_ms, self._display)
            self._keep(boundary_ms)
            self._now_ms = boundary_ms
        if time_ms > self._now_ms:
            self._display = self._household.advance(time_ms)
            self._now_ms = time_ms
        if self.account is not None:
            self.account.advance(self._display)

    def _keep(self, time_ms: int) -> None:
        """Say what the meters that are shown will tell of a half hour."""
        if Medium.ELECTRICITY in self._shows:
            energy = _energy_registers(self._display)
            self._kept.append(Shown(self.electricity_id, Medium.ELECTRICITY, time_ms, energy))
        if Medium.GAS in self._shows:
            gas = {"gas_l": self._display.gas_l}
            self._kept.append(Shown(self.gas_id, Medium.GAS, time_ms, gas))

    def _notices(self, time_ms: int) -> list[AirFrame]:
        """Return price and credit as a quarter of an hour begins, and at first the message."""
        frames = []
        if self._said_ms < 0:
            frames.append(self._command(MESSAGING, display_message(time_ms)))
        if self._said_ms < 0 or time_ms // PRICE_EVERY_MS != self._said_ms // PRICE_EVERY_MS:
            frames.append(self._command(PRICE, publish_price(self._display)))
            if self.account is not None:
                frames.append(self._credit_report(self.account))
        return frames

    def _credit_report(self, account: PrepaidAccount) -> AirFrame:
        zcl = report_of(self._next_tsn(), account.attributes())
        return AirFrame(self._meter_ieee, ELECTRICITY_ENDPOINT, SMART_ENERGY, PREPAYMENT, zcl)

    def _command(self, cluster: int, payload: bytes) -> AirFrame:
        zcl = cluster_answer(self._next_tsn(), 0x00, payload)
        return AirFrame(self._meter_ieee, ELECTRICITY_ENDPOINT, SMART_ENERGY, cluster, zcl)

    def _report_of(self, ieee: str, endpoint: int, ids: tuple[int, ...]) -> AirFrame:
        attributes = self.read_attributes(ieee, endpoint, METERING, ids)
        zcl = report_of(self._next_tsn(), attributes)
        return AirFrame(ieee, endpoint, SMART_ENERGY, METERING, zcl)

    def _descriptions(self) -> Iterator[AirFrame]:
        for ieee, endpoint in self._meters():
            attributes = self._tables(ieee, endpoint)[METERING]
            zcl = read_answer(self._next_tsn(), attributes, DESCRIPTION)
            yield AirFrame(ieee, endpoint, SMART_ENERGY, METERING, zcl)

    def _meters(self) -> list[tuple[str, int]]:
        meters = []
        if Medium.ELECTRICITY in self._shows:
            meters.append((self._meter_ieee, ELECTRICITY_ENDPOINT))
        if Medium.GAS in self._shows:
            meters.append((self._hub_ieee, GAS_ENDPOINT))
        return meters

    def _tables(self, ieee: str, endpoint: int) -> dict[int, Attributes]:
        if not self._has(ieee, endpoint):
            return {}
        if ieee == self._meter_ieee:
            return electricity_tables(
                self.electricity_id, self._display, self._half_hours, self.account
            )
        if endpoint == GAS_ENDPOINT:
            return gas_tables(self.gas_id, self._display)
        return hub_tables(seconds_of(self._display.time_ms))

    def _has(self, ieee: str, endpoint: int) -> bool:
        return any(
            device.ieee == ieee and any(one.number == endpoint for one in device.endpoints)
            for device in self.devices
        )

    def _profile(self, ieee: str, payload: bytes) -> tuple[int, bytes]:
        channels = {0: GAS} if ieee == self._hub_ieee else {0: DELIVERED, 1: RECEIVED}
        return self._half_hours.answer(payload, channels)

    def _next_tsn(self) -> int:
        self._tsn = (self._tsn + 1) % 256
        return self._tsn

    def _make_devices(self) -> tuple[SimulatedDevice, ...]:
        hub = [
            SimulatedEndpoint(
                HUB_ENDPOINT, SMART_ENERGY, ENERGY_SERVICE_INTERFACE, (BASIC, TIME), (MESSAGING,)
            )
        ]
        if Medium.GAS in self._shows:
            mirrored = (BASIC, METERING, PREPAYMENT, DEVICE_MANAGEMENT)
            hub.append(SimulatedEndpoint(GAS_ENDPOINT, SMART_ENERGY, METERING_DEVICE, mirrored))
        devices = [SimulatedDevice(self._hub_ieee, 0x1B2C, NodeType.ROUTER, 0x10C7, tuple(hub))]
        if Medium.ELECTRICITY in self._shows:
            served = (BASIC, PRICE, METERING, MESSAGING, PREPAYMENT, DEVICE_MANAGEMENT)
            meter = SimulatedEndpoint(
                ELECTRICITY_ENDPOINT, SMART_ENERGY, METERING_DEVICE, served, (TIME,)
            )
            devices.append(
                SimulatedDevice(self._meter_ieee, 0x1E5E, NodeType.ROUTER, 0x1002, (meter,))
            )
        return tuple(devices)


def _energy_registers(display: Display) -> dict[str, int]:
    return {
        "import_mwh": display.import_total_wh * 1_000,
        "export_mwh": display.export_total_wh * 1_000,
    }


def _electricity_registers(display: Display) -> dict[str, int]:
    return {
        **_energy_registers(display),
        "power_import_w": max(0, display.power_w),
        "power_export_w": max(0, -display.power_w),
    }


def emissions(seed: int, start_ms: int, end_ms: int, cadence_s: int = 10) -> Iterator[Emission]:
    """Yield what the network says in `[start_ms, end_ms)`, in order."""
    return history_of(ZigbeeMeter(seed, start_ms), seed, start_ms, end_ms, cadence_s)


def telegrams(
    seed: int, start_ms: int, end_ms: int, cadence_s: int = 10
) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield each emission's bytes with its oracle lines, whose `must_log` is already decided."""
    return with_oracle(emissions(seed, start_ms, end_ms, cadence_s))
