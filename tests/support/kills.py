"""Kills a process that writes the log, again and again, and says what that cost."""

import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.upkeep.opening import open_log
from tests.support.hubs import METER, sound_rows

READ_LINES_MAX = 40
ROOT = Path(__file__).parents[2]

APPEND = """
import sys
from pathlib import Path
from agent.upkeep import sealing
from agent.upkeep.opening import open_log
from tests.support.hubs import METER, append, row_at
from shared.readings import Medium
sealing.BLOCK_ROWS = 24
log = open_log(Path(sys.argv[1]))
meter_log = log.meter_log(METER, Medium.ELECTRICITY)
while True:
    first = meter_log.next_seq
    append(log, meter_log, [row_at(first + n, 0) for n in range(1 + first % 7)])
    print(meter_log.next_seq - 1, flush=True)
    sealing.seal(log)
"""


@dataclass
class Toll:
    """What the kills cost: rounds, rows acknowledged, and of them lost, doubled or renumbered."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    renewed: int = 0


def kill_often(path: Path, kills: int, seed: int) -> Toll:
    """Let a process append and seal, kill it with SIGKILL, compare; and so on in the same file."""
    toll, draw, before = Toll(), random.Random(seed), 0
    for _ in range(kills):
        acknowledged = _run_and_kill(path, draw.randint(1, READ_LINES_MAX)) or before
        log = open_log(path)
        seqs = [row.seq for row in sound_rows(log, log.meters[METER])]
        toll.renewed += len(log.all_logs()) - 1
        log.close()
        toll.kills += 1
        toll.acknowledged += acknowledged - before
        toll.lost += len(set(range(1, acknowledged + 1)) - set(seqs))
        toll.doubled += len(seqs) - len(set(seqs))
        before = max(seqs, default=0)
    return toll


def _run_and_kill(path: Path, lines_read: int) -> int:
    """Return the newest sequence that was acknowledged; 0 where none was."""
    with subprocess.Popen(
        [sys.executable, "-c", APPEND, str(path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(lines_read)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    return max((int(line) for line in lines if line.endswith(b"\n")), default=0)
