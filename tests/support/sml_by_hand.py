"""SML files cut and read by patterns that know nothing of the codec, to hold it against."""

import re
from decimal import ROUND_HALF_EVEN, Decimal

from fastcrc import crc16

ESCAPE = b"\x1b\x1b\x1b\x1b"
START = ESCAPE + b"\x01\x01\x01\x01"
_SCALED = re.compile(
    rb"\x77\x07(\x01\x00....).{0,24}?\x62(.)\x52(.)([\x50-\x5f\x60-\x6f])", re.DOTALL
)
_NAMES = {
    "1.8.0": ("import_mwh", 3), "1.8.1": ("import_t1_mwh", 3), "1.8.2": ("import_t2_mwh", 3),
    "2.8.0": ("export_mwh", 3), "2.8.1": ("export_t1_mwh", 3), "2.8.2": ("export_t2_mwh", 3),
    "32.7.0": ("voltage_l1_mv", 3), "52.7.0": ("voltage_l2_mv", 3), "72.7.0": ("voltage_l3_mv", 3),
    "31.7.0": ("current_l1_ma", 3), "51.7.0": ("current_l2_ma", 3), "71.7.0": ("current_l3_ma", 3),
    "14.7.0": ("frequency_mhz", 3), "36.7.0": ("power_import_l1_w", 0),
    "56.7.0": ("power_import_l2_w", 0), "76.7.0": ("power_import_l3_w", 0),
}  # fmt: skip


def files(content: bytes) -> list[tuple[bytes, bool]]:
    """Cut a stream at its starts; give each file that has an end, and whether its checksum holds.

    The checksum is CRC16/X25, or Kermit as some Holley meters have it.
    """
    found = []
    for piece in content.split(START)[1:]:
        end = piece.find(ESCAPE + b"\x1a")
        if end < 0 or len(piece) < end + 8:
            continue
        frame = START + piece[: end + 8]
        printed = frame[-2:]
        kermit = crc16.kermit(frame[:-2])
        is_good = printed == crc16.ibm_sdlc(frame[:-2]).to_bytes(2, "little") or printed in (
            kermit.to_bytes(2, "big"),
            kermit.to_bytes(2, "little"),
        )
        found.append((frame, is_good))
    return found


def good_files(content: bytes) -> list[bytes]:
    """Keep the files whose checksum holds."""
    return [frame for frame, is_good in files(content) if is_good]


def values(frame: bytes) -> dict[str, int]:
    """Read the scaled numbers of a file, by register."""
    found: dict[str, int] = {}
    for match in _SCALED.finditer(frame):
        name, _, scaler, head = match.groups()
        groups = f"{name[2]}.{name[3]}.{name[4]}"
        if groups in _NAMES and name[5] == 255:
            register, exponent = _NAMES[groups]
            size = (head[0] & 0x0F) - 1
            octets = frame[match.end() : match.end() + size]
            number = int.from_bytes(octets, "big", signed=head[0] < 0x60)
            power = int.from_bytes(scaler, "big", signed=True) + exponent
            scaled = Decimal(number).scaleb(power).quantize(Decimal(1), ROUND_HALF_EVEN)
            found[register] = int(scaled)
    return found
