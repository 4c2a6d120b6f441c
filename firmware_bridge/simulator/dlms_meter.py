"""The simulated meter's DLMS push: what it shows, as HDLC frames of a customer interface.

Pure but for the cipher. The oracle's registers are made here from the same display, never by
reading the bytes back. Sources: IEC 62056-5-3 and -46; the list is of the shape Iskra and Sagemcom
send in Slovenia and Austria: code, value, scaler and unit, in segments of at most 150 bytes. The
gas meter's reading is an extended register, and has its capture time too.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from fastcrc import crc16

from firmware_bridge.meters.dlms_positions import encode_obis
from firmware_bridge.meters.dlms_time import encode_date_time
from firmware_bridge.simulator.emission import Emission, history_of, with_oracle
from firmware_bridge.simulator.household import LONDON, Display, Household
from firmware_bridge.simulator.oracle import OracleLine, Shown
from firmware_bridge.simulator.p1_meter import ELECTRICITY_AND_GAS
from firmware_bridge.simulator.registers import displayed_registers
from shared.readings import Medium

SEGMENT_BYTES = 150
"""Content of one frame: many meters hold no more."""

ADDRESSES = b"\xcf\x02\x23"
UNNUMBERED, UNNUMBERED_FINAL = b"\x03", b"\x13"
LLC = b"\xe6\xe7\x00"

WATT, WATT_HOUR, VOLT, AMPERE, CUBIC_METRE = 27, 30, 35, 33, 13
GAS_DEVICE = 3
COUNTER_FROM_MS = 1_704_067_200_000
"""2024-01-01, when the meter was fitted: its invocation counter counts seconds since then."""

ENCRYPTED_AND_AUTHENTICATED = 0x30
TAG_BYTES = 12

DEMO_KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
DEMO_AUTHENTICATION_KEY = bytes.fromhex("d0d1d2d3d4d5d6d7d8d9dadbdcdddedf")
"""The example keys of the DLMS Green Book: public, and no real meter's."""


@dataclass(frozen=True, slots=True)
class MeterKeys:
    """The keys a simulated meter encrypts with."""

    key: bytes = DEMO_KEY
    authentication_key: bytes = DEMO_AUTHENTICATION_KEY


