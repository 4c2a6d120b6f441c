"""`hearthlink log`: what the log holds, whether it is whole, and copies of it."""

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from zoneinfo import ZoneInfo

import msgspec

from shared.cli import EXIT_FAILED, EXIT_OK
from shared.errors import OperatorError

if TYPE_CHECKING:
    from agent.upkeep.verification import LogState

SHOW_AFTER_S = 2.0
"""What is done sooner needs no bar."""

BAR_CHARS = 30

WRITING = ("compact", "restore")
"""What leaves files in the hub's folder."""


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser("hearthlink log", description=run.__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, meaning in (
        ("status", "say what the log holds, also while the hub runs"),
        ("verify", "read all of it against its checksums, also while the hub runs"),
        ("sent", "say what has left this house, day by day, also while the hub runs"),
        ("export", "write the samples as CSV or JSON lines, also while the hub runs"),
        ("compact", "seal what is full and give unused room back; the hub must not run"),
        ("backup", "write a verified copy into a file, also while the hub runs"),
        ("restore", "put a backup back, under new log ids; the hub must not run"),
    ):
        action = actions.add_parser(name, help=meaning, description=f"{meaning.capitalize()}.")
        if name in ("backup", "restore"):
            action.add_argument("file", type=Path, help="the backup's file")
        if name == "export":
            _add_export(action)
        else:
            action.add_argument("--json", action="store_true", help="print one JSON object")
        action.add_argument("--config", type=Path, help="the hub's TOML file")
    return parser


def _add_export(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--format", choices=["csv", "jsonl"], default="csv", help="how it is written"
    )
    action.add_argument("--meter", help="only this meter's samples")
    action.add_argument(
        "--from", dest="since", metavar="TIME", help="only from this day or instant on"
    )
    action.add_argument(
        "--to", dest="until", metavar="TIME", help="only before this day or instant"
    )
    action.add_argument("--output", type=Path, help="the file; default: standard output")


def run(arguments: Sequence[str]) -> int:
    """Look at the hub's log, check it, copy it, or give its samples out."""
    chosen = build_parser().parse_args(arguments)
    from agent.config import load_config  # noqa: PLC0415 (keeps --help quick)
    from agent.ownership import check_owner  # noqa: PLC0415

    config = load_config(chosen.config)
    path = config.database_path
    if chosen.action != "restore" and not path.exists():
        raise OperatorError(
            f"{path} is not there: the hub has not run with this state folder yet",
            hint="run the hub, or correct hub.state_dir",
        )
    if chosen.action in WRITING:
        check_owner(path.parent)
    if chosen.action in ("status", "verify"):
        return _look(chosen, path)
    if chosen.action == "sent":
        return _show_sent(chosen, path)
    if chosen.action == "export":
        return _export(chosen, path, config.hub_zone)
    if chosen.action == "compact":
        return _compact(chosen, path)
    return _copy(chosen, path)


def _look(chosen: argparse.Namespace, path: Path) -> int:
    from agent.database import open_copy  # noqa: PLC0415
    from agent.reader import LogReader  # noqa: PLC0415
    from agent.upkeep.retention import file_bytes  # noqa: PLC0415
    from agent.upkeep.verification import check_file, describe, is_sound, verify  # noqa: PLC0415

    with open_copy(path) as connection, _bar("reading") as bar:
        reader = LogReader(connection)
        if chosen.action == "status":
            states, fault = [describe(reader, entry) for entry in reader.entries()], ""
        else:
            fault = check_file(connection)
            states = [verify(reader, entry, bar) for entry in reader.entries()]
        size, free = file_bytes(connection)
    is_whole = is_sound(states, fault)
    if chosen.json:
        said = {"bytes": size, "free_bytes": free, "fault": fault, "logs": states}
        print(msgspec.json.encode({**said, "sound": is_whole}).decode())
    else:
        print(f"{path}: {size:,} bytes, {free:,} of them free")
        for state in states:
            print(_in_words(state))
        if chosen.action == "verify":
            print("everything is whole" if is_whole else f"damaged: {fault or 'see above'}")
    return EXIT_OK if is_whole else EXIT_FAILED


def _in_words(state: "LogState") -> str:
    held = "nothing" if state.held is None else f"{state.held[0]} to {state.held[1]}"
    closed = "" if state.is_open else ", closed"
    words = [
        f"{state.meter} ({state.medium}, log {state.log_id[:8]}{closed}):",
        f"{held}, {state.rows:,} samples ({state.sealed:,} sealed), {state.stored:,} stored",
    ]
    for number, what in (
        (state.thinned, "thinned to make room"),
        (state.declared_damaged, "lost to a damaged database"),
        (state.refused, "refused by the cloud"),
        (state.damaged, "damaged"),
        (state.missing, "missing without a reason"),
    ):
        if number:
            words.append(f"{number:,} {what}")
    return " ".join(words[:1]) + " " + ", ".join(words[1:])


def _show_sent(chosen: argparse.Namespace, path: Path) -> int:
    from agent.database import open_copy  # noqa: PLC0415
    from agent.departures import as_words, read_departures  # noqa: PLC0415

    with open_copy(path) as connection:
        lines = read_departures(connection)
    if chosen.json:
        print(msgspec.json.encode({"departures": lines}).decode())
    else:
        print("\n".join(as_words(line) for line in lines) or "nothing has left this house yet")
    return EXIT_OK


def _export(chosen: argparse.Namespace, path: Path, zone: ZoneInfo) -> int:
    from agent.database import open_copy  # noqa: PLC0415
    from agent.reader import LogReader  # noqa: PLC0415
    from agent.timekeeping import ClockLedger  # noqa: PLC0415
    from agent.upkeep.export import (  # noqa: PLC0415
        CSV_HEAD,
        as_csv,
        as_json,
        export_lines,
        read_range,
    )

    wanted = read_range(chosen.since, chosen.until, zone)
    with open_copy(path) as connection, _output(chosen.output) as out, _bar("exporting") as bar:
        reader = LogReader(connection)
        ledger = ClockLedger(reader.clock_pieces())
        if chosen.format == "csv":
            out.write(",".join(CSV_HEAD) + "\n")
        for entry in reader.entries():
            if chosen.meter in (None, entry.meter):
                line = as_csv if chosen.format == "csv" else as_json
                out.writelines(export_lines(reader, entry, ledger, line, bar, wanted))
    return EXIT_OK


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        with path.open("x", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be written: {error.strerror}", hint="name a new file"
        ) from error


def _compact(chosen: argparse.Namespace, path: Path) -> int:
    from agent.upkeep.compaction import compact  # noqa: PLC0415

    with _bar("compacting") as bar:
        before, after = compact(path, bar)
    if chosen.json:
        print(msgspec.json.encode({"bytes_before": before, "bytes_after": after}).decode())
    else:
        print(f"{path}: {before:,} bytes before, {after:,} now")
    return EXIT_OK


def _copy(chosen: argparse.Namespace, path: Path) -> int:
    from agent.upkeep.backup import back_up, restore  # noqa: PLC0415

    with _bar("verifying") as bar:
        copy = back_up if chosen.action == "backup" else restore
        states = copy(path, chosen.file, bar)
    samples = sum(state.rows for state in states)
    if chosen.json:
        said = {"file": str(chosen.file), "samples": samples, "verified": True, "logs": states}
        print(msgspec.json.encode(said).decode())
    elif chosen.action == "backup":
        print(f"{chosen.file}: {samples:,} samples, all read back and whole")
    else:
        print(f"{path}: {samples:,} samples restored; the hub goes on under new log ids")
    return EXIT_OK


class _Bar:
    """A bar on a terminal's standard error, for what takes longer than a moment."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started_s = time.monotonic()
        self._is_shown = False

    def __call__(self, done: int, total: int) -> None:
        if not sys.stderr.isatty() or time.monotonic() - self._started_s < SHOW_AFTER_S:
            return
        self._is_shown = True
        filled = BAR_CHARS * done // max(total, 1)
        bar = "#" * filled + "." * (BAR_CHARS - filled)
        print(f"\r{self._what} [{bar}] {100 * done // max(total, 1)} %", end="", file=sys.stderr)

    def clear(self) -> None:
        """Wipe the bar away."""
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr)


@contextlib.contextmanager
def _bar(what: str) -> Iterator[_Bar]:
    bar = _Bar(what)
    try:
        yield bar
    finally:
        bar.clear()
