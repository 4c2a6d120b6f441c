"""What one endpoint has told of itself: whose readings they are, and how they are scaled.

Pure. A refusal to tell is an answer too: a device without a multiplier has 1, one without a serial
is named by its address.
"""

from collections.abc import Callable, Collection

from firmware_bridge.meters.serials import serial_of
from firmware_bridge.meters.zcl import TRANSIENT, Attribute
from firmware_bridge.meters.zcl_table import (
    BCD,
    DESCRIPTION,
    DEVICE_TYPE,
    DIVISOR,
    ELECTRICAL_MEASUREMENT,
    FREQUENCY_SCALE,
    MEASUREMENTS,
    METERING,
    MULTIPLIER,
    SCALES,
    SECOND_PHASE_POWER,
    SERIAL,
    UNIT,
    MeteringScale,
    medium_of_type,
)
from firmware_bridge.meters.zcl_types import Value
from shared.readings import Medium

_NEEDED = (UNIT, MULTIPLIER, DIVISOR, DEVICE_TYPE)
_LEARNT = {METERING: DESCRIPTION, ELECTRICAL_MEASUREMENT: SCALES | {SECOND_PHASE_POWER}}


class Description:
    """Follows what one endpoint tells; `is_taken` says that a serial is another endpoint's."""

    def __init__(self, ieee: str, number: int, is_taken: Callable[[str], bool]) -> None:
        self.meter = ""
        """The meter's id; "" until it is settled."""
        self.address_id = f"zb-{ieee}-{number:02x}"
        self._is_taken = is_taken
        self._has_serial = False
        self._metering: dict[int, Value | None] = {}
        self._electrical: dict[int, Value | None] = {}

    @property
    def medium(self) -> Medium:
        """What the meter measures; electricity where no canonical register is known for it."""
        return self._known_medium() or Medium.ELECTRICITY

    @property
    def has_one_phase(self) -> bool:
        """Whether the device has denied a second phase."""
        return self._electrical.get(SECOND_PHASE_POWER, 0) is None

    def learn(self, cluster: int, attributes: list[Attribute]) -> bool:
        """Take what a frame tells; say whether it settled the meter's id, or another's.

        A refusal takes back nothing that was told, and one that may pass is no answer.
        """
        answers = self._metering if cluster == METERING else self._electrical
        for one in attributes:
            if one.number not in _LEARNT[cluster] or one.status in TRANSIENT:
                continue
            if one.value is not None or one.number not in answers:
                answers[one.number] = one.value
        return SERIAL in answers and self._settle(answers[SERIAL])

    def settle_by_address(self) -> None:
        """Name the meter by its address, unless it has an id: it is known to have no serial."""
        self.meter = self.meter or self.address_id

    def settle_unanswered(self) -> None:
        """Do with what was answered, where it is enough but for the serial and the type.

        A device that was never asked, or did not answer, stays as it is: its id must not change.
        """
        has_metering = all(one in self._metering for one in (UNIT, MULTIPLIER, DIVISOR))
        if has_metering:
            self._metering.setdefault(DEVICE_TYPE, None)
        if has_metering or (self._electrical and not self._metering):
            self.settle_by_address()

    def covers(self, cluster: int, numbers: Collection[int]) -> bool:
        """Say whether readings of these attributes can be scaled, and given to a meter."""
        if not self.meter:
            return False
        if cluster == METERING:
            return all(one in self._metering for one in _NEEDED)
        scales = (MEASUREMENTS[number][2] for number in numbers if number in MEASUREMENTS)
        return all(
            one in self._electrical
            for scale in scales
            if scale is not None and scale != FREQUENCY_SCALE
            for one in scale
        )

    def metering_scale(self) -> MeteringScale:
        """Return how Metering values become registers."""
        return MeteringScale(
            self._known_medium(),
            _integer(self._metering.get(UNIT), 0),
            _integer(self._metering.get(MULTIPLIER), 1),
            _integer(self._metering.get(DIVISOR), 1),
        )

    def electrical_scales(self) -> dict[int, int]:
        """Return the multipliers and divisors of Electrical Measurement that were answered."""
        return {number: _integer(value, 1) for number, value in self._electrical.items()}

    def _known_medium(self) -> Medium | None:
        unit = _integer(self._metering.get(UNIT), 0) & ~BCD
        return medium_of_type(self._metering.get(DEVICE_TYPE), unit)

    def _settle(self, told: Value | None) -> bool:
        """Settle the meter's id by its serial as told; say whether it is another than before.

        An id by address stays one; another serial in the place of a serial is another meter.
        """
        serial = ""
        if isinstance(told, str | bytes):
            # As hexadecimal, so that a serial of digits alone is not taken for hexadecimal.
            content = told.encode("utf-8") if isinstance(told, str) else told
            serial = serial_of(content.hex())
        if self.meter and (serial in ("", self.meter) or not self._has_serial):
            return False
        self._has_serial = bool(serial) and not self._is_taken(serial)
        self.meter = serial if self._has_serial else self.address_id
        return True


def _integer(value: Value | None, default: int) -> int:
    return value if isinstance(value, int) else default
