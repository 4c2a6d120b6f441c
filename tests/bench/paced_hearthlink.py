"""Our log as `paced` puts into it: a group commit by its window, as the hub's intake does."""

import time
from collections.abc import Callable
from pathlib import Path

from agent.records import Batch
from agent.rows import LogRow
from agent.upkeep.opening import open_log
from shared.readings import Medium
from tests.bench import paced

DATABASE_NAME = "hub.sqlite"
METER = "BENCH"


def open_store(folder: Path, window_s: float) -> tuple[paced.Put, Callable[[], None]]:
    """Open a log; what is put is acknowledged by the commit that comes with its window."""
    log = open_log(folder / DATABASE_NAME)
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)
    batch, committed, due_s = Batch(), 0, time.monotonic() + window_s

    def put(number: int, registers: paced.Registers) -> int:
        nonlocal batch, due_s
        batch.rows.append((meter_log, LogRow(number, 1, number, None, None, registers, 0)))
        if time.monotonic() >= due_s:
            commit()
            due_s = time.monotonic() + window_s
        return committed

    def commit() -> None:
        nonlocal batch, committed
        log.commit(batch)
        committed = batch.rows[-1][1].seq
        batch = Batch()

    def close() -> None:
        if batch.rows:
            commit()
        log.close()

    return put, close


if __name__ == "__main__":
    paced.run(open_store)
