"""The half hours a ZigBee meter kept: from GetProfile's intervals to registers on the boundaries.

Pure, and without memory across restarts: a hub asks for the intervals, then reads the register
together with what the interval under way has counted so far; from there the registers on the
boundaries follow backward, each the next one less the interval between. Source: ZigBee Cluster
Library, Metering, GetProfileResponse and the attributes 0x0405 to 0x0408.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from firmware_bridge.meters.zcl_table import (
    DELIVERED,
    PARTIAL_STARTS,
    PARTIALS,
    RECEIVED,
    SNAPSHOT_TIME,
)
from firmware_bridge.meters.zcl_types import Value, ZclError, take

PERIODS_S = {1: 3_600, 2: 1_800, 3: 900, 4: 600, 5: 450, 6: 300, 7: 150, 8: 60}
"""By ProfileIntervalPeriod. Daily intervals (0) end with the meter's day, which is not told."""

MAX_INTERVALS = 48 * 31
"""Kept of a channel: a month of half hours. A hub that was away for longer has the register."""

CHANNELS = (DELIVERED, RECEIVED)

_HEAD = struct.Struct("<IBBB")
_OK = 0
_INTERVAL_BYTES = 3
_INVALID = 0xFFFFFF


@dataclass(slots=True)
class Block:
    """Intervals as told: the end of the newest in seconds since 2000, each as long, newest first.

    An interval that the meter marks invalid is None. `status` is 0 where there are any.
    """

    status: int
    end_s: int
    period_s: int
    intervals: list[int | None] = field(default_factory=list)

    @property
    def start_s(self) -> int:
        """When the oldest interval began."""
        return self.end_s - self.period_s * len(self.intervals)


def read_profile(payload: bytes) -> Block:
    """Take a GetProfileResponse apart; raise ZclError where it is none."""
    end_s, status, period, count = _HEAD.unpack(take(payload, 0, _HEAD.size))
    told = payload[_HEAD.size :]
    if len(told) != count * _INTERVAL_BYTES:
        raise ZclError("truncated", f"{count} intervals are announced, {len(told)} bytes follow")
    if count and period not in PERIODS_S:
        raise ZclError("bad-value", f"intervals of period {period} are not known")
    starts = range(0, len(told), _INTERVAL_BYTES)
    counted = [int.from_bytes(told[at : at + _INTERVAL_BYTES], "little") for at in starts]
    intervals = [None if one == _INVALID else one for one in counted]
    return Block(status, end_s, PERIODS_S.get(period, 0), intervals)


class Profiles:
    """The intervals last told by one endpoint, until the register they lead back from is read.

    A response does not say which channel it is of: the first is of energy delivered, one that
    begins where the last block left off continues its channel, one that ends with the first is of
    energy received, any other begins anew.
    """

    def __init__(self) -> None:
        self._chains: list[Block] = []
        self._last: tuple[int, Block] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._chains

    def take(self, block: Block, tsn: int) -> None:
        """Keep a block; a repeated response (same transaction, same content) is kept once."""
        if self._last == (tsn, block):
            return
        if block.status != _OK or not block.intervals:
            if not self._chains:
                self._chains.append(block)
            return
        self._last = (tsn, Block(block.status, block.end_s, block.period_s, [*block.intervals]))
        chain = self._chains[-1] if self._chains else None
        if chain and (chain.start_s, chain.period_s) == (block.end_s, block.period_s):
            room = MAX_INTERVALS - len(chain.intervals)
            chain.intervals += block.intervals[:room]
            return
        if chain and len(chain.intervals) >= MAX_INTERVALS and block.end_s < chain.end_s:
            return
        if len(self._chains) == len(CHANNELS) or not self._is_beside_first(block):
            self._chains.clear()
        self._chains.append(block)

    def _is_beside_first(self, block: Block) -> bool:
        """Tell whether a block ends with the first, or with the interval after it."""
        if not self._chains or not self._chains[0].intervals:
            return True
        return block.end_s - self._chains[0].end_s in (0, block.period_s)

    def registers_at(
        self, values: Mapping[int, Value], decimal: Callable[[int], int]
    ) -> dict[int, dict[int, int]]:
        """Lead a read back: by the end of each interval in seconds, each channel's raw register.

        `values` are the attributes that were read together; `decimal` turns what was told into a
        number. Empty where they do not lead to the intervals; a read that should uses them up.
        """
        found: dict[int, dict[int, int]] = {}
        for channel, chain in zip(CHANNELS, self._chains, strict=False):
            register = _newest_register(channel, chain, values, decimal)
            end_s = chain.end_s
            for interval in (0, *chain.intervals):
                if register is None or interval is None:
                    break
                register -= decimal(interval)
                if register < 0:
                    break
                found.setdefault(end_s, {})[channel] = register
                end_s -= chain.period_s
        if found or any(one in values for one in PARTIALS):
            self._chains.clear()
            self._last = None
        return dict(sorted(found.items()))


def _newest_register(
    channel: int, chain: Block, values: Mapping[int, Value], decimal: Callable[[int], int]
) -> int | None:
    """Return the register at the end of the newest interval, None where the read does not tell."""
    summation, snapshot_s = values.get(channel), values.get(SNAPSHOT_TIME)
    if not isinstance(summation, int) or not chain.intervals:
        return None
    partial, start_s = values.get(PARTIALS[channel]), values.get(PARTIAL_STARTS[channel])
    if isinstance(partial, int) and (
        start_s == chain.end_s
        if start_s is not None
        else isinstance(snapshot_s, int) and 0 <= snapshot_s - chain.end_s < chain.period_s
    ):
        return decimal(summation) - decimal(partial)
    return decimal(summation) if snapshot_s == chain.end_s else None
