"""Rows as a simulated P1 meter fills a log with them, for the benches of the log."""

from itertools import islice

from agent.rows import LogRow
from firmware_bridge.simulator.p1_meter import telegrams

START_MS = 1_767_225_600_000
CADENCE_MS = 10_000


def simulated_rows(count: int, start_ms: int = START_MS) -> list[LogRow]:
    """Return so many rows of one meter, one each ten seconds, from sequence 1, in boot 1.

    The boot-time clock they were heard by shows the time itself.
    """
    emitted = telegrams(1, start_ms, start_ms + (count + 1) * CADENCE_MS)
    return [
        LogRow(seq, 1, lines[0].taken_at_ms, lines[0].taken_at_ms, None, lines[0].registers, 0)
        for seq, (_, lines) in enumerate(islice(emitted, count), 1)
    ]
