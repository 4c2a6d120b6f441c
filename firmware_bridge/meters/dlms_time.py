"""The twelve bytes of a COSEM date-time (IEC 62056-6-2, 4.1.6.1) as UTC. Pure.

The zone's rules decide the offset; the meter's own deviation only chooses between readings of the
hour that happens twice, or stands in where the meter's clock keeps another time than its zone.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from firmware_bridge.meters.civil_time import LEAP_SECOND
from shared.units import MS_PER_DAY

DATE_TIME_BYTES = 12
UNSPECIFIED_YEAR = 0xFFFF
UNSPECIFIED_BYTE = 0xFF
UNSPECIFIED_DEVIATION = -0x8000
MAX_DEVIATION_MINUTES = 840
"""UTC+14, the furthest zone there is."""

SUMMER_BIT = 0x80
LAST_HUNDREDTH = 99

CACHED_HOURS = 64
"""Offsets kept: a notification has two or three clocks in the same hour, and time moves on."""


class Printed(NamedTuple):
    """What a date-time says: UTC milliseconds, or None with `is_bad` where it says no time."""

    utc_ms: int | None
    is_bad: bool = False


NO_TIME = Printed(None)
BAD_TIME = Printed(None, is_bad=True)


class CosemTime:
    """Turns date-times of one meter, whose clock tells the civil time of `zone`, into UTC."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._offsets_ms: dict[bytes, int] = {}

    def read(self, raw: bytes) -> Printed:
        """Return what twelve bytes say; an unspecified year or hour is no time, and not bad."""
        year = raw[0] << 8 | raw[1]
        if year == UNSPECIFIED_YEAR or UNSPECIFIED_BYTE in (raw[2], raw[3], raw[5]):
            return NO_TIME
        minute = 0 if raw[6] == UNSPECIFIED_BYTE else raw[6]
        second = 0 if raw[7] == UNSPECIFIED_BYTE else raw[7]
        is_leap = second == LEAP_SECOND
        try:
            civil = datetime(year, raw[2], raw[3], raw[5], minute, second - is_leap, tzinfo=UTC)
        except ValueError:
            return BAD_TIME
        # No zone changes its offset within a quarter of an hour of civil time.
        key = raw[:4] + bytes((raw[5], minute // 15)) + raw[9:]
        offset_ms = self._offsets_ms.get(key)
        if offset_ms is None:
            offset_ms = self._offset_ms(civil.replace(tzinfo=None), raw)
            if len(self._offsets_ms) >= CACHED_HOURS:
                self._offsets_ms.clear()
            self._offsets_ms[key] = offset_ms
        whole_ms = (int(civil.timestamp()) + is_leap) * 1_000 - offset_ms
        if is_leap and whole_ms % MS_PER_DAY:
            return BAD_TIME
        hundredths = raw[8] if raw[8] <= LAST_HUNDREDTH else 0
        return Printed(whole_ms + hundredths * 10)

    def _offset_ms(self, civil: datetime, raw: bytes) -> int:
        """Return how far the civil time is ahead of UTC."""
        by_zone = [
            civil.replace(tzinfo=self._zone, fold=fold).utcoffset() or timedelta(0)
            for fold in (0, 1)
        ]
        deviation = int.from_bytes(raw[9:11], "big", signed=True)
        if deviation == UNSPECIFIED_DEVIATION or abs(deviation) > MAX_DEVIATION_MINUTES:
            is_second = raw[11] != UNSPECIFIED_BYTE and not raw[11] & SUMMER_BIT
            is_twice = by_zone[0] > by_zone[1]
            chosen = by_zone[1] if is_twice and is_second else by_zone[0]
        else:
            chosen = _stated_offset(deviation, by_zone)
        return int(chosen / timedelta(milliseconds=1))


def _stated_offset(deviation: int, by_zone: list[timedelta]) -> timedelta:
    """Return the offset that a deviation states.

    The standard's sign is UTC less local time; some makers send it the other way. The zone tells
    which was meant: the reading nearest to its own rules.
    """
    stated = [timedelta(minutes=-deviation), timedelta(minutes=deviation)]
    return min(stated, key=lambda offset: min(abs(offset - rule) for rule in by_zone))


def encode_date_time(utc_ms: int, zone: ZoneInfo) -> bytes:
    """Encode an instant as the standard has it: local time, UTC less local time, summer bit."""
    moment = datetime.fromtimestamp(utc_ms // 1_000, UTC).astimezone(zone)
    deviation = -int((moment.utcoffset() or timedelta(0)) / timedelta(minutes=1))
    return (
        moment.year.to_bytes(2, "big")
        + bytes((moment.month, moment.day, moment.isoweekday(), moment.hour, moment.minute))
        + bytes((moment.second, utc_ms % 1_000 // 10))
        + deviation.to_bytes(2, "big", signed=True)
        + bytes((SUMMER_BIT if moment.dst() else 0,))
    )
