"""The simulated meter's optical port: what it shows, as the bytes of an SML file.

Pure. The oracle's registers are made here from the same display, never by reading the bytes back.
Sources: BSI TR-03109-1, wired LMN interface part b (SML 1.04); the list is that of an FNN
Basiszähler whose PIN was entered, or not.
"""

from collections.abc import Iterator

from fastcrc import crc16

from firmware_bridge.simulator.emission import Emission, history_of, with_oracle
from firmware_bridge.simulator.household import LONDON, Display, Household
from firmware_bridge.simulator.oracle import OracleLine, Shown
from shared.readings import Medium
from shared.units import MS_PER_SECOND

ESCAPE = b"\x1b\x1b\x1b\x1b"
START = ESCAPE + b"\x01\x01\x01\x01"
ABSENT, END = b"\x01", b"\x00"
MAKER = b"SIM"

WATT_HOURS, WATTS, VOLTS, AMPERES = 30, 27, 35, 33

STATUS_BASE = 0x1C_0004
"""Fixed bits, and voltage on all three phases."""

STATUS_LOAD, STATUS_EXPORT = 0x0100, 0x1800
"""Power flows; it flows out, in sum and on the first phase."""


class SmlMeter:
    """A household's electricity meter with an SML port; its number is fictional.

    Such a meter has no clock: it sends the seconds since it was switched on, here since
    `start_ms`. With `has_clock` it sends UTC, as a meter with a set clock would. Without the PIN it
    shows the sums of energy only, in whole kilowatt hours.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        *,
        has_clock: bool = False,
        has_pin: bool = True,
        household: Household | None = None,
    ) -> None:
        number = seed % 10_000
        self.electricity_id = f"1{MAKER.decode('ascii')}00{number:08d}"
        self._server_id = b"\x0a\x01" + MAKER + b"\x00" + number.to_bytes(4, "big")
        self._household = household or Household(seed, start_ms, LONDON)
        self._start_ms = start_ms
        self._has_clock = has_clock
        self._has_pin = has_pin
        self._transaction = 0

    def emit(self, time_ms: int) -> Emission:
        """Return the file of one instant, a whole second later than the one before."""
        display = self._household.advance(time_ms)
        registers = electricity_registers(display, has_pin=self._has_pin)
        shown = Shown(self.electricity_id, Medium.ELECTRICITY, time_ms, registers)
        return Emission(self._file(display), (shown,))

    def _file(self, display: Display) -> bytes:
        server = octets(self._server_id)
        file_id = octets(self._transaction.to_bytes(4, "big"))
        opened = listed(ABSENT, ABSENT, file_id, server, ABSENT, ABSENT)
        entries = self._entries(display)
        shown = listed(ABSENT, server, ABSENT, self._time(display), entries, ABSENT, ABSENT)
        messages = (
            self._message(0x0101, opened)
            + self._message(0x0701, shown)
            + self._message(0x0201, listed(ABSENT))
        )
        return framed(messages)

    def _message(self, tag: int, body: bytes) -> bytes:
        self._transaction = (self._transaction + 1) & 0xFFFF_FFFF
        head = octets(self._transaction.to_bytes(4, "big")) + unsigned(0, 1) + unsigned(0, 1)
        content = b"\x76" + head + listed(unsigned(tag, 2), body)
        return content + b"\x63" + crc16.ibm_sdlc(content).to_bytes(2, "little") + END

    def _time(self, display: Display) -> bytes:
        if self._has_clock:
            return listed(unsigned(2, 1), unsigned(display.time_ms // MS_PER_SECOND, 4))
        seconds = (display.time_ms - self._start_ms) // MS_PER_SECOND
        return listed(unsigned(1, 1), unsigned(seconds, 4))

    def _entries(self, display: Display) -> bytes:
        first, second = display.import_wh
        first_out, second_out = display.export_wh
        status = STATUS_BASE
        status |= STATUS_LOAD if display.power_w else 0
        status |= STATUS_EXPORT if display.power_w < 0 else 0
        energies = [((1, 0), display.import_total_wh), ((2, 0), display.export_total_wh)]
        if self._has_pin:
            energies += [((1, 1), first), ((1, 2), second), ((2, 1), first_out)]
            energies.append(((2, 2), second_out))
        entries = [
            entry((96, 50, 1, 1), octets(MAKER)),
            entry((96, 1, 0, 255), octets(self._server_id)),
            *(self._energy(direction, tariff, wh, status) for (direction, tariff), wh in energies),
        ]
        if self._has_pin:
            power = signed(display.power_w)
            entries += [
                entry((16, 7, 0, 255), power, WATTS),
                entry((36, 7, 0, 255), power, WATTS),
                entry((32, 7, 0, 255), unsigned(display.voltage_dv, 2), VOLTS, -1),
                entry((31, 7, 0, 255), unsigned(display.current_ca, 3), AMPERES, -2),
            ]
        return listed(*entries)

    def _energy(self, direction: int, tariff: int, value_wh: int, status: int) -> bytes:
        """Show energy in tenths of a watt hour; in whole kilowatt hours without the PIN."""
        word = unsigned(status, 4) if tariff == 0 else ABSENT
        code = (direction, 8, tariff, 255)
        if not self._has_pin:
            return entry(code, unsigned(value_wh // 1_000, 4), WATT_HOURS, 3, word)
        return entry(code, unsigned(value_wh * 10, 8), WATT_HOURS, -1, word)


def electricity_registers(display: Display, *, has_pin: bool = True) -> dict[str, int]:
    """Return every register the file shows, in canonical names and units."""
    imported_wh, exported_wh = display.import_total_wh, display.export_total_wh
    if not has_pin:
        return {
            "import_mwh": imported_wh // 1_000 * 1_000_000,
            "export_mwh": exported_wh // 1_000 * 1_000_000,
        }
    imported_w, exported_w = max(0, display.power_w), max(0, -display.power_w)
    return {
        "import_mwh": imported_wh * 1_000,
        "export_mwh": exported_wh * 1_000,
        "import_t1_mwh": display.import_wh[0] * 1_000,
        "import_t2_mwh": display.import_wh[1] * 1_000,
        "export_t1_mwh": display.export_wh[0] * 1_000,
        "export_t2_mwh": display.export_wh[1] * 1_000,
        "power_import_w": imported_w,
        "power_export_w": exported_w,
        "power_import_l1_w": imported_w,
        "power_export_l1_w": exported_w,
        "voltage_l1_mv": display.voltage_dv * 100,
        "current_l1_ma": display.current_ca * 10,
    }


def emissions(
    seed: int, start_ms: int, end_ms: int, cadence_s: int, *, has_clock: bool = False
) -> Iterator[Emission]:
    """Yield the files of a household from `start_ms` up to, not including, `end_ms`."""
    meter = SmlMeter(seed, start_ms, has_clock=has_clock)
    return history_of(meter, seed, start_ms, end_ms, cadence_s)


def telegrams(
    seed: int, start_ms: int, end_ms: int, cadence_s: int = 10, *, has_clock: bool = False
) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield each file's bytes with its oracle lines, whose `must_log` is already decided."""
    return with_oracle(emissions(seed, start_ms, end_ms, cadence_s, has_clock=has_clock))


