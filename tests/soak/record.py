"""The committed record of long runs, docs/soak.json: what was tried so far, and what came of it.

python -m tests.simulation --count 20000 --record docs/soak.json
python -m tests.soak.record torture 100
python -m tests.soak.record kills 200
python -m tests.soak.record jobs 100
python -m tests.soak.record panels 2000
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.jobs import Operation
from shared.progress import Progress
from shared.ranges import union
from tests.support.firmware import FirmwareMaker
from tests.support.hub_kills import kill_identities
from tests.support.job_kills import kill_jobs, struck
from tests.support.panel_updates import Toll, interrupted_update
from tests.support.update_kills import kill_updates

RECORD = Path(__file__).parents[2] / "docs" / "soak.json"
COMMAND = "import sys; from agent.torture.cli import run; sys.exit(run(sys.argv[1:]))"
KILLS = "kills_of_hubs"
JOB_KILLS = "kills_in_jobs"
PANEL_UPDATES = "panel_updates"
PANEL_BYTES = 40_000
TORTURE_TOTALS = (
    "faults",
    "committed",
    "stored",
    "damaged",
    "lost",
    "duplicated",
    "altered",
    "withheld",
    "finer",
    "boundaries",
    "wrong_boundaries",
    "seconds",
    "longest_recovery_s",
)


def add_run(
    path: Path, name: str, totals: Mapping[str, int], seeds: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """Add a run's totals and its ranges of seeds to a record, and return what stands there now.

    Totals add up over all runs, also of seeds that were run before: the code has changed since.
    A name that begins with `longest` keeps the greatest instead.
    """
    record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    kept = record.setdefault(name, {"runs": 0, "seeds": []})
    kept["runs"] += 1
    for key, count in totals.items():
        before = kept.get(key, 0)
        kept[key] = max(before, count) if key.startswith("longest") else before + count
    kept["seeds"] = union([*kept["seeds"], *seeds])
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    return dict(kept)


def next_seed(path: Path, name: str) -> int:
    """Say which seed comes after all that were run."""
    record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return 1 + max((last for _, last in record.get(name, {}).get("seeds", [])), default=-1)


def record_torture(faults: int) -> int:
    """Torture with the next seed and add the verdict; returns the command's status."""
    seed = next_seed(RECORD, "torture")
    words = [f"--seed={seed}", f"--faults={faults}", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.stdout:
        told = json.loads(done.stdout)
        print(done.stdout)
        totals = {name: round(told[name]) for name in TORTURE_TOTALS}
        add_run(RECORD, "torture", totals, [(seed, seed)])
    return done.returncode


def record_kills(kills: int) -> int:
    """Kill so many joinings, renewals and updates with the next seed, and add what came of it."""
    seed, started_s = next_seed(RECORD, KILLS), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hearthlink-kills-") as folder:
        joining, renewing = kill_identities(Path(folder) / "identities", kills, seed)
        updating = kill_updates(Path(folder) / "updates", kills, seed)
    tolls = {"joinings": joining, "renewals": renewing, "updates": updating}
    totals = {"seconds": round(time.monotonic() - started_s)}
    for what, toll in tolls.items():
        totals[f"{what}_killed"] = toll.kills
        totals[f"{what}_killed_too_late"] = toll.too_late
    totals["hubs_lost"] = sum(toll.lost for toll in tolls.values())
    totals["unfinished"] = sum(toll.unfinished for toll in tolls.values())
    for fault in (fault for toll in tolls.values() for fault in toll.faults):
        print(fault)
    print(json.dumps(totals))
    add_run(RECORD, KILLS, totals, [(seed, seed)])
    return int(not all(toll.is_sound for toll in tolls.values()))


def record_job_kills(kills: int) -> int:
    """Kill so many hubs, or some more, in restarts and diagnoses: before each change of the disk.

    Round by round, from the first change to the last.
    """
    totals, faults, started_s = Counter[str](), list[str](), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="hearthlink-jobs-") as folder,
        struck(Path(folder)) as hub,
    ):
        for run in itertools.count(1):
            for operation in (Operation.RESTART, Operation.DIAGNOSE):
                toll = kill_jobs(hub, operation, itertools.count(1), f"{run}")
                totals[f"{operation}s_killed"] += toll.kills
                totals["jobs"] += toll.jobs
                totals["unfinished"] += toll.unfinished
                totals["repeated"] += toll.repeated
                faults += toll.faults
            if sum(totals[f"{one}s_killed"] for one in Operation) >= kills:
                break
    totals["seconds"] = round(time.monotonic() - started_s)
    for fault in faults:
        print(fault)
    print(json.dumps(totals))
    add_run(RECORD, JOB_KILLS, totals, [])
    return int(bool(faults))


def record_panels(updates: int) -> int:
    """Interrupt so many updates of a panel with the next seeds, and add what came of it."""
    first, started_s = next_seed(RECORD, PANEL_UPDATES), time.monotonic()
    maker, toll = FirmwareMaker(), Toll()
    progress = Progress("updates", updates)
    for done in range(updates):
        # Every fourth image is large: what is cut off in it is then mostly the upload.
        interrupted_update(maker, first + done, toll, PANEL_BYTES if done % 4 == 0 else 8_000)
        progress.show(done)
    progress.close()
    totals = {
        "updates": updates,
        "interruptions": toll.interruptions,
        "bricked": toll.bricked,
        "unfinished": toll.unfinished,
        "asked_for_again": toll.went_back,
        "answers_lost": toll.answers_lost,
        "seconds": round(time.monotonic() - started_s),
    }
    for what, times in toll.interrupted.items():
        totals[what.replace(" ", "_").replace("-", "_")] = times
    for fault in toll.faults:
        print(fault)
    print(json.dumps(totals), json.dumps(toll.steps))
    add_run(RECORD, PANEL_UPDATES, totals, [(first, first + updates - 1)])
    return int(bool(toll.faults))


def main(words: Sequence[str]) -> int:
    """Run what is named, and add what came of it."""
    runs = {
        "torture": record_torture,
        "kills": record_kills,
        "jobs": record_job_kills,
        "panels": record_panels,
    }
    if len(words) != 2 or words[0] not in runs:
        print(f"what is to be recorded? {' '.join(words)!r} is not known")
        print(f"say one of {', '.join(runs)}, and how many")
        return 2
    return runs[words[0]](int(words[1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
