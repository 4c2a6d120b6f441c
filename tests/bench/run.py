"""`make bench`: run every measurement beside its peer and write docs/benchmarks.md.

Each tests/bench/bench_<subject>.py has a `measure() -> list[dict]`; a row has the keys `name`,
`ours`, `unit`, `peer`, `theirs`, `ratio`, `target`, `note`. `ratio` is how many times better ours
is, `target` the least ratio allowed; where there is no peer, `theirs` is the limit, and `ratio`
how far inside it ours lies, with `target` 1. A row without a target is shown and not judged.
A module may have a `detail() -> str` besides: what the page shows below its rows. After all comes
the card's hour, as `make bench-card` last measured it (`card.py`).

What was measured is kept in `results.json` by subject, with the day: a subject measured anew takes
the place of what it measured before, and the page is written from all that is kept.
Only ratios travel: each comes from one run on one machine.
"""

import argparse
import importlib.util
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from shared.clock import SystemClock
from tests.bench import card
from tests.bench.results import RESULTS, Result, Row, day_of, keep, read_results

BENCH_FOLDER = Path(__file__).parent
REPORT = BENCH_FOLDER.parents[1] / "docs" / "benchmarks.md"
COLUMNS = ("measured", "ours", "unit", "against", "theirs", "ratio", "target", "met", "note")


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen benches (all by default); return 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run", description=__doc__)
    parser.add_argument(
        "only", nargs="*", metavar="SUBJECT", help="bench_<SUBJECT>.py; default all"
    )
    parser.add_argument("--report", type=Path, default=REPORT, help="where the page is written")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where figures are kept")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    for subject, bench in find_benches(set(options.only)):
        print(f"measuring {subject} …", file=sys.stderr, flush=True)
        measured = bench.measure()
        keep(subject, _result(bench, measured), options.results)
        rows += measured
    if not rows:
        print(f"no bench is named {' '.join(options.only)}: see tests/bench", file=sys.stderr)
        return 1
    page = render(read_results(options.results)) + card.section()
    options.report.write_text(page, encoding="utf-8")
    missed = [row for row in rows if not is_met(row)]
    print("\n".join(_table(rows)))
    print(f"{len(rows)} figures in {options.report.name}, {len(missed)} target(s) missed")
    for row in missed:
        print(f"missed: {row['name']}: {row['ratio']} < {row['target']}", file=sys.stderr)
    return 1 if missed else 0


def find_benches(only: set[str], folder: Path = BENCH_FOLDER) -> Iterator[tuple[str, ModuleType]]:
    """Load the modules named bench_<subject>.py one after another, in order of name."""
    for path in sorted(folder.glob("bench_*.py")):
        subject = path.stem.removeprefix("bench_")
        if only and subject not in only:
            continue
        spec = importlib.util.spec_from_file_location(f"tests.bench.{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        yield subject, module


def is_met(row: Row) -> bool:
    """Tell whether a row reaches its target, or has none."""
    target, ratio = row.get("target"), row.get("ratio")
    if not isinstance(target, int | float) or not isinstance(ratio, int | float):
        return target is None
    return ratio >= target


def render(results: Mapping[str, Result]) -> str:
    """Write the page: a table for each subject, with what was measured, when and on what."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Each ratio is taken within one run on one machine, so it",
        "travels; the figures beside it do not. `ratio` is how many times better ours is; where",
        "no peer exists, `theirs` is the limit and the ratio is how far inside it we are.",
        'One subject is measured anew by `make bench ARGS="SUBJECT"`; the others stay.',
    ]
    for subject, result in results.items():
        lines += ["", f"## {subject}", "", result.about, ""]
        lines += [f"Taken on {result.taken_on}: {result.machine}.", "", *_table(result.rows)]
        lines += result.detail.splitlines()
    return "\n".join(lines) + "\n"


def _result(bench: ModuleType, rows: list[dict[str, object]]) -> Result:
    about = (bench.__doc__ or "").partition("\n")[0]
    detail = bench.detail() if hasattr(bench, "detail") else ""
    return Result(about, day_of(SystemClock().utc_ms()), describe_machine(), rows, detail)


def _table(rows: Iterable[Row]) -> list[str]:
    heading = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    return heading + ["| " + " | ".join(_cells(row)) + " |" for row in rows]


def describe_machine() -> str:
    """Name what the ratios were taken on, without a date or a host name."""
    cores = os.cpu_count() or 1
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cores} cores {platform.machine()}, {memory_gib:.0f} GiB, Linux, {python}"


def _cells(row: Row) -> list[str]:
    met = "–" if row.get("target") is None else ("yes" if is_met(row) else "**no**")
    keys = ("name", "ours", "unit", "peer", "theirs", "ratio", "target")
    return [_text(row.get(key)) for key in keys] + [met, _text(row.get("note"))]


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
