"""The short form of the torture: ten faults on the real processes, nothing lost or doubled.

The seed strikes with consent, receipts that come again, upgrades and, as root, a read-only disk.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SEED = 280
FAULTS = 10
ENDS_S = 240
COMMAND = "import sys; from agent.torture.cli import run; sys.exit(run(sys.argv[1:]))"


@pytest.mark.slow
def test_ten_faults_lose_and_double_nothing(tmp_path: Path) -> None:
    """`hearthlink torture` proves it by the simulator's own record and the hub's commits."""
    words = [f"--seed={SEED}", f"--faults={FAULTS}", f"--state={tmp_path / 'state'}", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_S,
    )

    assert done.returncode == 0, done.stderr + done.stdout
    verdict = json.loads(done.stdout)
    assert verdict["faults"] == FAULTS
    assert (verdict["lost"], verdict["duplicated"], verdict["altered"]) == (0, 0, 0)
    assert (verdict["finer"], verdict["wrong_boundaries"]) == (0, 0)
    explained = verdict["damaged"] + verdict["withheld"]
    assert verdict["stored"] >= verdict["committed"] - explained > 0
