"""The meter's clock as IEC 62056-21 readouts print it, in UTC.

Pure but for the bounded cache of `civil_time`. Time `0.9.1` and date `0.9.2` may have separators
and, by the VDEW specifications, a season before them: 0 standard time, 1 summer time, 2 UTC.
"""

import re
from zoneinfo import ZoneInfo

from firmware_bridge.meters.civil_time import CivilTime

TIME_CODE, DATE_CODE = "0.9.1", "0.9.2"
MOMENT_CODES = ("1.0.0", "0.9.4")
"""Date and time in one."""

CLOCK_CODES = frozenset((TIME_CODE, DATE_CODE, *MOMENT_CODES))

_SEPARATORS = re.compile(r"[-:./, ]")
_FLAGS = {"0": "W", "1": "S"}
_UTC_SEASON = "2"
_PART_DIGITS, _MOMENT_DIGITS = 6, 12
_CENTURY = "20"


class MeterClock:
    """Reads the clock of one meter after another readout of it."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._local = CivilTime(zone)
        self._universal = CivilTime(ZoneInfo("UTC"))
        self.printed = ""

    @property
    def is_printed(self) -> bool:
        """Tell whether the last readout had a clock at all."""
        return bool(self.printed)

    def read(self, sets: dict[str, list[str]]) -> int | None:
        """Return UTC milliseconds from data sets by groups C.D.E; None where there is no time."""
        date = sets.get(DATE_CODE, [""])[0]
        time = sets.get(TIME_CODE, [""])[0]
        self.printed = f"{date} {time}" if date and time else ""
        if self.printed:
            return self._joined(date, time)
        for code in MOMENT_CODES:
            self.printed = sets.get(code, [""])[0]
            if self.printed:
                return self._moment(self.printed)
        return None

    def _joined(self, date: str, time: str) -> int | None:
        """Join date and time, whose seasons should agree; the time's is believed first."""
        date_digits, date_season = _without_season(date)
        time_digits, time_season = _without_season(time)
        if not date_digits or not time_digits:
            return None
        return self._to_utc_ms(date_digits + time_digits, time_season or date_season)

    def _moment(self, printed: str) -> int | None:
        """Read `YYMMDDhhmmss`, with a season before it or an S or W after it."""
        plain = _SEPARATORS.sub("", printed)
        flag = plain[-1:] if plain[-1:] in ("S", "W") else ""
        digits = plain.removesuffix(flag) if flag else plain
        season = ""
        if len(digits) == _MOMENT_DIGITS + 1:
            season, digits = digits[0], digits[1:]
        elif len(digits) == _MOMENT_DIGITS + 2 and digits.startswith(_CENTURY):
            digits = digits[2:]
        if flag:
            return self._local.to_utc_ms(digits + flag)
        return self._to_utc_ms(digits, season)

    def _to_utc_ms(self, digits: str, season: str) -> int | None:
        if season == _UTC_SEASON:
            return self._universal.to_utc_ms(digits)
        return self._local.to_utc_ms(digits + _FLAGS.get(season, ""))


def _without_season(printed: str) -> tuple[str, str]:
    """Return six digits of a date or time and its season; "" twice where they are none."""
    digits = _SEPARATORS.sub("", printed)
    if not digits.isdecimal():
        return "", ""
    if len(digits) == _PART_DIGITS + 1:
        return digits[1:], digits[0]
    if len(digits) == _PART_DIGITS + 2 and digits.startswith(_CENTURY):
        return digits[2:], ""
    return (digits, "") if len(digits) == _PART_DIGITS else ("", "")
