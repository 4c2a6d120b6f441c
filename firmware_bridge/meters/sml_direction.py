"""Which way power flows, where the number alone does not say: by the meter's status word. Pure.

Two status words are in use, told apart by their lowest byte: the EDL's (FNN Lastenheft EDL 1.0),
whose bit 7 is set and whose bit 5 is the direction, and the FNN Basiszähler's, whose lowest byte is
4, with bit 8 for load, bit 11 for the direction of the sum and 12 to 14 for that of each phase.
"""

BASE_METER_MASK, BASE_METER_FIXED = 0xFFE0_00FF, 0x04
"""The lowest byte is fixed and the bits from 21 on are reserved, observed to be 0."""

LOAD_BIT, SUM_BIT = 8, 11
EDL_BIT, EDL_SUM_BIT = 7, 5

DIRECTION_BITS = {"16.7.0": SUM_BIT, "36.7.0": 12, "56.7.0": 13, "76.7.0": 14}
"""Where the FNN Basiszähler's status word says that a power is exported."""

FIRST_REPAIRED_DZG = 60_000_000
"""DZG numbers from here on have the firmware (1.2) that encodes power as the standard says."""

UNDERSIZED_BYTES = 4
"""The faulty firmware sends truly negative power in four bytes, never in fewer."""


def is_base_meter(status: int) -> bool:
    """Tell whether a status word is that of an FNN Basiszähler."""
    return status & BASE_METER_MASK == BASE_METER_FIXED


def is_exporting(status: int | None) -> bool | None:
    """Say whether the sum of the phases flows out to the grid; None where the word does not."""
    if status is None:
        return None
    if is_base_meter(status):
        return bool(status >> SUM_BIT & 1)
    if status >> EDL_BIT & 1:
        return bool(status >> EDL_SUM_BIT & 1)
    return None


def repair_dzg_power(code: str, value: int, width: int, status: int | None, number: int) -> int:
    """Return the power that a DZG meter with early firmware means by a negative number.

    It sends 327.68 W to 655.35 W as two bytes marked signed, though they are not. Its status word
    says that power is drawn, so that a negative number of `width` bytes, too few for the way it
    encodes true negatives, is taken as unsigned. `number` is the meter's fabrication number.
    """
    bit = DIRECTION_BITS.get(code)
    if value >= 0 or width >= UNDERSIZED_BYTES or bit is None or status is None:
        return value
    draws_power = is_base_meter(status) and status >> LOAD_BIT & 1 and not status >> bit & 1
    if number >= FIRST_REPAIRED_DZG or not draws_power:
        return value
    return value + (1 << 8 * width)
