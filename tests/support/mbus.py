"""M-Bus answers written by hand from EN 13757-3, for tests."""

from firmware_bridge.meters.mbus_frame import long_frame, manufacturer_code

GAS, WATER, HEAT, ELECTRICITY = 0x03, 0x07, 0x04, 0x02
NUMBER = "12345678"


def header(
    medium: int,
    *,
    number: str = NUMBER,
    letters: str = "EXA",
    status: int = 0,
    configuration: int = 0,
    access: int = 1,
) -> bytes:
    """Return the twelve bytes of a long header."""
    maker = manufacturer_code(letters).to_bytes(2, "little")
    fixed = bytes.fromhex(number)[::-1] + maker + bytes((1, medium, access, status))
    return fixed + configuration.to_bytes(2, "little")


def answer(
    records: str, medium: int = WATER, *, ci: int = 0x72, address: int = 1, **more: int | str
) -> bytes:
    """Return a whole answer whose records are given in hexadecimal."""
    content = header(medium, **more) + bytes.fromhex(records)  # type: ignore[arg-type]
    return long_frame(0x08, address, ci, content)
