"""What simulated meters keep of the half hours passed, and how they tell of them.

Pure. Source: ZigBee Cluster Library, Metering, GetProfile and its response: intervals newest first,
each the change of the register within it, in the unit of the register itself.
"""

import struct
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from firmware_bridge.simulator.household import Display
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_SECOND, SLOT_MS

KEPT_BOUNDARIES = 48 * 31 * 13
"""Thirteen months of half hours, as a UK meter keeps."""

MAX_INTERVALS = 24
"""In one response: as many as a frame holds without being fragmented (attribute 0x0500)."""

NO_REGISTER, NO_INTERVAL = 2**48 - 1, 2**24 - 1
"""All ones: what stands in a register or interval that holds nothing."""

HALF_HOUR_CODE = 2
DELIVERED, RECEIVED, GAS = 0, 1, 2
"""Channels of a register: energy in and out are the ZCL's own numbers, gas is ours alone."""

OK, UNDEFINED_CHANNEL, NO_INTERVALS = 0, 1, 5

_GET_PROFILE = struct.Struct("<BIB")


@dataclass(frozen=True, slots=True)
class Boundary:
    """The registers on one half hour: energy in and out in Wh, and gas in litres."""

    time_ms: int
    registers: tuple[int, int, int]


class HalfHours:
    """The registers on every half hour of the last thirteen months, without a gap."""

    def __init__(self, time_ms: int, first: Display) -> None:
        self._kept: deque[Boundary] = deque(maxlen=KEPT_BOUNDARIES)
        if time_ms % SLOT_MS == 0:
            self.note(time_ms, first)

    def note(self, time_ms: int, display: Display) -> None:
        """Keep what is shown on a half hour, the one after the last that was kept."""
        self._kept.append(Boundary(time_ms, registers_of(display)))

    @property
    def last(self) -> Boundary | None:
        """The newest half hour kept."""
        return self._kept[-1] if self._kept else None

    def answer(self, payload: bytes, channels: dict[int, int]) -> tuple[int, bytes]:
        """Return the command and payload that answer a GetProfile.

        `channels` are the channels the meter has, each with the register that it is of.
        """
        asked, end_s, wanted = _GET_PROFILE.unpack(payload[: _GET_PROFILE.size].ljust(6, b"\0"))
        if asked not in channels:
            return 0x00, _response(0, UNDEFINED_CHANNEL, [])
        newest_first = list(self._newest_first(end_s, min(wanted, MAX_INTERVALS) + 1))
        register = channels[asked]
        intervals = [
            interval_of(later.registers[register] - earlier.registers[register])
            for later, earlier in pairwise(newest_first)
        ]
        if not intervals:
            return 0x00, _response(0, NO_INTERVALS, [])
        return 0x00, _response(seconds_of(newest_first[0].time_ms), OK, intervals)

    def _newest_first(self, end_s: int, count: int) -> list[Boundary]:
        if not self._kept:
            return []
        newest_ms = self._kept[-1].time_ms
        skipped = 0
        if end_s:
            end_ms = EARLIEST_PLAUSIBLE_MS + end_s * MS_PER_SECOND
            skipped = max(0, -(-(newest_ms - end_ms) // SLOT_MS))
        stop = len(self._kept) - skipped
        places = range(stop - 1, max(-1, stop - 1 - count), -1)
        return [self._kept[place] for place in places]


def registers_of(display: Display) -> tuple[int, int, int]:
    """Return what a display shows, in the order of the channels."""
    totals = (display.import_total_wh, display.export_total_wh)
    imported, exported = (min(total, NO_REGISTER) for total in totals)
    return imported, exported, display.gas_l


def interval_of(gain: int) -> int:
    """Return what was counted in an interval as it is told: marked invalid where it is none."""
    return gain if 0 <= gain < NO_INTERVAL else NO_INTERVAL


def seconds_of(time_ms: int) -> int:
    """Return an instant as the ZCL has it: seconds since 2000-01-01 in UTC, 0 for one before."""
    return max(0, time_ms - EARLIEST_PLAUSIBLE_MS) // MS_PER_SECOND


def _response(end_s: int, status: int, intervals: list[int]) -> bytes:
    head = struct.pack("<IBBB", end_s, status, HALF_HOUR_CODE, len(intervals))
    return head + b"".join(one.to_bytes(3, "little") for one in intervals)
