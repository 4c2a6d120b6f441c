"""The long form of the power cuts: `python -m tests.faults.soak --cuts 10000 --kills 1000`.

Prints one JSON object; exit status 1 where anything acknowledged was lost, altered or doubled.
With `--keep` it is the last result, `soak.json`, which docs/benchmarks.md shows.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.support import update_cuts
from tests.support.kills import kill_often
from tests.support.power_cuts import Verdict, cut_everywhere, record
from tests.support.renewals import cut_renewals
from tests.support.update_cuts import Losses

STEPS = 200
RECORD = Path(__file__).with_name("soak.json")


def main(arguments: list[str] | None = None) -> int:
    """Cut and kill as often as is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="where the lives begin; default 1")
    parser.add_argument("--cuts", type=int, default=10_000, help="power cuts, at the least")
    parser.add_argument("--kills", type=int, default=0, help="processes killed with SIGKILL")
    parser.add_argument("--renewals", type=int, default=0, help="renewals of a certificate cut off")
    parser.add_argument(
        "--modules", type=int, default=0, help="cut updates of programs with twice so many files"
    )
    parser.add_argument("--keep", action="store_true", help="keep it as the last result")
    chosen = parser.parse_args(arguments)
    started_s = time.monotonic()
    total = Verdict()
    done: dict[str, int] = {}
    seed = chosen.seed
    while total.cuts < chosen.cuts:
        life = record(seed, STEPS)
        verdict = cut_everywhere(life, seed)
        for name, value in asdict(verdict).items():
            setattr(total, name, getattr(total, name) + value)
        for what, count in life.counts.items():
            done[what] = done.get(what, 0) + count
        print(f"seed {seed}: {total.cuts} cuts, {total.lost} lost", file=sys.stderr)
        seed += 1
    with tempfile.TemporaryDirectory() as folder:
        toll = kill_often(Path(folder) / "hub.sqlite", chosen.kills, chosen.seed)
        renewals = cut_renewals(Path(folder) / "renewals", chosen.renewals, chosen.seed)
    updates = [
        asdict(_cut_updates(ends_well=ends_well, modules=chosen.modules))
        for ends_well in (True, False)
        if chosen.modules
    ]
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "seeds": [chosen.seed, seed - 1],
        "power_cuts": asdict(total),
        "done_to_the_log": done,
        "kills": asdict(toll),
        "renewals": asdict(renewals),
        "updates_cut": updates,
        "seconds": round(time.monotonic() - started_s),
    }
    print(json.dumps(report))
    if chosen.keep:
        RECORD.write_text(json.dumps(report, indent=1) + "\n")
    hubs_lost = renewals.lost + sum(one["lost"] + one["unfinished"] for one in updates)
    is_sound = total.is_sound() and not (toll.lost or toll.doubled or hubs_lost)
    return 0 if is_sound else 1


def _cut_updates(*, ends_well: bool, modules: int) -> Losses:
    with tempfile.TemporaryDirectory() as folder:
        return update_cuts.cut_everywhere(Path(folder), ends_well=ends_well, modules=modules)


if __name__ == "__main__":
    sys.exit(main())
