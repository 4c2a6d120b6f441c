"""`hearthlink lake query`, and what `hearthlink cloud lake` does: export, verify, erase."""

import argparse
import contextlib
import datetime as dt
import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud.config import Config, load
from shared.clock import Clock
from shared.errors import OperatorError
from shared.progress import Progress

if TYPE_CHECKING:
    from cloud.db import Database
    from cloud.lake.query import Page

MAX_CELL_CHARS = 60
"""A longer value is cut on a screen; --json prints it whole."""

MEMORY_MB = 512
MIN_MEMORY_MB = 64
MAX_MEMORY_MB = 1 << 20
GAP = "  "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what `hearthlink cloud lake` takes."""
    parser.add_argument("action", choices=["export", "verify", "erase"], help="what to do")
    parser.add_argument(
        "household", nargs="?", metavar="HOUSEHOLD", help="with erase, or verify: one household's"
    )
    parser.add_argument(
        "--anew", action="store_true", help="with export: begin a lake where another one was"
    )


def check_extra(config: Config) -> None:
    """Find out now, and not in the middle of the night, that the lake's libraries are missing."""
    with _extra():
        for name in ("pyarrow", *(["boto3"] if config.lake_url.startswith("s3://") else [])):
            if importlib.util.find_spec(name) is None:
                raise ModuleNotFoundError(name=name)


def act(config: Config, database: "Database", clock: Clock, chosen: argparse.Namespace) -> int:
    """Do what `hearthlink cloud lake` was asked for."""
    with _extra():
        if chosen.action == "export":
            return _export(config, database, clock, anew=chosen.anew, as_json=chosen.json)
        if chosen.action == "verify":
            return _verify(config, database, clock, chosen.household, as_json=chosen.json)
        return _erase(config, database, clock, chosen.household)


def run(arguments: Sequence[str]) -> int:
    """Run `hearthlink lake query` and return its exit status."""
    chosen = _parser().parse_args(list(arguments))
    config = load(chosen.config)
    url = chosen.lake or config.lake_url
    if not url:
        raise OperatorError("no lake is named", hint="give --lake, or set lake_url")
    with _extra():
        from cloud.lake.lake import objects_at  # noqa: PLC0415  # the extra [lake]
        from cloud.lake.query import opened  # noqa: PLC0415  # as above

        objects = objects_at(url, config.lake_endpoint)
        show = _show_json if chosen.json else _show_text
        with opened(objects, chosen.tenant, chosen.memory_mb) as tables:
            with contextlib.suppress(BrokenPipeError):
                show(tables.answer(chosen.sql))
            return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hearthlink lake", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    summary = "ask a lake in SQL: its tables are samples and half_hours"
    query = commands.add_parser("query", help=summary, description=summary)
    query.add_argument("sql", metavar="SQL", help='as in "SELECT count(*) FROM samples"')
    query.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings")
    query.add_argument("--lake", default="", metavar="URL", help="another lake than lake_url")
    query.add_argument("--tenant", metavar="HOUSEHOLD", help="look at one household's part alone")
    query.add_argument(
        "--memory-mb",
        type=_megabytes,
        default=MEMORY_MB,
        metavar="N",
        help=f"memory it may take; the rest goes to a temporary folder ({MEMORY_MB})",
    )
    query.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _megabytes(text: str) -> int:
    if not text.isdecimal() or not MIN_MEMORY_MB <= int(text) <= MAX_MEMORY_MB:
        span = f"{MIN_MEMORY_MB} to {MAX_MEMORY_MB}"
        raise argparse.ArgumentTypeError(f"give a whole number from {span}")
    return int(text)


