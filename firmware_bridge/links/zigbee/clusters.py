"""Smart Energy clusters and attributes that zigpy does not define; importing them registers them.

Only what a household's device asks for or is told. A subclass of zigpy's Cluster takes the place
of zigpy's own for every device made afterwards, so this is imported before a radio is started.
Source: Smart Energy profile 1.4, annexes D.3 (Metering), D.4 (Price), D.5 (Messaging), D.7
(Prepayment), D.9 (Calendar) and D.10 (Device Management).
"""

from typing import Any

import zigpy.types as t
from zigpy.zcl import Cluster
from zigpy.zcl.clusters import smartenergy
from zigpy.zcl.foundation import (
    BaseAttributeDefs,
    BaseCommandDefs,
    CommandSchema,
    ZCLAttributeDef,
    ZCLCommandDef,
)

PRICE, METERING, MESSAGING, PREPAYMENT = 0x0700, 0x0702, 0x0703, 0x0705
CALENDAR, DEVICE_MANAGEMENT = 0x0707, 0x0708
ELECTRICAL_MEASUREMENT = 0x0B04
BASIC = 0x0000

MEASURING = frozenset({METERING, ELECTRICAL_MEASUREMENT})
TELLING = frozenset({PRICE, MESSAGING, PREPAYMENT, CALENDAR, DEVICE_MANAGEMENT})


# zigpy turns plain numbers and texts into its own types, which its annotations do not say.
Command: Any = ZCLCommandDef
Attribute: Any = ZCLAttributeDef
Number: Any = t.uint16_t


def _read(number: int, kind: type) -> Any:
    return Attribute(id=number, type=kind, access="r")


class Metering(smartenergy.Metering):
    """Adds what a meter has used this week and month, and in the alternative unit (gas in kWh)."""

    class AttributeDefs(smartenergy.Metering.AttributeDefs):
        """Consumption sets 04 and 0C."""

        current_week_consumption_delivered = _read(0x0430, t.uint24_t)
        current_week_consumption_received = _read(0x0431, t.uint24_t)
        current_month_consumption_delivered = _read(0x0440, t.uint32_t)
        current_month_consumption_received = _read(0x0441, t.uint32_t)
        alternative_instantaneous_demand = _read(0x0C00, t.int24s)
        current_day_alternative_delivered = _read(0x0C01, t.uint24_t)
        current_day_alternative_received = _read(0x0C02, t.uint24_t)
        previous_day_alternative_delivered = _read(0x0C03, t.uint24_t)
        previous_day_alternative_received = _read(0x0C04, t.uint24_t)
        alternative_partial_start_delivered = _read(0x0C05, t.UTCTime)
        alternative_partial_value_delivered = _read(0x0C07, t.uint24_t)
        current_week_alternative_delivered = _read(0x0C30, t.uint24_t)
        current_week_alternative_received = _read(0x0C31, t.uint24_t)
        current_month_alternative_delivered = _read(0x0C40, t.uint32_t)
        current_month_alternative_received = _read(0x0C41, t.uint32_t)


class PublishPrice(CommandSchema):
    """The part of the command that every version has."""

    provider_id: t.uint32_t
    rate_label: t.LVBytes
    issuer_event_id: t.uint32_t
    current_time: t.UTCTime
    unit_of_measure: t.uint8_t
    currency: t.uint16_t
    price_trailing_digit_and_tier: t.uint8_t
    number_of_tiers_and_register_tier: t.uint8_t
    start_time: t.UTCTime
    duration_minutes: t.uint16_t
    price: t.uint32_t


class Price(Cluster):
    """What energy costs."""

    cluster_id = Number(PRICE)
    ep_attribute = "smartenergy_price"

    class AttributeDefs(BaseAttributeDefs):
        """Commodity set 03."""

        commodity_type = _read(0x0300, t.enum8)
        standing_charge = _read(0x0301, t.uint32_t)
        conversion_factor = _read(0x0302, t.uint32_t)
        conversion_factor_trailing_digit = _read(0x0303, t.bitmap8)
        calorific_value = _read(0x0304, t.uint32_t)
        calorific_value_unit = _read(0x0305, t.enum8)
        calorific_value_trailing_digit = _read(0x0306, t.bitmap8)

    class ServerCommandDefs(BaseCommandDefs):
        """What is asked."""

        get_current_price = Command(id=0x00, schema={"command_options": t.uint8_t})
        get_scheduled_prices = Command(
            id=0x01, schema={"start_time": t.UTCTime, "number_of_events": t.uint8_t}
        )

    class ClientCommandDefs(BaseCommandDefs):
        """What is told."""

        publish_price = Command(id=0x00, schema=PublishPrice)


class Messaging(Cluster):
    """Texts from the supplier."""

    cluster_id = Number(MESSAGING)
    ep_attribute = "smartenergy_messaging"

    class ServerCommandDefs(BaseCommandDefs):
        """What is asked."""

        get_last_message = Command(id=0x00, schema={})

    class ClientCommandDefs(BaseCommandDefs):
        """What is told."""

        display_message = Command(
            id=0x00,
            schema={
                "message_id": t.uint32_t,
                "message_control": t.bitmap8,
                "start_time": t.UTCTime,
                "duration_minutes": t.uint16_t,
                "message": t.LVBytes,
            },
        )
        cancel_message = Command(
            id=0x01, schema={"message_id": t.uint32_t, "message_control": t.bitmap8}
        )


class Prepayment(Cluster):
    """Credit and debt of a prepayment meter."""

    cluster_id = Number(PREPAYMENT)
    ep_attribute = "smartenergy_prepayment"

    class AttributeDefs(BaseAttributeDefs):
        """Prepayment information set 00."""

        payment_control_configuration = _read(0x0000, t.bitmap16)
        credit_remaining = _read(0x0001, t.int32s)
        emergency_credit_remaining = _read(0x0002, t.int32s)
        credit_status = _read(0x0003, t.bitmap8)
        credit_remaining_timestamp = _read(0x0004, t.UTCTime)
        accumulated_debt = _read(0x0005, t.int32s)
        overall_debt_cap = _read(0x0006, t.int32s)


class Calendar(Cluster):
    """When which tariff holds; told in commands that pass through as they are."""

    cluster_id = Number(CALENDAR)
    ep_attribute = "smartenergy_calendar"


class DeviceManagement(Cluster):
    """Who supplies the home."""

    cluster_id = Number(DEVICE_MANAGEMENT)
    ep_attribute = "smartenergy_device_management"

    class AttributeDefs(BaseAttributeDefs):
        """Supplier control set 01."""

        provider_id = _read(0x0100, t.uint32_t)
        provider_name = _read(0x0101, t.LVBytes)