def octets(content: bytes) -> bytes:
    """Encode up to 14 octets."""
    return bytes([len(content) + 1]) + content


def unsigned(value: int, size: int) -> bytes:
    """Encode an unsigned number in so many bytes."""
    return bytes([0x60 | size + 1]) + value.to_bytes(size, "big")


def signed(value: int) -> bytes:
    """Encode a signed number in four bytes."""
    return b"\x55" + value.to_bytes(4, "big", signed=True)


def listed(*elements: bytes) -> bytes:
    """Encode a list; one of more than 15 elements has a length of two bytes."""
    count = len(elements)
    head = bytes([0x70 | count]) if count < 16 else bytes([0xF0 | count >> 4, count & 0x0F])  # noqa: PLR2004
    return head + b"".join(elements)


def entry(
    code: tuple[int, int, int, int],
    value: bytes,
    unit: int | None = None,
    scaler: int = 0,
    status: bytes = ABSENT,
) -> bytes:
    """Encode one line of a list by the groups C to F of its code."""
    name = octets(bytes([1, 0, *code]))
    if unit is None:
        return listed(name, status, ABSENT, ABSENT, ABSENT, value, ABSENT)
    power = b"\x52" + scaler.to_bytes(1, "big", signed=True)
    return listed(name, status, ABSENT, unsigned(unit, 1), power, value, ABSENT)


def framed(messages: bytes) -> bytes:
    """Put messages between the transport's escapes, filled up to a multiple of four bytes."""
    fill = -len(messages) % 4
    escaped = messages.replace(ESCAPE, ESCAPE + ESCAPE) + bytes(fill)
    content = START + escaped + ESCAPE + bytes([0x1A, fill])
    return content + crc16.ibm_sdlc(content).to_bytes(2, "little")
