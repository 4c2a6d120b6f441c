"""Finding: the rows of a span of a boot's time, in rows and blocks, around holes."""

import random
from pathlib import Path

import msgspec
import pytest

from agent.finding import find_span
from agent.records import Batch
from agent.rows import LogRow
from agent.upkeep.sealing import seal
from tests.support.hubs import log_with, rows_every


@pytest.mark.parametrize("seed", range(6))
def test_a_span_is_what_a_scan_finds(tmp_path: Path, seed: int) -> None:
    """Three boots, partly sealed, with rows that are gone: bisection and a scan agree."""
    rng = random.Random(seed)
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    rows: list[LogRow] = []
    for boot in (1, 2, 3):
        first = rows[-1].seq + 1 if rows else 1
        rows += [
            msgspec.structs.replace(row, boot=boot)
            for row in rows_every(rng.choice((1, 300, 700)), first_seq=first)
        ]
    log.commit(Batch(rows=[(meter_log, row) for row in rows]))
    while seal(log):
        continue
    log.write("DELETE FROM samples WHERE seq % 7 = ?", (rng.randint(0, 6),))
    left = [row for row in log.read(meter_log.log, 0, 10**6) if isinstance(row, LogRow)]

    for _ in range(40):
        boot, start_ms = rng.randint(0, 4), rng.randint(-5, 750) * 10_000
        end_ms = start_ms + rng.randint(0, 300) * 10_000
        found = find_span(log, meter_log.log, boot, start_ms, end_ms) or (1, 0)

        expected = [r.seq for r in left if r.boot == boot and start_ms < r.monotonic_ms <= end_ms]
        assert [row.seq for row in left if found[0] <= row.seq <= found[1]] == expected
    log.close()


def test_an_empty_log_has_no_span(tmp_path: Path) -> None:
    """Nothing was ever heard."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)

    assert find_span(log, meter_log.log, 1, -(2**62), 2**62) is None
    log.close()
