"""The attributes that the simulated Smart Energy devices hold at one instant.

Pure. Sources: ZigBee Cluster Library and the Smart Energy profile for ids, types and units. The
supplier, the site numbers and all serials are fictional.
"""

import struct

from firmware_bridge.simulator.household import Display
from firmware_bridge.simulator.zigbee_account import PRICES, STANDING_CHARGE, PrepaidAccount
from firmware_bridge.simulator.zigbee_air import (
    BASIC,
    DEVICE_MANAGEMENT,
    MESSAGING,
    METERING,
    PREPAYMENT,
    PRICE,
    TIME,
)
from firmware_bridge.simulator.zigbee_profile import (
    HALF_HOUR_CODE,
    MAX_INTERVALS,
    NO_REGISTER,
    HalfHours,
    interval_of,
    registers_of,
    seconds_of,
)
from firmware_bridge.simulator.zigbee_zcl import (
    BITMAP8,
    BITMAP16,
    ENUM8,
    INT24,
    INT32,
    OCTETS,
    TEXT,
    UINT8,
    UINT24,
    UINT32,
    UINT48,
    UTC,
    Attributes,
    octets,
)
from shared.units import MS_PER_DAY

KWH, CUBIC_METRES = 0x00, 0x01
ELECTRIC, MIRRORED_GAS = 0x00, 0x80
SUPPLY_ON = 0x02
THREE_DECIMALS = 0x2B
CREDIT_MODE = 0x0C94
GBP = 826
PRICE_DIGITS = 4
"""How many decimals the prices of a kWh have, in pounds, and every other amount."""

SUPPLIER = "SIMULATED ENERGY"
MESSAGE = "Your simulated supplier wishes you a good day."
MESSAGE_MINUTES = 24 * 60
UNUSED_U8, UNUSED_U32 = 0xFF, 0xFFFF_FFFF


def electricity_tables(
    serial: str, display: Display, half_hours: HalfHours, account: PrepaidAccount | None = None
) -> dict[int, Attributes]:
    """Return the electricity meter's attributes, by cluster.

    Without an account it is paid for by bill.
    """
    delivered, received, _ = registers_of(display)
    metering: Attributes = {
        0x0000: (UINT48, delivered),
        0x0001: (UINT48, received),
        0x0007: (UTC, seconds_of(display.time_ms)),
        0x000F: (ENUM8, HALF_HOUR_CODE),
        0x0014: (ENUM8, SUPPLY_ON),
        0x0020: (ENUM8, display.tariff),
        0x0100: (UINT48, min(display.import_wh[0], NO_REGISTER)),
        0x0101: (UINT48, min(display.export_wh[0], NO_REGISTER)),
        0x0102: (UINT48, min(display.import_wh[1], NO_REGISTER)),
        0x0103: (UINT48, min(display.export_wh[1], NO_REGISTER)),
        0x0200: (BITMAP8, 0),
        0x0400: (INT24, display.power_w),
        0x0500: (UINT8, MAX_INTERVALS),
    }
    metering |= _description(serial, KWH, ELECTRIC, "0000000000001")
    last = half_hours.last
    if last is not None:
        start = (UTC, seconds_of(last.time_ms))
        metering |= {
            0x0405: start,
            0x0406: start,
            0x0407: (UINT24, interval_of(delivered - last.registers[0])),
            0x0408: (UINT24, interval_of(received - last.registers[1])),
        }
    price: Attributes = {0x0300: (ENUM8, ELECTRIC), 0x0301: (UINT32, STANDING_CHARGE)}
    return {
        BASIC: _basic("SIM-ESME"),
        METERING: metering,
        PRICE: price,
        MESSAGING: {},
        PREPAYMENT: _prepayment() if account is None else account.attributes(),
        DEVICE_MANAGEMENT: {0x0101: (OCTETS, SUPPLIER)},
    }


def gas_tables(serial: str, display: Display) -> dict[int, Attributes]:
    """Return the attributes the hub mirrors of the gas meter, by cluster."""
    metering: Attributes = {
        0x0000: (UINT48, display.gas_l),
        0x0007: (UTC, seconds_of(display.gas_time_ms)),
        0x000F: (ENUM8, HALF_HOUR_CODE),
        0x0014: (ENUM8, SUPPLY_ON),
        0x0200: (BITMAP8, 0),
        0x0500: (UINT8, MAX_INTERVALS),
    }
    metering |= _description(serial, CUBIC_METRES, MIRRORED_GAS, "0000000001")
    return {
        BASIC: _basic("SIM-GPF"),
        METERING: metering,
        PREPAYMENT: _prepayment(),
        DEVICE_MANAGEMENT: {0x0101: (OCTETS, SUPPLIER)},
    }


def hub_tables(now_s: int) -> dict[int, Attributes]:
    """Return the communications hub's own attributes, by cluster."""
    return {BASIC: _basic("SIM-HUB"), TIME: {0x0000: (UTC, now_s), 0x0001: (BITMAP8, 0x03)}}


def publish_price(display: Display) -> bytes:
    """Return a PublishPrice's payload: what a kWh costs now."""
    return (
        struct.pack("<I", 1)
        + octets(f"Rate {display.tariff}")
        + struct.pack(
            "<IIBHBBIHI",
            seconds_of(display.time_ms),
            seconds_of(display.time_ms),
            KWH,
            GBP,
            PRICE_DIGITS << 4 | display.tariff,
            2 << 4 | display.tariff,
            0,
            0xFFFF,
            PRICES[display.tariff - 1],
        )
        + struct.pack("<BIB", UNUSED_U8, UNUSED_U32, UNUSED_U8)
    )


def display_message(time_ms: int) -> bytes:
    """Return a DisplayMessage's payload: a greeting, one a day."""
    day = time_ms // MS_PER_DAY
    start_s = seconds_of(day * MS_PER_DAY)
    return struct.pack("<IBIH", day, 0, start_s, MESSAGE_MINUTES) + octets(MESSAGE) + b"\0"


def _basic(model: str) -> Attributes:
    return {
        0x0000: (UINT8, 3),
        0x0004: (TEXT, "Hearthlink simulator"),
        0x0005: (TEXT, model),
        0x0007: (ENUM8, 1),
    }


def _description(serial: str, unit: int, kind: int, site: str) -> Attributes:
    return {
        0x0300: (ENUM8, unit),
        0x0301: (UINT24, 1),
        0x0302: (UINT24, 1_000),
        0x0303: (BITMAP8, THREE_DECIMALS),
        0x0304: (BITMAP8, THREE_DECIMALS),
        0x0306: (BITMAP8, kind),
        0x0307: (OCTETS, site),
        0x0308: (OCTETS, serial),
    }


def _prepayment() -> Attributes:
    return {0x0000: (BITMAP16, CREDIT_MODE), 0x0001: (INT32, 0)}
