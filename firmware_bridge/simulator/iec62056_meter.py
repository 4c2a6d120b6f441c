"""The simulated household's meter on IEC 62056-21: readouts with a check character, and pushes.

Pure. The oracle's registers are made here from the same display, never by reading the bytes back.
Source: IEC 62056-21:2002; the clock with its season as the VDEW specifications have it. No gas.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from firmware_bridge.meters.iec62056_dialogue import data_block
from firmware_bridge.simulator.emission import Emission, history_of, with_oracle
from firmware_bridge.simulator.household import LONDON, Display, Household
from firmware_bridge.simulator.oracle import OracleLine, Shown
from firmware_bridge.simulator.registers import displayed_registers
from shared.readings import Medium
from shared.units import MS_PER_SECOND

IDENTIFICATION = b"/HLK5SIM-HOUSEHOLD\r\n"
"""The 5 offers 9600 baud; HLK is nobody's letters."""


class Iec62056Meter:
    """A household's meter with an optical port; its serial is fictional.

    It pushes by itself (mode D); with `checked` its telegrams are instead what a readout in mode C
    gives: the identification and a data block with its check character.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        *,
        checked: bool = False,
        household: Household | None = None,
    ) -> None:
        self.electricity_id = f"SIM-I-{seed % 10_000:04d}"
        self._household = household or Household(seed, start_ms, LONDON)
        self._checked = checked

    def emit(self, time_ms: int) -> Emission:
        """Return the telegram of one instant, a whole second later than the one before."""
        display = self._household.advance(time_ms)
        shown = Shown(
            self.electricity_id, Medium.ELECTRICITY, time_ms, displayed_registers(display)
        )
        content = self._content(display)
        if self._checked:
            return Emission(IDENTIFICATION + data_block(content), (shown,))
        return Emission(IDENTIFICATION + b"\r\n" + content, (shown,))

    def _content(self, display: Display) -> bytes:
        season = 1 if display.is_summer else 0
        moment = datetime.fromtimestamp(display.local_ms // MS_PER_SECOND, UTC)
        imported_w, exported_w = max(0, display.power_w), max(0, -display.power_w)
        volts, tenths = divmod(display.voltage_dv, 10)
        amperes, hundredths = divmod(display.current_ca, 100)
        return (
            f"F.F(00000000)\r\nC.1.0({self.electricity_id})\r\n"
            f"0.9.1({season}{moment:%H%M%S})\r\n0.9.2({season}{moment:%y%m%d})\r\n"
            f"1.8.1({_thousandths(display.import_wh[0])}*kWh)\r\n"
            f"1.8.2({_thousandths(display.import_wh[1])}*kWh)\r\n"
            f"2.8.1({_thousandths(display.export_wh[0])}*kWh)\r\n"
            f"2.8.2({_thousandths(display.export_wh[1])}*kWh)\r\n"
            f"1.7.0({_thousandths(imported_w)}*kW)\r\n2.7.0({_thousandths(exported_w)}*kW)\r\n"
            f"32.7.0({volts:03d}.{tenths}*V)\r\n31.7.0({amperes:03d}.{hundredths:02d}*A)\r\n!\r\n"
        ).encode("ascii")


def _thousandths(value: int) -> str:
    whole, rest = divmod(value, 1_000)
    return f"{whole:06d}.{rest:03d}"


def emissions(
    seed: int, start_ms: int, end_ms: int, cadence_s: int = 10, *, checked: bool = False
) -> Iterator[Emission]:
    """Yield the telegrams of `[start_ms, end_ms)`, in order."""
    meter = Iec62056Meter(seed, start_ms, checked=checked)
    return history_of(meter, seed, start_ms, end_ms, cadence_s)


def telegrams(
    seed: int, start_ms: int, end_ms: int, cadence_s: int = 10, *, checked: bool = False
) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield each telegram's bytes with its oracle lines, whose `must_log` is already decided."""
    return with_oracle(emissions(seed, start_ms, end_ms, cadence_s, checked=checked))
