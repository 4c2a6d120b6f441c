"""DLMS bytes for tests: push lists in each maker's shape, and the links that carry them."""

import struct
from collections.abc import Sequence

SEPARATOR = b"\xe6\xe7\x00"
HEAD = b"\x0f\x40\x00\x00\x00"


def octets(content: bytes) -> bytes:
    """Encode an octet string."""
    return bytes((9, len(content))) + content


def visible(text: str) -> bytes:
    """Encode a visible string."""
    return bytes((10, len(text))) + text.encode("ascii")


def obis(code: str) -> bytes:
    """Encode a code `A.B.C.D.E.F` as an octet string."""
    return octets(bytes(int(part) for part in code.split(".")))


def u32(value: int) -> bytes:
    """Encode a double-long-unsigned."""
    return b"\x06" + struct.pack(">I", value)


def i32(value: int) -> bytes:
    """Encode a double-long."""
    return b"\x05" + struct.pack(">i", value)


def u16(value: int) -> bytes:
    """Encode a long-unsigned."""
    return b"\x12" + struct.pack(">H", value)


def scale(power: int, unit: int) -> bytes:
    """Encode a scaler and a unit."""
    return struct.pack(">BBBbBB", 2, 2, 15, power, 22, unit)


def structure(*elements: bytes) -> bytes:
    """Encode a structure."""
    return bytes((2, len(elements))) + b"".join(elements)


def array(*elements: bytes) -> bytes:
    """Encode an array."""
    return bytes((1, len(elements))) + b"".join(elements)


def notification(body: bytes, clock: bytes = b"") -> bytes:
    """Wrap a body as a DataNotification, with a date-time or none."""
    return HEAD + bytes((len(clock),)) + clock + body


def mbus(apdu: bytes, size: int = 245) -> bytes:
    """Carry an APDU in M-Bus long frames of at most `size` bytes each."""
    parts = [apdu[start : start + size] for start in range(0, len(apdu), size)]
    frames = b""
    for number, part in enumerate(parts):
        ci = number | (0x10 if number == len(parts) - 1 else 0)
        body = bytes((0x53, 0xFF, ci, 0x01, 0x67)) + part
        head = bytes((0x68, len(body), len(body), 0x68))
        frames += head + body + bytes((sum(body) & 0xFF, 0x16))
    return frames


def blocks(apdu: bytes, size: int = 100) -> list[bytes]:
    """Cut an APDU into the blocks of general block transfer."""
    parts = [apdu[start : start + size] for start in range(0, len(apdu), size)]
    cut = []
    for number, part in enumerate(parts, 1):
        control = 0xC0 if number == len(parts) else 0x40
        cut.append(struct.pack(">BBHHB", 0xE0, control, number, 0, len(part)) + part)
    return cut


def triples(objects: Sequence[tuple[str, bytes, int, int]]) -> bytes:
    """Encode objects as Aidon, Iskra and Sagemcom do: code, value, scaler and unit."""
    return array(
        *(structure(obis(code), value, scale(power, unit)) for code, value, power, unit in objects)
    )
