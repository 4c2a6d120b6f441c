"""What the log acknowledged is there after a kill -9 at any moment."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.log import Log
from tests.support.hubs import METER, sound_rows

KILLS = 12
READ_LINES_MAX = 40

APPEND = """
import sys
from pathlib import Path
from agent.log import Log
from tests.support.hubs import METER, append, row_at
from shared.readings import Medium
log = Log(Path(sys.argv[1]))
meter_log = log.meter_log(METER, Medium.ELECTRICITY)
while True:
    append(log, meter_log, [row_at(meter_log.next_seq + n, 0) for n in range(4)])
    print(meter_log.next_seq - 1, flush=True)
"""


@pytest.mark.slow
def test_everything_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """A process that appends is killed a dozen times: what it printed is there, without a hole."""
    path = tmp_path / "hub.sqlite"
    draw = random.Random(3)
    root = Path(__file__).parents[2]

    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", APPEND, str(path)],
            stdout=subprocess.PIPE,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(draw.randint(1, READ_LINES_MAX))]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.readlines()
            acknowledged = max(int(line) for line in lines if line.endswith(b"\n"))

        log = Log(path)
        rows = sound_rows(log, log.meters[METER])
        next_seq = log.meters[METER].next_seq
        log.close()

        assert [row.seq for row in rows] == list(range(1, next_seq))
        assert next_seq > acknowledged
