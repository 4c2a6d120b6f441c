"""A simulated ZigBee stick (EZSP over ASH, as Silicon Labs' sticks speak) with meters behind it.

The real radio library drives it. Needs the `zigbee` extra, whose definitions of EZSP's commands it
uses; nothing here is imported before a ZigBee simulation begins.
"""
