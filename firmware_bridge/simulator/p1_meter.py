"""The simulated meter's P1 port: what it shows, as the bytes of a DSMR 5 telegram.

Pure. The oracle's registers are made here from the same display, never by reading the bytes back.
Source: DSMR P1 companion standard 5.0.2, for a single-phase connection with one gas meter.
"""

import dataclasses
from collections.abc import Iterator
from datetime import date, timedelta

from fastcrc import crc16

from firmware_bridge.simulator.emission import Emission, history_of, with_oracle
from firmware_bridge.simulator.household import LONDON, Display, Household
from firmware_bridge.simulator.oracle import OracleLine, Shown
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND

OUTAGES, LONG_OUTAGES, SAGS, SWELLS = 4, 3, 3, 0
POWER_LIMIT_W = 23_000
FUSE_A = 100
EPOCH = date(1970, 1, 1)
ELECTRICITY_AND_GAS = frozenset({Medium.ELECTRICITY, Medium.GAS})


class P1Meter:
    """A household's smart meter with its gas meter on M-Bus channel 1; serials are fictional.

    Of `household`, where one is given, it is the meter now; the gas meter is the household's own.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        *,
        shows: frozenset[Medium] = ELECTRICITY_AND_GAS,
        household: Household | None = None,
    ) -> None:
        self._household = household or Household(seed, start_ms, LONDON)
        self._shows_gas = Medium.GAS in shows
        self.electricity_id = f"SIM-E-{seed % 10_000:04d}"
        self.gas_id = f"SIM-G-{self._household.seed % 10_000:04d}"
        self._days: dict[int, str] = {}
        self._gas_printed_at = -1
        self._gas_line = ""
        self._head = _head(self.electricity_id)
        self._fixed = _fixed_lines()

    def emit(self, time_ms: int) -> Emission:
        """Return the telegram of one instant, a whole second later than the one before."""
        display = self._displayed(time_ms)
        electricity = Shown(
            self.electricity_id, Medium.ELECTRICITY, time_ms, electricity_registers(display)
        )
        if not (self._shows_gas and display.is_gas_heard):
            return Emission(self._telegram(display, ""), (electricity,))
        gas = Shown(self.gas_id, Medium.GAS, display.gas_time_ms, {"gas_l": display.gas_l})
        return Emission(self._telegram(display, self._gas(display)), (electricity, gas))

    def _displayed(self, time_ms: int) -> Display:
        return self._household.advance(time_ms)

    def _telegram(self, display: Display, gas_lines: str) -> bytes:
        imported_w, exported_w = max(0, display.power_w), max(0, -display.power_w)
        first, second = display.import_wh
        first_out, second_out = display.export_wh
        volts, tenths = divmod(display.voltage_dv, 10)
        amperes, hundredths = divmod(display.current_ca, 100)
        body = (
            f"{self._head}0-0:1.0.0({self._printed(display.local_ms, display.is_summer)})\r\n"
            f"1-0:1.8.1({_thousandths(first)}*kWh)\r\n1-0:1.8.2({_thousandths(second)}*kWh)\r\n"
            f"1-0:2.8.1({_thousandths(first_out)}*kWh)\r\n"
            f"1-0:2.8.2({_thousandths(second_out)}*kWh)\r\n"
            f"0-0:96.14.0({display.tariff:04d})\r\n"
            f"1-0:1.7.0({_kilowatts(imported_w)}*kW)\r\n1-0:2.7.0({_kilowatts(exported_w)}*kW)\r\n"
            f"{self._fixed}1-0:32.7.0({volts:03d}.{tenths}*V)\r\n"
            f"1-0:31.7.0({amperes:03d}.{hundredths:02d}*A)\r\n"
            f"1-0:21.7.0({_kilowatts(imported_w)}*kW)\r\n"
            f"1-0:22.7.0({_kilowatts(exported_w)}*kW)\r\n{gas_lines}!"
        ).encode("ascii")
        return b"%s%04X\r\n" % (body, crc16.arc(body))

    def _gas(self, display: Display) -> str:
        if display.gas_time_ms != self._gas_printed_at:
            self._gas_printed_at = display.gas_time_ms
            printed = self._printed(*self._household.local_ms(display.gas_time_ms))
            cubic_metres, litres = divmod(display.gas_l, 1_000)
            self._gas_line = (
                f"0-1:24.1.0(003)\r\n0-1:96.1.0({_hex(self.gas_id)})\r\n"
                f"0-1:24.2.1({printed})({cubic_metres:05d}.{litres:03d}*m3)\r\n"
            )
        return self._gas_line

    def _printed(self, local_ms: int, is_summer: bool) -> str:
        day, within_ms = divmod(local_ms, MS_PER_DAY)
        prefix = self._days.get(day)
        if prefix is None:
            prefix = (EPOCH + timedelta(days=day)).strftime("%y%m%d")
            self._days = {day: prefix}
        hour, within_ms = divmod(within_ms, MS_PER_HOUR)
        minute, within_ms = divmod(within_ms, MS_PER_MINUTE)
        second = within_ms // MS_PER_SECOND
        return f"{prefix}{hour:02d}{minute:02d}{second:02d}{'S' if is_summer else 'W'}"


class P1SolarMeter(P1Meter):
    """The generation meter of the same household's roof: what the roof makes, and nothing else."""

    def __init__(self, seed: int, start_ms: int, *, household: Household | None = None) -> None:
        super().__init__(seed, start_ms, shows=frozenset(), household=household)
        self.electricity_id = f"SIM-S-{seed % 10_000:04d}"
        self._head = _head(self.electricity_id)

    def _displayed(self, time_ms: int) -> Display:
        display = super()._displayed(time_ms)
        return dataclasses.replace(
            display,
            power_w=-display.solar_w,
            current_ca=display.solar_w * 1_000 // display.voltage_dv,
            import_wh=(0, 0),
            export_wh=display.generation_wh,
        )


