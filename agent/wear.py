"""How fast a card wears: bytes a day from counters that begin anew with each boot. Pure.

A total would be swamped by the day the system was installed, so the rate is that of recent weeks.
"""

from typing import NamedTuple

import msgspec

from shared.units import MS_PER_DAY, MS_PER_HOUR

RECENT_MS = 28 * MS_PER_DAY
"""Past this the older half counts half: the rate follows what the machine does now."""

SHORTEST_MS = MS_PER_HOUR
"""A rate of less than an hour is that of switching on."""

BYTES_PER_TB = 10**12
DAYS_PER_YEAR = 365.25


class Wear(msgspec.Struct, frozen=True):
    """What was written to one device, as far as it was looked at.

    `counter_bytes` and `at_ms` are the kernel's counter and the boot-time clock at the last look;
    `written_bytes` is all that was seen, `recent_bytes` what was in `recent_ms`.
    """

    device: str
    identity: str
    boot_id: str
    counter_bytes: int
    at_ms: int
    written_bytes: int
    recent_bytes: int
    recent_ms: int


class Look(NamedTuple):
    """The kernel's counter of a device at an instant of a boot."""

    device: str
    identity: str
    boot_id: str
    counter_bytes: int
    at_ms: int


def add_look(known: Wear | None, look: Look) -> Wear:
    """Add what was written since the last look.

    A counter of another boot begins with it; what came between the last look and the end of the
    boot before is lost, and so is its time. Another device begins anew.
    """
    if known is None or (known.device, known.identity) != (look.device, look.identity):
        known = Wear(look.device, look.identity, "", 0, 0, 0, 0, 0)
    fresh_bytes, fresh_ms = look.counter_bytes, look.at_ms
    if known.boot_id == look.boot_id and known.counter_bytes <= look.counter_bytes:
        fresh_bytes -= known.counter_bytes
        fresh_ms -= known.at_ms
    recent_bytes, recent_ms = known.recent_bytes + fresh_bytes, known.recent_ms + fresh_ms
    if recent_ms > RECENT_MS:
        recent_bytes, recent_ms = recent_bytes // 2, recent_ms // 2
    return Wear(*look, known.written_bytes + fresh_bytes, recent_bytes, recent_ms)


def bytes_a_day(wear: Wear) -> int | None:
    """Tell the recent rate; None where too little time was looked at."""
    if wear.recent_ms < SHORTEST_MS:
        return None
    return wear.recent_bytes * MS_PER_DAY // wear.recent_ms


def days_left(wear: Wear, endurance_tb: float) -> float | None:
    """Predict when a device that takes `endurance_tb` in its life has taken it, at this rate.

    What was written before the first look is not known and not counted. None where nothing is
    written, or the rate is not known yet.
    """
    rate = bytes_a_day(wear)
    if not rate:
        return None
    return max(0.0, endurance_tb * BYTES_PER_TB - wear.written_bytes) / rate
