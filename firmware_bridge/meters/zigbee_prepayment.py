"""How a ZigBee meter is paid for: its mode, its credit, and what of it is borrowed or owed.

Pure. Source: Smart Energy profile 1.4, Prepayment and Price. An amount is told in the currency's
base unit with its point where the Price cluster's trailing digits put it, so that none can be read
before a price has been published; until then it waits, and nothing is guessed.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from firmware_bridge.meters.zcl import TRANSIENT, Attribute
from firmware_bridge.meters.zcl_types import ZclError
from shared.currencies import CURRENCIES
from shared.readings import CREDIT, CURRENCY, DEBT, EMERGENCY_CREDIT, PREPAYMENT
from shared.units import MILLIONTHS_PER_UNIT, round_half_even

PREPAYMENT_CLUSTER = 0x0705
PAYMENT_CONTROL = 0x0000
AMOUNTS = {0x0001: CREDIT, 0x0002: EMERGENCY_CREDIT, 0x0005: DEBT}
"""CreditRemaining, EmergencyCreditRemaining and AccumulatedDebt, signed 32 bits each."""

IS_PREPAID = 0x0002
"""In PaymentControlConfiguration: a prepayment meter; without it the meter is paid for by bill."""

COUNTS_UNITS = 0x0060
"""The bit that says that credit is counted in units of energy is the sixth in one publication of
the cluster and the seventh in another, the other of them reserved: with either it is no money."""

MAX_MILLIONTHS = 100_000 * MILLIONTHS_PER_UNIT
"""A hundred thousand pounds on a meter are a sentinel, or a price's digits misread."""

_DECIMALS = 6
_CURRENCY_FIELD, _DIGITS_FIELD = "PublishPrice.Currency", "PublishPrice.TrailingDigitAndTier"


class PriceScale(NamedTuple):
    """What a meter's amounts are in: an ISO 4217 number, and how many digits follow the point."""

    currency: int
    digits: int


class Paid(NamedTuple):
    """What a frame tells of how a meter is paid for, as registers, and what of it was refused."""

    registers: dict[str, int]
    fault: ZclError | None = None


NOTHING = Paid({})


class Credit:
    """Follows how one meter is paid for; keeps what it told last, of each attribute."""

    def __init__(self) -> None:
        self._scale: PriceScale | None = None
        self._told: dict[int, int] = {}
        self._is_waiting = False

    def learn(self, price: Mapping[str, str]) -> Paid:
        """Take a published price's fields; return what waited for it, if anything did."""
        self._scale = _scale_of(price) or self._scale
        return self._paid() if self._is_waiting else NOTHING

    def take(self, attributes: Iterable[Attribute]) -> Paid:
        """Take what a frame tells; what a meter has no value for, or not any more, is forgotten."""
        fault: ZclError | None = None
        for one in attributes:
            if one.status in TRANSIENT or one.number not in (PAYMENT_CONTROL, *AMOUNTS):
                continue
            self._told.pop(one.number, None)
            if isinstance(one.value, int):
                self._told[one.number] = one.value
            elif one.value is not None:
                fault = ZclError("bad-value", f"0705/{one.number:04x} = {one.value!r} is no number")
        paid = self._paid()
        return paid._replace(fault=paid.fault or fault)

    def _paid(self) -> Paid:
        control = self._told.get(PAYMENT_CONTROL)
        self._is_waiting = False
        if control is None or control & COUNTS_UNITS:
            return NOTHING
        if not control & IS_PREPAID:
            return Paid({PREPAYMENT: 0})
        if self._scale is None:
            self._is_waiting = True
            return NOTHING
        return self._amounts(self._scale)

    def _amounts(self, scale: PriceScale) -> Paid:
        if scale.currency not in CURRENCIES:
            return Paid({}, ZclError("bad-value", f"currency {scale.currency} is not known"))
        amounts: dict[str, int] = {}
        fault: ZclError | None = None
        for number, name in AMOUNTS.items():
            told = self._told.get(number)
            if told is None:
                continue
            amount = round_half_even(told * Fraction(10) ** (_DECIMALS - scale.digits))
            if abs(amount) > MAX_MILLIONTHS:
                detail = f"0705/{number:04x} = {told} is {amount} millionths, more than any meter's"
                fault = ZclError("bad-value", detail)
                continue
            amounts[name] = amount
        if not amounts:
            return Paid({}, fault)
        return Paid({PREPAYMENT: 1, CURRENCY: scale.currency, **amounts}, fault)


def _scale_of(price: Mapping[str, str]) -> PriceScale | None:
    """Read what a published price says of amounts; None where it leaves either out."""
    if _CURRENCY_FIELD not in price or _DIGITS_FIELD not in price:
        return None
    return PriceScale(int(price[_CURRENCY_FIELD]), int(price[_DIGITS_FIELD]) >> 4)
