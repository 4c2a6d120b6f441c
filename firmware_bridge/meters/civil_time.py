"""The local civil time a meter prints, as UTC: the zone's rules decide, not the meter's flag.

Pure but for a bounded cache. The S (summer) or W (winter) flag is believed in one case only: the
hour that happens twice when the clocks go back.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.units import MS_PER_DAY

DIGITS = 12
"""`YYMMDDhhmmss`."""

LEAP_SECOND = 60
"""What a clock that tells leap seconds shows in one, the last of a day of UTC."""

CACHED_PREFIXES = 64
"""Ten-minute prefixes kept: a telegram has one for each of its clocks, and time moves on."""

PREFIX_CHARS = 9
"""`YYMMDDhhm`: no zone changes its offset within ten minutes of civil time."""

FIRST_UNSET_YEAR = 70
"""`YY` from here on is the 1970s: a clock that was never set."""


class CivilTime:
    """Turns `YYMMDDhhmmss` with its flag into UTC milliseconds for one zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._starts_ms: dict[str, int] = {}

    def to_utc_ms(self, printed: str) -> int | None:
        """Return the instant of `YYMMDDhhmmss`, `…S` or `…W`; None where it is none or unset.

        A leap second is the instant of the second after it, as POSIX counts.
        """
        digits, flag = printed[:DIGITS], printed[DIGITS:]
        if not digits.isdecimal() or len(digits) != DIGITS or flag not in ("", "S", "W"):
            return None
        second = int(digits[10:])
        if second > LEAP_SECOND:
            return None
        key = digits[:PREFIX_CHARS] + flag
        start_ms = self._starts_ms.get(key)
        if start_ms is None:
            start_ms = self._start_of_ten_minutes_ms(digits, flag)
            if start_ms is None:
                return None
            if len(self._starts_ms) >= CACHED_PREFIXES:
                self._starts_ms.clear()
            self._starts_ms[key] = start_ms
        utc_ms = start_ms + int(digits[9]) * 60_000 + second * 1_000
        return None if second == LEAP_SECOND and utc_ms % MS_PER_DAY else utc_ms

    def _start_of_ten_minutes_ms(self, digits: str, flag: str) -> int | None:
        year = int(digits[:2])
        if year >= FIRST_UNSET_YEAR:
            return None
        month, day, hour = int(digits[2:4]), int(digits[4:6]), int(digits[6:8])
        try:
            first = datetime(
                2000 + year, month, day, hour, int(digits[8]) * 10, tzinfo=self._zone, fold=0
            )
        except ValueError:
            return None
        moment = first
        if flag == "W" and _happens_twice(first):
            moment = first.replace(fold=1)
        return int(moment.timestamp()) * 1_000


def _happens_twice(first: datetime) -> bool:
    """Tell whether this civil time is in the hour repeated when the clocks go back."""
    earlier, later = first.utcoffset(), first.replace(fold=1).utcoffset()
    zero = timedelta(0)
    return (earlier or zero) > (later or zero)
