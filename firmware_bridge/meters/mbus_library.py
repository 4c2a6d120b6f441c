"""The one place that speaks to pyMeterBus: the records of an answer, and the units of a VIF.

The library parses the structure of the records and knows the tables of the standard. Its values
are floats, its dates know one of the four formats and its BCD takes any nibble, so that values are
read from the record's own bytes (`mbus_records.py`). It leaks KeyError, IndexError, AttributeError
and others on some inputs: none of them passes this module. Source: pyMeterBus 0.8.5, read and run.
"""

import enum
import sys
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple

from firmware_bridge.meters.mbus_frame import MSB_FIRST_CI
from shared.errors import BadInputError, OperatorError

LEAKED = (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError)
"""What the library is known to raise beside its own errors, by family."""

FIRST_TABLE, SECOND_TABLE = 0xFB, 0xFD
"""VIFs whose next byte names the quantity in an extension table."""

PLAIN_TEXT_VIFS = (0x7C, 0xFC)
CACHED_QUANTITIES = 256
"""Every VIF there is in three tables has 384 codes; a household's meters use some thirty."""

_SPECIAL_DIFS = (0x0F, 0x1F)
_MASK = 0x7F


class Coding(enum.Enum):
    """How a record's value is written."""

    NONE = enum.auto()
    INTEGER = enum.auto()
    BCD = enum.auto()
    REAL = enum.auto()
    VARIABLE = enum.auto()
    MANUFACTURER = enum.auto()
    """Everything that follows, by the manufacturer's own rules."""


_CODINGS = (
    *(Coding.NONE, Coding.INTEGER, Coding.INTEGER, Coding.INTEGER, Coding.INTEGER, Coding.REAL),
    *(Coding.INTEGER, Coding.INTEGER, Coding.NONE, Coding.BCD, Coding.BCD, Coding.BCD, Coding.BCD),
    *(Coding.VARIABLE, Coding.BCD, Coding.MANUFACTURER),
)
"""By the lower half of the DIF."""


class Quantity(NamedTuple):
    """What a VIF stands for: a readable name, a unit, and what a value is multiplied by."""

    name: str
    unit: str
    factor: Fraction


_CORRECTED = {
    0x208: Quantity("energy", "J", Fraction(10**8)),
    0x209: Quantity("energy", "J", Fraction(10**9)),
    0x230: Quantity("power", "J/h", Fraction(10**8)),
    0x231: Quantity("power", "J/h", Fraction(10**9)),
    0x279: Quantity("cumul_count_max_power", "W", Fraction(1, 100)),
}
"""What the library's table has as reserved, or wrong, by its own numbering (EN 13757-3, 6.4.6)."""


class Record(NamedTuple):
    """One record as it stands in the answer; `data` has its lowest byte first.

    `function` is 0 for the value now, 1 its maximum, 2 its minimum, 3 a value during an error.
    `extensions` are the VIFEs that qualify the quantity.
    """

    coding: Coding
    data: bytes
    function: int = 0
    storage: int = 0
    tariff: int = 0
    subunit: int = 0
    vif: bytes = b""
    extensions: bytes = b""
    quantity: Quantity | None = None


class UndecodableError(BadInputError):
    """An answer whose records the library could not make out."""


def load_library() -> Any:
    """Return the library; raise OperatorError where it is not installed.

    Its serial part, which nothing here uses, sets up the program's logging when it is imported; an
    empty module stands in for it meanwhile.
    """
    if "meterbus" not in sys.modules:
        name = "meterbus.serial"
        sys.modules[name] = ModuleType(name)
        try:
            import_module("meterbus")
        except ImportError as error:
            raise _missing(str(error)) from error
        finally:
            del sys.modules[name]
    return sys.modules["meterbus"]


class Library:
    """Parses the records of one answer after another; raises OperatorError where it cannot.

    The library itself is loaded with the first answer: tools that try every codec on a stream need
    not wait for it.
    """

    def __init__(self) -> None:
        if "meterbus" not in sys.modules and find_spec("meterbus") is None:
            raise _missing("no module named meterbus")
        self._quantity_of = lru_cache(CACHED_QUANTITIES)(self._look_up)

    def records_of(self, ci: int, content: bytes) -> list[Record]:
        """Return the records in what follows an answer's header.

        Raises UndecodableError, whatever the library raised.
        """
        meterbus = load_library()
        try:
            payload = meterbus.TelegramBodyPayload(parent=_Parent(_Header(ci != MSB_FIRST_CI)))
            payload.load(list(content))
            return [self._record(record) for record in payload.records if not _is_end(record)]
        except (*LEAKED, meterbus.exceptions.MBusError) as error:
            name = type(error).__name__.removesuffix("Error")
            raise UndecodableError(f"the records cannot be made out ({name}: {error})") from error

    def _record(self, parsed: Any) -> Record:
        dif = parsed.dib.parts[0]
        data = bytes(parsed.dataField.parts)
        if dif in _SPECIAL_DIFS:
            return Record(Coding.MANUFACTURER, data)
        storage, tariff, subunit = parsed.dib.parse_dife()
        vif = bytes(parsed.vib.parts)
        is_extended = vif[0] in (FIRST_TABLE, SECOND_TABLE)
        if vif[0] in PLAIN_TEXT_VIFS:
            text = bytes(parsed.vib.customVIF.parts)[::-1].decode("latin-1")
            quantity: Quantity | None = Quantity("text", text, Fraction(1))
        else:
            quantity = self._quantity_of(vif[: 2 if is_extended else 1])
        return Record(
            coding=_CODINGS[dif & 0x0F],
            data=data,
            function=dif >> 4 & 0x03,
            storage=storage,
            tariff=tariff or 0,
            subunit=subunit or 0,
            vif=vif,
            extensions=vif[2 if is_extended else 1 :],
            quantity=quantity,
        )

    def _look_up(self, vif: bytes) -> Quantity | None:
        """Return what a VIF stands for; None where the tables do not have it."""
        code = vif[-1] & _MASK
        if len(vif) > 1:
            code |= 0x200 if vif[0] == FIRST_TABLE else 0x100
        if code in _CORRECTED:
            return _CORRECTED[code]
        found = load_library().VIFTable.lut.get(code)
        if found is None:
            return None
        factor, unit, kind = found
        name = getattr(kind, "name", kind)
        # A power of ten as it is printed is exact, as the float behind it is not.
        return Quantity(_slug(name), str(getattr(unit, "value", unit)), Fraction(str(factor)))


def _missing(reason: str) -> OperatorError:
    return OperatorError(
        f"M-Bus meters need the library pyMeterBus: {reason}",
        hint="pip install 'hearthlink[agent]'",
    )


class _Header(NamedTuple):
    """What the library's payload asks of the header before it: the order of bytes."""

    isLSBOrder: bool  # noqa: N815 (the library's name)


class _Parent(NamedTuple):
    """The answer that a payload believes itself in."""

    bodyHeader: _Header  # noqa: N815 (the library's name)


def _is_end(parsed: Any) -> bool:
    return bool(parsed.more_records_follow)


def _slug(name: str) -> str:
    return name.lower().replace(" / ", "_").replace(" ", "_")
