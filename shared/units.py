"""The integer units that every value is kept in, and exact conversions into them.

Floats appear only at the last step to a screen (DESIGN rule: integers, unit last in the name).
"""

from fractions import Fraction

MS_PER_SECOND = 1_000
MS_PER_MINUTE = 60_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 86_400_000

SLOT_MS = 1_800_000
"""A slot is a half hour: the settlement period of Great Britain."""

SLOTS_PER_UTC_DAY = MS_PER_DAY // SLOT_MS

MWH_PER_KWH = 1_000_000
MILLIONTHS_PER_UNIT = 1_000_000
"""Money is kept in millionths of the currency unit (a pound, a euro)."""

EARLIEST_PLAUSIBLE_MS = 946_684_800_000
"""2000-01-01T00:00Z: no smart meter is older; an earlier time is an unset clock."""

LATEST_PLAUSIBLE_MS = 4_102_444_800_000
"""2100-01-01T00:00Z: a later time is a broken clock."""

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


def round_half_even(value: Fraction) -> int:
    """Round an exact value to the nearest integer, ties to the even one."""
    return round(value)


def round_half_up(value: Fraction) -> int:
    """Round an exact value to the nearest integer, ties away from zero, as a printed bill does."""
    floored = abs(value) + Fraction(1, 2)
    whole = floored.numerator // floored.denominator
    return whole if value >= 0 else -whole


def spread_largest_remainder(total: int, weights: list[int]) -> list[int]:
    """Share an integer over integer weights so that the shares sum to it exactly.

    Each share is within one of the proportional value; ties go to the earlier place.
    Weights are not negative and not all zero.
    """
    whole = sum(weights)
    sign, size = (-1, -total) if total < 0 else (1, total)
    shares = [size * weight // whole for weight in weights]
    remainders = [size * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-remainders[place], place))
    for place in by_remainder[: size - sum(shares)]:
        shares[place] += 1
    return [sign * share for share in shares]


def exact_decimal(amount: int, units: int) -> str:
    """Write an integer as a decimal number of larger units, without rounding."""
    if units == 1:
        return str(amount)
    whole, rest = divmod(abs(amount), units)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{rest:0{len(str(units)) - 1}d}"
