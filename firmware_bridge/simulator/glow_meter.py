"""The simulated household as a Glow tells of it: messages of JSON, a line each with its topic.

Pure. The oracle's registers are made here from the same display, never by reading the text back.
The message of gas comes as often as that of electricity, with its own clock, though the register in
it changes each half hour. The counters of the day, week and month turn at midnight UTC, as those of
a real one do, which is one o'clock in summer.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from firmware_bridge.simulator.emission import Emission, history_of, with_oracle
from firmware_bridge.simulator.household import LONDON, Display, Household
from firmware_bridge.simulator.oracle import BUCKET_MS, OracleLine, Shown
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_SECOND

STATE_EVERY = 30
"""Ten-second buckets from one message on the Glow's own state to the next: five minutes."""

UNIT_RATES = {1: "0.13240", 2: "0.27680"}
"""Pounds a kWh by the tariff in force: a Glow tells the present one alone."""

GAS_WH_PER_LITRE = 11
"""About the calorific value of British gas, by which the Glow makes kWh of the volume."""

FIRST_MONDAY = 4
"""1970-01-05, in days since the epoch."""

ELECTRICITY_AND_GAS = frozenset({Medium.ELECTRICITY, Medium.GAS})


class GlowMeter:
    """A Glow beside a household's smart meters; addresses and supply points are fictional."""

    def __init__(
        self,
        seed: int,
        start_ms: int,
        *,
        shows: frozenset[Medium] = ELECTRICITY_AND_GAS,
        household: Household | None = None,
    ) -> None:
        self.electricity_id = f"9900{seed % 10**9:09d}"
        self.gas_id = f"99{seed % 10**8:08d}"
        self._mac = f"02484C{seed % 16**6:06X}"
        self._shows = shows
        self._household = household or Household(seed, start_ms, LONDON)
        self._import = _Periods()
        self._gas = _Periods()

    def emit(self, time_ms: int) -> Emission:
        """Return the messages of one instant, a whole second later than the one before."""
        display = self._household.advance(time_ms)
        at = _stamp(display.time_ms)
        lines: list[str] = []
        shown: list[Shown] = []
        if time_ms // BUCKET_MS % STATE_EVERY == 0:
            lines.append(self._state(at))
        if Medium.ELECTRICITY in self._shows:
            lines.append(self._electricity(at, display))
            registers = _registers(display)
            shown.append(Shown(self.electricity_id, Medium.ELECTRICITY, time_ms, registers))
        if Medium.GAS in self._shows and display.is_gas_heard:
            lines.append(self._gas_message(at, display))
            shown.append(Shown(self.gas_id, Medium.GAS, time_ms, {"gas_l": display.gas_l}))
        return Emission("".join(lines).encode("ascii"), tuple(shown))

    def _electricity(self, at: str, display: Display) -> str:
        imported, exported = display.import_total_wh, display.export_total_wh
        counters = self._import.advance(display.time_ms, imported)
        return self._line(
            "SENSOR/electricitymeter",
            f'{{"electricitymeter":{{"timestamp":"{at}","energy":{{'
            f'"export":{{"cumulative":{_milli(exported)},"units":"kWh"}},'
            f'"import":{{"cumulative":{_milli(imported)},{counters},"units":"kWh",'
            f'"mpan":"{self.electricity_id}","supplier":"Simulated Energy",'
            f'"price":{{"unitrate":{UNIT_RATES[display.tariff]},"standingcharge":0.53210}}}}}},'
            f'"power":{{"value":{_milli(display.power_w)},"units":"kW"}}}}}}',
        )

    def _gas_message(self, at: str, display: Display) -> str:
        energy_wh = display.gas_l * GAS_WH_PER_LITRE
        counters = self._gas.advance(display.time_ms, energy_wh)
        volumes = counters.replace('":', 'vol":')
        return self._line(
            "SENSOR/gasmeter",
            f'{{"gasmeter":{{"timestamp":"{at}","energy":{{"import":{{'
            f'"cumulative":{_milli(energy_wh)},{counters},"units":"kWh",'
            f'"cumulativevol":{_milli(display.gas_l)},"cumulativevolunits":"m3",'
            f'{volumes},"dayweekmonthvolunits":"kWh",'
            f'"mprn":"{self.gas_id}","supplier":"---",'
            f'"price":{{"unitrate":0.05990,"standingcharge":0.29880}}}}}}}}}}',
        )

    def _state(self, at: str) -> str:
        eui = ":".join(f"{self._mac[:6]}FFFE{self._mac[6:]}"[i : i + 2] for i in range(0, 16, 2))
        return self._line(
            "STATE",
            f'{{"timestamp":"{at}","software":"v2.0.2","hardware":"GLOW-SIMULATED",'
            f'"wifistamac":"{self._mac}","smetsversion":"SMETS2","eui":"{eui}","zigbee":"1.2.5",'
            '"han":{"rssi":-62,"status":"joined","lqi":180}}',
        )

    def _line(self, topic: str, payload: str) -> str:
        return f"glow/{self._mac}/{topic} {payload}\n"


class _Periods:
    """A register's gains since the day, the week and the month began, as first seen in each."""

    def __init__(self) -> None:
        self._began: dict[str, tuple[int, int]] = {}

    def advance(self, time_ms: int, value: int) -> str:
        """Return the three counters as members of a JSON object."""
        day = time_ms // MS_PER_DAY
        moment = datetime.fromtimestamp(time_ms // MS_PER_SECOND, UTC)
        now = {
            "day": day,
            "week": (day - FIRST_MONDAY) // 7,
            "month": moment.year * 12 + moment.month,
        }
        members = []
        for name, number in now.items():
            began, first = self._began.get(name, (number, value))
            if began != number or value < first:
                began, first = number, value
            self._began[name] = began, first
            members.append(f'"{name}":{_milli(value - first)}')
        return ",".join(members)


def _registers(display: Display) -> dict[str, int]:
    return {
        "import_mwh": display.import_total_wh * 1_000,
        "export_mwh": display.export_total_wh * 1_000,
        "power_import_w": max(0, display.power_w),
        "power_export_w": max(0, -display.power_w),
    }


def _milli(value: int) -> str:
    """Write a whole number of thousandths as a decimal."""
    return f"{'-' if value < 0 else ''}{abs(value) // 1_000}.{abs(value) % 1_000:03d}"


def _stamp(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms // MS_PER_SECOND, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def emissions(seed: int, start_ms: int, end_ms: int, cadence_s: int = 10) -> Iterator[Emission]:
    """Yield what the Glow says in `[start_ms, end_ms)`, in order."""
    return history_of(GlowMeter(seed, start_ms), seed, start_ms, end_ms, cadence_s)


def telegrams(
    seed: int, start_ms: int, end_ms: int, cadence_s: int = 10
) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield each emission's bytes with its oracle lines, whose `must_log` is already decided."""
    return with_oracle(emissions(seed, start_ms, end_ms, cadence_s))
