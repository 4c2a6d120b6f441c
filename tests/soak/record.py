"""The committed record of long runs, docs/soak.json: what was tried so far, and what came of it.

python -m tests.simulation --count 200000 --first 5000 --record docs/soak.json
hearthlink torture --seed 7 --faults 500 --json | python -m tests.soak.record
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.ranges import union

RECORD = Path(__file__).parents[2] / "docs" / "soak.json"
TORTURE_TOTALS = (
    "faults",
    "committed",
    "stored",
    "damaged",
    "lost",
    "duplicated",
    "altered",
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


def main() -> int:
    """Add the verdict that `hearthlink torture --json` prints, read from standard input."""
    told = json.load(sys.stdin)
    totals = {name: round(told[name]) for name in TORTURE_TOTALS}
    add_run(RECORD, "torture", totals, [(told["seed"], told["seed"])])
    return 0


if __name__ == "__main__":
    sys.exit(main())
