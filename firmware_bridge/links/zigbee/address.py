"""What an address such as zigbee:/dev/ttyUSB0?radio=ezsp says. Pure."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from shared.errors import OperatorError

PREFIX = "zigbee:"
FORM = "zigbee:/dev/ttyUSB0 or zigbee:/dev/ttyUSB0?radio=ezsp&baud=115200"

RADIOS = ("ezsp", "znp", "xbee")
"""Silicon Labs (EmberZNet), Texas Instruments (Z-Stack), Digi XBee in API mode."""

SLOWEST_BAUD, FASTEST_BAUD = 9_600, 2_000_000


@dataclass(frozen=True, slots=True)
class ZigbeeAddress:
    """A stick: its serial port, the kind of its radio, its speed (None: as the link is set)."""

    path: str
    radio: str = "ezsp"
    baud: int | None = None


def parse_zigbee_address(address: str) -> ZigbeeAddress:
    """Take a stick's address apart; raise OperatorError naming what is wrong with it."""
    path, _, query = address.removeprefix(PREFIX).partition("?")
    if not path.startswith("/"):
        raise OperatorError(f"link address {address!r} names no serial port", hint=f"use {FORM}")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    radio = asked.pop("radio", "ezsp")
    if radio not in RADIOS:
        raise OperatorError(
            f"radio {radio!r} is not known", hint=f"use radio={', radio='.join(RADIOS)}"
        )
    baud = _baud(asked.pop("baud", ""))
    if asked:
        raise OperatorError(
            f"link address {address!r}: {', '.join(sorted(asked))} means nothing to a stick",
            hint=f"use {FORM}",
        )
    return ZigbeeAddress(path, radio, baud)


def _baud(written: str) -> int | None:
    if not written:
        return None
    if not written.isdecimal() or not SLOWEST_BAUD <= int(written) <= FASTEST_BAUD:
        raise OperatorError(
            f"baud {written!r} is not usable", hint=f"give {SLOWEST_BAUD} to {FASTEST_BAUD}"
        )
    return int(written)
