"""What a Glow's JSON says, field by field, and which of its values are believed. Pure.

Owns the rules both of its languages share (the local one, and the raw attributes it sends to its
maker's cloud): what is missing though it is told, and that nothing told is dropped.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from shared.units import (
    EARLIEST_PLAUSIBLE_MS,
    INT64_MAX,
    LATEST_PLAUSIBLE_MS,
    MS_PER_SECOND,
    round_half_even,
)

MAX_UNKNOWN = 40
"""Fields kept of one message; the richest, the cloud's of an electricity meter, has some 25."""

MAX_UNKNOWN_CHARS = 80
MAX_NAME_CHARS = 80

MAX_DEPTH = 8
"""A message of the Glow is five levels deep; what lies deeper is told as one field."""

MAX_DIGITS = 40
"""Of a number, before and after the point: a larger exponent would make an endless integer."""

NEVER_ZERO = frozenset({"import_mwh", "gas_l"})
"""After it has started, the Glow tells zeros until it has read the meter. A meter that has never
counted is rarer than that, and is read from its first watt hour on."""

_ALL_ONES = (0xFFFF_FFFF, 0xFFFF_FFFF_FFFF)
"""What ZigBee's 32- and 48-bit integers hold for want of a value, here in Wh or litres."""

_NOTHING: Mapping[str, tuple[int, ...]] = {
    "import_mwh": tuple(ones * 1_000 for ones in _ALL_ONES),
    "export_mwh": tuple(ones * 1_000 for ones in _ALL_ONES),
    "gas_l": _ALL_ONES,
    "power_w": (-(2**23),),
}
"""Values that mean there is none; of power the most negative 24-bit integer, -8388.608 kW."""

_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?(?:Z|\+00:00)"
)


class Fields:
    """The leaves of a JSON object by their path; what is not taken is unknown."""

    def __init__(self, name: str, content: Mapping[str, Any]) -> None:
        self._name = name
        self._leaves = dict(_leaves("", content, 1))

    def get(self, path: str) -> Any:
        """Return what a path says; None where it says nothing."""
        return self._leaves.get(path)

    def take(self, *paths: str) -> None:
        """Say that these paths are understood, those that are not there as well."""
        for path in paths:
            self._leaves.pop(path, None)

    def unknown(self) -> dict[str, str]:
        """Return what is left as texts, with how many more fields there were than are kept."""
        kept = list(self._leaves.items())[:MAX_UNKNOWN]
        unknown = {f"{self._name}.{path}"[:MAX_NAME_CHARS]: _text(value) for path, value in kept}
        if len(self._leaves) > MAX_UNKNOWN:
            unknown[f"{self._name}.+"] = f"{len(self._leaves) - MAX_UNKNOWN} more fields"
        return unknown


def believe(fields: Fields, told: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    """Return canonical registers of what was told by register: its path and value.

    `power_w` is signed, export negative. What is not believed stays in the fields: values that mean
    there is none, a zero that no register shows, and with an import of zero every other zero too.
    """
    is_boot = told.get("import_mwh", ("", 1))[1] == 0
    registers: dict[str, int] = {}
    for name, (path, value) in told.items():
        if value == 0 and (is_boot or name in NEVER_ZERO):
            continue
        if value in _NOTHING.get(name, ()):
            continue
        fields.take(path)
        if name == "power_w":
            registers["power_import_w"] = max(0, value)
            registers["power_export_w"] = max(0, -value)
        else:
            registers[name] = value
    return registers


def whole(value: int | Decimal, scale: int) -> int | None:
    """Return a number times a scale, half to even; None where it is out of all bounds."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or not -MAX_DIGITS <= exponent <= MAX_DIGITS:
            return None
    scaled = round_half_even(Fraction(value) * scale)
    return scaled if abs(scaled) <= INT64_MAX else None


def time_ms_of(printed: Any) -> int | None:
    """Return an instant of UTC from ISO 8601 with Z; None where it is none, or an unset clock's."""
    match = _TIME.fullmatch(printed) if isinstance(printed, str) else None
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    fraction_ms = int(match[2][1:].ljust(3, "0")[:3]) if match[2] else 0
    return plausible_ms(int(moment.timestamp()) * MS_PER_SECOND + fraction_ms)


def plausible_ms(time_ms: int) -> int | None:
    """Return a time that a clock which was set can show; None for any other."""
    return time_ms if EARLIEST_PLAUSIBLE_MS < time_ms < LATEST_PLAUSIBLE_MS else None


def _leaves(path: str, content: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its path; an empty or a too deep branch is a leaf."""
    if not isinstance(content, dict | list) or not content or depth > MAX_DEPTH:
        yield path, content
        return
    entries = content.items() if isinstance(content, dict) else enumerate(content)
    for name, entry in entries:
        yield from _leaves(f"{path}.{name}" if path else str(name), entry, depth + 1)


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"{len(value)} deeper fields" if value else "empty"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)[:MAX_UNKNOWN_CHARS]
