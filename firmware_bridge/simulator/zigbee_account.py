"""What a simulated household has paid beforehand: its credit, emergency credit and debt.

Pure; every amount is in the meter's own unit, ten-thousandths of a pound. A charge takes the credit
first and then the emergency credit; a top-up pays the debt's share, gives the emergency credit back
and raises the credit by what is left. The household tops up before its supply would be off.
"""

from firmware_bridge.simulator.household import Display
from firmware_bridge.simulator.zigbee_zcl import BITMAP8, BITMAP16, INT32, Attributes
from shared.units import MS_PER_DAY

PRICES = (985, 2_865)
"""Of a kWh, by tariff; the simulated supplier's."""

STANDING_CHARGE = 5_432
"""Of a day."""

OPENING, EMERGENCY_LIMIT, OPENING_DEBT = 125_000, 100_000, 300_000
TOP_UP, TOPPED_UP_BELOW = 200_000, 50_000
"""How much the household pays in, once so little is left of its emergency credit."""

DEBT_SHARE_PERCENT = 10
WH_PER_KWH, PERCENT = 1_000, 100
MOST_USED_WH = 1_000_000
"""In one step: what a fault does to a register's display is no use, and is not charged."""

PREPAYMENT_MODE = 0x0C97
"""Disconnection and prepayment enabled, and what a meter in credit mode says beside them."""

CREDIT_OK, EMERGENCY_ENABLED, EMERGENCY_IN_USE = 0x01, 0x04, 0x30


class PrepaidAccount:
    """The account of one meter, from the first display on."""

    def __init__(self, display: Display) -> None:
        self.credit = OPENING
        self.emergency = EMERGENCY_LIMIT
        self.debt = OPENING_DEBT
        self.charged = self.paid = self.recovered = 0
        self._import_wh = display.import_wh
        self._day = display.time_ms // MS_PER_DAY
        self._rest = 0

    def advance(self, display: Display) -> None:
        """Charge what was used and the days that began since; top up where that is due."""
        steps = zip(display.import_wh, self._import_wh, PRICES, strict=True)
        used = [(now - before, price) for now, before, price in steps]
        cost = sum(wh * price for wh, price in used if 0 <= wh <= MOST_USED_WH)
        charge, self._rest = divmod(self._rest + cost, WH_PER_KWH)
        day = display.time_ms // MS_PER_DAY
        self._charge(charge + (day - self._day) * STANDING_CHARGE)
        self._import_wh, self._day = display.import_wh, day
        while self.emergency < TOPPED_UP_BELOW:
            self._top_up(TOP_UP)

    def attributes(self) -> Attributes:
        """Return what the meter's Prepayment cluster tells."""
        status = CREDIT_OK | EMERGENCY_ENABLED
        if self.emergency < EMERGENCY_LIMIT:
            status |= EMERGENCY_IN_USE
        return {
            0x0000: (BITMAP16, PREPAYMENT_MODE),
            0x0001: (INT32, self.credit),
            0x0002: (INT32, self.emergency),
            0x0003: (BITMAP8, status),
            0x0005: (INT32, self.debt),
        }

    def _charge(self, amount: int) -> None:
        self.charged += amount
        of_credit = min(amount, self.credit)
        self.credit -= of_credit
        self.emergency -= amount - of_credit

    def _top_up(self, amount: int) -> None:
        self.paid += amount
        share = min(amount * DEBT_SHARE_PERCENT // PERCENT, self.debt)
        self.debt -= share
        self.recovered += share
        back = min(amount - share, EMERGENCY_LIMIT - self.emergency)
        self.emergency += back
        self.credit += amount - share - back
