"""Identifiers of the clusters that tell a household something.

Nothing is defined for the radio library: its own classes of the Smart Energy clusters are empty,
which is enough, for requests are sent as frames and every frame is passed on as it came. What
attributes and commands mean is defined where they are decoded, in `meters/zcl_table.py` and
`meters/zigbee_commands.py`. Source: Smart Energy profile 1.4, annex D; ZigBee Cluster Library
revision 8.
"""

BASIC = 0x0000
PRICE, METERING, MESSAGING, PREPAYMENT = 0x0700, 0x0702, 0x0703, 0x0705
CALENDAR, DEVICE_MANAGEMENT = 0x0707, 0x0708
ELECTRICAL_MEASUREMENT = 0x0B04

MEASURING = frozenset({METERING, ELECTRICAL_MEASUREMENT})
TELLING = frozenset({PRICE, MESSAGING, PREPAYMENT, CALENDAR, DEVICE_MANAGEMENT})
