"""What prepayment meters told last of their credit, kept so that a restart does not forget it.

Owns which credit a home is shown; what is to outlive a restart is a small fact, written with the
next group commit. What was told before is in the log. Pure but for its state.
"""

import logging

import msgspec

from agent.home.inputs import PrepaymentState
from shared.currencies import CURRENCIES
from shared.readings import CREDIT, CURRENCY, DEBT, EMERGENCY_CREDIT, PREPAYMENT, Medium, Sample
from shared.units import MS_PER_DAY, MS_PER_HOUR

MAX_METERS = 8
"""A home has two that can be paid for beforehand; exchanged ones are kept for a while."""

FORGOTTEN_AFTER_MS = 35 * MS_PER_DAY
"""A meter that is silent for so long is gone: its credit is not the home's any more."""

WRITTEN_EVERY_MS = MS_PER_HOUR
"""A credit that is told again and again is written anew this seldom: its age need not be exact."""

_logger = logging.getLogger(__name__)


class _Told(msgspec.Struct, frozen=True):
    """What one meter told last, and when that was written."""

    medium: Medium
    taken_at_ms: int
    registers: dict[str, int]
    written_ms: int = 0


class Credits:
    """The credit of each prepayment meter, at most MAX_METERS; times are the caller's."""

    FACT = "credit"

    def __init__(self, written: bytes | None) -> None:
        """Take up what an earlier run kept."""
        self._told = _decode(written)
        self._heard_ms: dict[str, int] = {}
        self._is_changed = False

    def hear(self, sample: Sample, *, now_ms: int, utc_ms: int) -> None:
        """Take what a meter tells of how it is paid for; one that is paid by bill has no credit.

        `now_ms` is monotonic: by it the age is told for as long as the hub runs.
        """
        self._forget(utc_ms)
        known = self._told.pop(sample.meter, None)
        self._heard_ms.pop(sample.meter, None)
        if not sample.registers.get(PREPAYMENT) or sample.registers[CURRENCY] not in CURRENCIES:
            self._is_changed = self._is_changed or known is not None
            return
        if len(self._told) >= MAX_METERS:
            self._drop(min(self._told, key=lambda meter: self._told[meter].taken_at_ms))
        is_same = known is not None and known.registers == sample.registers
        written_ms = known.written_ms if known is not None else 0
        if not is_same or utc_ms - written_ms >= WRITTEN_EVERY_MS:
            self._is_changed, written_ms = True, utc_ms
        self._told[sample.meter] = _Told(sample.medium, utc_ms, sample.registers, written_ms)
        self._heard_ms[sample.meter] = now_ms

    def shown(self, *, now_ms: int, utc_ms: int) -> PrepaymentState | None:
        """Return the credit that displays show: electricity's before another's, then the newest.

        None where no meter is paid for beforehand.
        """
        if not self._told:
            return None
        meter, told = max(
            self._told.items(),
            key=lambda entry: (entry[1].medium is Medium.ELECTRICITY, entry[1].taken_at_ms),
        )
        heard_ms = self._heard_ms.get(meter)
        registers = told.registers
        return PrepaymentState(
            told.taken_at_ms if heard_ms is None else utc_ms - (now_ms - heard_ms),
            CURRENCIES[registers[CURRENCY]],
            registers.get(CREDIT),
            registers.get(EMERGENCY_CREDIT),
            registers.get(DEBT),
        )

    def due(self) -> dict[str, bytes]:
        """Return what is to be written with the next group commit, once."""
        if not self._is_changed:
            return {}
        self._is_changed = False
        return {self.FACT: msgspec.json.encode(self._told)}

    def _forget(self, utc_ms: int) -> None:
        gone = [
            meter
            for meter, told in self._told.items()
            if utc_ms - told.taken_at_ms > FORGOTTEN_AFTER_MS
        ]
        for meter in gone:
            self._drop(meter)

    def _drop(self, meter: str) -> None:
        del self._told[meter]
        self._heard_ms.pop(meter, None)
        self._is_changed = True


def _decode(written: bytes | None) -> dict[str, _Told]:
    """Read the fact; what is not in a currency that is known was not written by this program."""
    if written is None:
        return {}
    try:
        told = msgspec.json.decode(written, type=dict[str, _Told])
    except msgspec.MsgspecError as error:
        _logger.warning("the credit of the home's meters cannot be read: %s", error)
        return {}
    return {meter: one for meter, one in told.items() if one.registers.get(CURRENCY) in CURRENCIES}