class DlmsMeter:
    """A household's electricity meter that pushes DLMS, with its gas meter on M-Bus channel 1.

    Serials are fictional.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        keys: MeterKeys | None = None,
        *,
        shows: frozenset[Medium] = ELECTRICITY_AND_GAS,
        household: Household | None = None,
    ) -> None:
        """Begin at `start_ms`; with `keys` every push is encrypted and authenticated."""
        number = seed % 10_000
        self.electricity_id = f"SIM-E-{number:04d}"
        self.system_title = b"SIM" + number.to_bytes(5, "big")
        self._household = household or Household(seed, start_ms, LONDON)
        self.gas_id = f"SIM-G-{self._household.seed % 10_000:04d}"
        self._shows_gas = Medium.GAS in shows
        self._keys = keys

    def emit(self, time_ms: int) -> Emission:
        """Return the push of one instant, a whole second later than the one before."""
        display = self._household.advance(time_ms)
        shown = [Shown(self.electricity_id, Medium.ELECTRICITY, time_ms, registers_of(display))]
        if self._is_gas_shown(display):
            gas = {"gas_l": display.gas_l}
            shown.append(Shown(self.gas_id, Medium.GAS, display.gas_time_ms, gas))
        apdu = self._notification(display)
        if self._keys is not None:
            counter = (time_ms - COUNTER_FROM_MS) // 1_000 & 0xFFFFFFFF
            apdu = encipher(apdu, self.system_title, counter, self._keys)
        return Emission(frames_of(LLC + apdu), tuple(shown))

    def _is_gas_shown(self, display: Display) -> bool:
        return self._shows_gas and display.is_gas_heard

    def _notification(self, display: Display) -> bytes:
        clock = encode_date_time(display.time_ms, LONDON)
        imported_w, exported_w = max(0, display.power_w), max(0, -display.power_w)
        objects = [
            b"\x02\x02" + _code("0-0:96.1.0") + _octets(self.electricity_id.encode("ascii")),
            b"\x02\x02" + _code("0-0:1.0.0") + _octets(clock),
            b"\x02\x02" + _code("0-0:96.14.0") + b"\x11" + bytes((display.tariff,)),
            _register("1-0:1.8.1", display.import_wh[0], 0, WATT_HOUR),
            _register("1-0:1.8.2", display.import_wh[1], 0, WATT_HOUR),
            _register("1-0:2.8.1", display.export_wh[0], 0, WATT_HOUR),
            _register("1-0:2.8.2", display.export_wh[1], 0, WATT_HOUR),
            _register("1-0:1.7.0", imported_w, 0, WATT),
            _register("1-0:2.7.0", exported_w, 0, WATT),
            _register("1-0:32.7.0", display.voltage_dv, -1, VOLT),
            _register("1-0:31.7.0", display.current_ca, -2, AMPERE),
        ]
        if self._is_gas_shown(display):
            objects += self._gas(display)
        invoke = (display.time_ms // 1_000 & 0xFFFFFF).to_bytes(4, "big")
        head = b"\x0f" + invoke + bytes((len(clock),)) + clock
        return head + bytes((2, len(objects))) + b"".join(objects)

    def _gas(self, display: Display) -> list[bytes]:
        captured = _octets(encode_date_time(display.gas_time_ms, LONDON))
        reading = _register("0-1:24.2.1", display.gas_l, -3, CUBIC_METRE)
        return [
            b"\x02\x02" + _code("0-1:24.1.0") + bytes((17, GAS_DEVICE)),
            b"\x02\x02" + _code("0-1:96.1.0") + _octets(self.gas_id.encode("ascii")),
            b"\x02\x04" + reading[2:] + captured,
        ]


def registers_of(display: Display) -> dict[str, int]:
    """Return every register of electricity the push shows, in canonical names and units."""
    return {"tariff_index": display.tariff, **displayed_registers(display)}


def frames_of(content: bytes) -> bytes:
    """Cut content into HDLC frames, all but the last with the segmentation bit set."""
    frames = bytearray()
    for start in range(0, len(content), SEGMENT_BYTES):
        is_last = start + SEGMENT_BYTES >= len(content)
        frames += b"\x7e" + _frame(content[start : start + SEGMENT_BYTES], is_last=is_last)
        frames += b"\x7e"
    return bytes(frames)


def encipher(apdu: bytes, system_title: bytes, counter: int, keys: MeterKeys) -> bytes:
    """Wrap an APDU in general-glo-ciphering, encrypted and authenticated with a 12-byte tag."""
    return encipher_with(apdu, system_title, counter, keys.key, keys.authentication_key)


def encipher_with(
    apdu: bytes, system_title: bytes, counter: int, key: bytes, authentication_key: bytes
) -> bytes:
    """Encrypt as above; `cryptography` is loaded here, when a simulated meter first encrypts."""
    ciphers: Any = import_module("cryptography.hazmat.primitives.ciphers.aead")
    control = bytes((ENCRYPTED_AND_AUTHENTICATED,))
    printed = counter.to_bytes(4, "big")
    sealed: bytes = ciphers.AESGCM(key).encrypt(
        system_title + printed, apdu, control + authentication_key
    )
    # A GCM tag has sixteen bytes; DLMS sends the first twelve of them.
    body = control + printed + sealed[: len(apdu) + TAG_BYTES]
    length = b"\x82" + len(body).to_bytes(2, "big")
    return b"\xdb" + bytes((len(system_title),)) + system_title + length + body


def emissions(
    seed: int, start_ms: int, end_ms: int, cadence_s: int, keys: MeterKeys | None = None
) -> Iterator[Emission]:
    """Yield a history's pushes in `[start_ms, end_ms)`."""
    return history_of(DlmsMeter(seed, start_ms, keys), seed, start_ms, end_ms, cadence_s)


def telegrams(
    seed: int, start_ms: int, end_ms: int, cadence_s: int = 10, keys: MeterKeys | None = None
) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield each push's bytes with its oracle lines, whose `must_log` is already decided."""
    return with_oracle(emissions(seed, start_ms, end_ms, cadence_s, keys))


def _frame(content: bytes, *, is_last: bool) -> bytes:
    control = UNNUMBERED_FINAL if is_last else UNNUMBERED
    size = 2 + len(ADDRESSES) + len(control) + 2 + len(content) + 2
    header = (0xA000 | (0 if is_last else 0x0800) | size).to_bytes(2, "big") + ADDRESSES + control
    body = _checked(header) + content
    return _checked(body)


def _checked(content: bytes) -> bytes:
    return content + crc16.ibm_sdlc(content).to_bytes(2, "little")


def _code(code: str) -> bytes:
    return _octets(encode_obis(code))


def _octets(content: bytes) -> bytes:
    return bytes((9, len(content))) + content


def _register(code: str, value: int, scaler: int, unit: int) -> bytes:
    number = b"\x06" + struct.pack(">I", value)
    return b"\x02\x03" + _code(code) + number + struct.pack(">BBBbBB", 2, 2, 15, scaler, 22, unit)
