"""What the simulated meter displayed, and which of it a hub must have logged.

Independent of the codec and of the hub: it states the cadence rule on its own, so that a test can
hold the hub to it. Pure; `OracleFile` only encodes.
"""

from collections.abc import Sequence

import msgspec

from shared.readings import COUNTERS, Medium
from shared.units import SLOT_MS

BUCKET_MS = 10_000
"""The logged cadence: one sample in each ten seconds."""


class Shown(msgspec.Struct, frozen=True, gc=False):
    """What one meter displayed in one telegram."""

    meter: str
    medium: Medium
    taken_at_ms: int
    registers: dict[str, int]


class OracleLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of the oracle's file: a displayed sample, and whether it must be logged.

    What a fault did to it, if one did: `is_damaged` where the bytes did not carry it; `doubtful`
    registers, which the meter displayed but never measured, so that a hub may leave them out;
    `clock_off_ms`, how far the meter's clock was from the time, which is `taken_at_ms`.
    """

    meter: str
    medium: Medium
    taken_at_ms: int
    registers: dict[str, int]
    must_log: bool
    is_damaged: bool = False
    doubtful: tuple[str, ...] = ()
    clock_off_ms: int = 0


class CadenceOracle:
    """Decides `must_log` of each telegram, in order, once the next one is known.

    Electricity: the first sample of a ten-second bucket, and the last before the slot ends, a
    sample on the boundary itself closing the slot. Gas, water and heat: the first of a slot, and
    whenever a counter has changed.
    """

    def __init__(self) -> None:
        self._last_logged_ms: dict[str, int] = {}
        self._last_counters: dict[str, dict[str, int]] = {}

    def decide(self, shown: Sequence[Shown], following: Sequence[Shown] | None) -> list[OracleLine]:
        """Return the lines of one telegram; `following` is the next one, None if it is the last."""
        next_times = {sample.meter: sample.taken_at_ms for sample in following or ()}
        return [self._line(sample, next_times.get(sample.meter)) for sample in shown]

    def _line(self, sample: Shown, next_ms: int | None) -> OracleLine:
        last_ms = self._last_logged_ms.get(sample.meter)
        if sample.medium is Medium.ELECTRICITY:
            must_log = (
                last_ms is None
                or sample.taken_at_ms // BUCKET_MS != last_ms // BUCKET_MS
                or (next_ms is not None and slot_of(next_ms) != slot_of(sample.taken_at_ms))
            )
        else:
            must_log = (
                last_ms is None
                or slot_of(sample.taken_at_ms) != slot_of(last_ms)
                or _counters(sample) != self._last_counters[sample.meter]
            )
        if must_log:
            self._last_counters[sample.meter] = _counters(sample)
            self._last_logged_ms[sample.meter] = sample.taken_at_ms
        return OracleLine(
            sample.meter, sample.medium, sample.taken_at_ms, sample.registers, must_log
        )


def lines_beside(
    shown: Sequence[Shown], *, is_damaged: bool = False, clock_off_ms: int = 0
) -> list[OracleLine]:
    """Return lines of a telegram that no cadence can be told of: destroyed, or at a wrong time."""
    return [
        OracleLine(
            sample.meter,
            sample.medium,
            sample.taken_at_ms,
            sample.registers,
            must_log=False,
            is_damaged=is_damaged,
            clock_off_ms=clock_off_ms,
        )
        for sample in shown
    ]


def with_doubts(lines: Sequence[OracleLine], doubtful: Sequence[str]) -> list[OracleLine]:
    """Return lines that name, of the registers in doubt, those they show."""
    return [
        msgspec.structs.replace(
            line, doubtful=tuple(name for name in doubtful if name in line.registers)
        )
        for line in lines
    ]


def _counters(sample: Shown) -> dict[str, int]:
    return {name: value for name, value in sample.registers.items() if name in COUNTERS}


def slot_of(time_ms: int) -> int:
    """Number the slot `(start, end]` that an instant lies in."""
    return (time_ms - 1) // SLOT_MS


_encoder = msgspec.json.Encoder()


def encode_lines(lines: Sequence[OracleLine]) -> bytes:
    """Encode lines as JSON, one a line."""
    return _encoder.encode_lines(lines)


def read_lines(content: bytes) -> list[OracleLine]:
    """Decode an oracle file; the last line may be cut short by a crash and is then left out."""
    whole = content[: content.rfind(b"\n") + 1]
    return msgspec.json.Decoder(OracleLine).decode_lines(whole)