def _export(
    config: Config, database: "Database", clock: Clock, *, anew: bool, as_json: bool
) -> int:
    from cloud.lake import repository  # noqa: PLC0415  # the extra [lake]
    from cloud.lake.export import Exporter  # noqa: PLC0415  # as above
    from cloud.lake.lake import open_lake  # noqa: PLC0415  # as above

    lake = open_lake(config, database, clock, anew=anew)
    with database.reading() as connection:
        progress = repository.read_progress(connection, lake.lake_id)
        after = progress.exported_to if progress is not None else 0
        total = repository.count_after(connection, after, 2**63 - 1)
    bar = Progress("export", total)
    try:
        exporter = Exporter(database, lake, clock, config.lake_interval_h)
        exported = exporter.run(now=True, tell=bar.show)
    finally:
        bar.close()
    if as_json:
        print(json.dumps({"frames": exported.frames, "objects": exported.objects}))
    else:
        print(f"exported {exported.frames} frames as {exported.objects} objects to {lake.url}")
    return 0


def _verify(
    config: Config, database: "Database", clock: Clock, household: str | None, *, as_json: bool
) -> int:
    from cloud.lake.lake import find_lake  # noqa: PLC0415  # the extra [lake]
    from cloud.lake.layout import tenant_prefix  # noqa: PLC0415  # as above
    from cloud.lake.verification import Verifier  # noqa: PLC0415  # as above

    lake = find_lake(config, database, clock)
    prefix = "tenant=" if household is None else tenant_prefix(household)
    bar = Progress("verify", sum(1 for name, _ in lake.objects.sizes(prefix)))
    try:
        verifier = Verifier(database, lake, clock, config.lake_interval_h)
        verified = verifier.run(household, tell=bar.show)
    finally:
        bar.close()
    if as_json:
        print(json.dumps(verified._asdict(), indent=2))
        return 1 if verified.faults else 0
    for fault in verified.faults:
        print(fault)
    print(
        f"{verified.households} households: {verified.frames} frames are in the store and the lake,"
        f" {verified.compared} of them compared value by value; {verified.samples} samples in "
        f"{verified.objects} objects; {verified.waiting} frames wait for the next export"
    )
    print(f"{len(verified.faults)} faults" if verified.faults else "nothing is lost")
    return 1 if verified.faults else 0


def _erase(config: Config, database: "Database", clock: Clock, household: str | None) -> int:
    from cloud.lake.lake import find_lake  # noqa: PLC0415  # the extra [lake]
    from cloud.lake.layout import tenant_prefix  # noqa: PLC0415  # as above

    if not household:
        raise OperatorError("whose part?", hint="hearthlink cloud lake erase HOUSEHOLD")
    lake = find_lake(config, database, clock)
    count = lake.objects.delete(tenant_prefix(household))
    print(f"erased {count} objects of household {household}")
    return 0


@contextlib.contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        extra = "cloud-aws" if error.name in ("boto3", "botocore") else "lake"
        raise OperatorError(
            f"{error.name} is not installed", hint=f"install hearthlink with the extra [{extra}]"
        ) from error


def _show_json(pages: "Iterator[Page]") -> None:
    """Print one list, an object for each row, however many there are."""
    before = "["
    for page in pages:
        for row in page.rows:
            values = dict(zip(page.columns, row, strict=True))
            print(before + json.dumps(values, default=_plain), end="")
            before = ",\n "
    print("[]" if before == "[" else "]")


def _show_text(pages: "Iterator[Page]") -> None:
    """Print rows under their columns; each page is as wide as its own cells are."""
    widths: list[int] = []
    count = 0
    for page in pages:
        rows = [[_cell(value) for value in row] for row in page.rows]
        grown = [
            max([len(name), *(len(row[place]) for row in rows), *widths[place : place + 1]])
            for place, name in enumerate(page.columns)
        ]
        if not widths:
            print(_line(page.columns, grown))
        widths = grown
        for row in rows:
            print(_line(row, widths))
        count += len(rows)
    print(f"{count} rows", file=sys.stderr)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return GAP.join(padded).rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else str(_plain(value))
    return text if len(text) <= MAX_CELL_CHARS else f"{text[: MAX_CELL_CHARS - 1]}…"


def _plain(value: Any) -> Any:
    """Turn what JSON has no word for into text; times are UTC."""
    if isinstance(value, dt.datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if isinstance(value, int | float) else str(value)