def electricity_registers(display: Display) -> dict[str, int]:
    """Return every register the telegram shows, in canonical names and units."""
    imported_w, exported_w = max(0, display.power_w), max(0, -display.power_w)
    return {
        "import_t1_mwh": display.import_wh[0] * 1_000,
        "import_t2_mwh": display.import_wh[1] * 1_000,
        "export_t1_mwh": display.export_wh[0] * 1_000,
        "export_t2_mwh": display.export_wh[1] * 1_000,
        "tariff_index": display.tariff,
        "power_import_w": imported_w,
        "power_export_w": exported_w,
        "power_limit_w": POWER_LIMIT_W,
        "breaker_index": 1,
        "current_limit_l1_ma": FUSE_A * 1_000,
        "outages_count": OUTAGES,
        "long_outages_count": LONG_OUTAGES,
        "sags_l1_count": SAGS,
        "swells_l1_count": SWELLS,
        "voltage_l1_mv": display.voltage_dv * 100,
        "current_l1_ma": display.current_ca * 10,
        "power_import_l1_w": imported_w,
        "power_export_l1_w": exported_w,
    }


def emissions(seed: int, start_ms: int, end_ms: int, cadence_s: int) -> Iterator[Emission]:
    """Yield the telegrams of a household from `start_ms` up to, not including, `end_ms`."""
    return history_of(P1Meter(seed, start_ms), seed, start_ms, end_ms, cadence_s)


def telegrams(
    seed: int, start_ms: int, end_ms: int, cadence_s: int = 10
) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield each telegram's bytes with its oracle lines, whose `must_log` is already decided."""
    return with_oracle(emissions(seed, start_ms, end_ms, cadence_s))


def _head(serial: str) -> str:
    return f"/HLK5\\SIM-HOUSEHOLD\r\n\r\n1-3:0.2.8(50)\r\n0-0:96.1.1({_hex(serial)})\r\n"


def _fixed_lines() -> str:
    """Lines that stay as they are: limits, counts of disturbances, the log of three outages."""
    return (
        f"0-0:17.0.0({_kilowatts(POWER_LIMIT_W)}*kW)\r\n0-0:96.3.10(1)\r\n"
        f"1-0:31.4.0({FUSE_A:03d}*A)\r\n"
        f"0-0:96.7.21({OUTAGES:05d})\r\n0-0:96.7.9({LONG_OUTAGES:05d})\r\n"
        "1-0:99.97.0(3)(0-0:96.7.19)(240311092215W)(0000000641*s)(250102031407W)"
        "(0000002903*s)(250817140552S)(0000000198*s)\r\n"
        f"1-0:32.32.0({SAGS:05d})\r\n1-0:32.36.0({SWELLS:05d})\r\n"
        "0-0:96.13.0()\r\n"
    )


def _hex(serial: str) -> str:
    return serial.encode("ascii").hex().upper()


def _thousandths(value_wh: int) -> str:
    whole, rest = divmod(value_wh, 1_000)
    return f"{whole:06d}.{rest:03d}"


def _kilowatts(power_w: int) -> str:
    whole, rest = divmod(power_w, 1_000)
    return f"{whole:02d}.{rest:03d}"
