"""Starts the program in the current slot, and counts the starts of one that is on trial.

Copied beside the slots, never into them (docs/how-to/update.md): what decides whether a slot is to
be left must not come with that slot. It therefore uses the standard library alone and imports
nothing of ours; slots.py writes the same files, and a test holds the two together.

    python3 start.py --slots /var/lib/hearthlink/slots run --config /etc/hearthlink/hub.toml
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CURRENT = "current"
TRIAL = "trial.json"
MANIFEST = "slot.json"
PACKAGES = "site"
SLOTS = ("a", "b")
MAX_STARTS = 3
"""Once may be a power cut, twice bad luck."""

LAUNCH = "import sys; from shared.cli import main; sys.exit(main())"


def choose(slots: Path) -> str:
    """Return the slot to start, having counted this start where it is on trial.

    A disk that takes no writes must not keep the hub from starting: then nothing is counted.
    """
    name = named(slots)
    try:
        name = _judge(slots, name)
    except OSError as error:
        print(f"hearthlink start: the start was not counted: {error}", file=sys.stderr)
    if not is_usable(slots / name):
        name = next((one for one in SLOTS if is_usable(slots / one)), name)
    return name


def _judge(slots: Path, name: str) -> str:
    trial = read_trial(slots)
    if trial is None or trial.get("slot") != name or trial.get("outcome") == "confirmed":
        return name
    if trial.get("outcome") == "" and int(trial.get("starts", 0)) < MAX_STARTS:
        write(slots / TRIAL, {**trial, "starts": int(trial.get("starts", 0)) + 1})
        return name
    previous = str(trial.get("previous", ""))
    if previous not in SLOTS or not is_usable(slots / previous):
        return name
    if trial.get("outcome") == "":
        reason = f"it was started {MAX_STARTS} times and did not prove itself"
        write(slots / TRIAL, {**trial, "outcome": "failed", "reason": reason})
    point(slots, previous)
    return previous


def named(slots: Path) -> str:
    """Read which slot is the current one; the first where none is."""
    try:
        name = (slots / CURRENT).readlink().name
    except OSError:
        return SLOTS[0]
    return name if name in SLOTS else SLOTS[0]


def is_usable(slot: Path) -> bool:
    """Tell whether a slot has a program in it; it gets its name only once it is whole."""
    return (slot / MANIFEST).is_file() and (slot / PACKAGES).is_dir()


def read_trial(slots: Path) -> dict[str, Any] | None:
    """Read the trial; one that cannot be read is none."""
    try:
        trial = json.loads((slots / TRIAL).read_text())
        int(trial.get("starts", 0))
    except (OSError, ValueError, AttributeError, TypeError):
        return None
    return dict(trial)


def write(path: Path, content: dict[str, Any]) -> None:
    """Put a file in place, durable before its name is."""
    draft = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    with draft.open("w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def point(slots: Path, name: str) -> None:
    """Let `current` name another slot, in one step."""
    draft = slots / f".{CURRENT}.new"
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    draft.symlink_to(name)
    draft.replace(slots / CURRENT)
    _sync(slots)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Start `hearthlink ARGUMENTS` from the current slot; return only where that is impossible."""
    parser = argparse.ArgumentParser("hearthlink start", description=__doc__)
    parser.add_argument("--slots", type=Path, required=True, help="the folder of the slots")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what hearthlink is to do")
    chosen = parser.parse_args(arguments)
    slots = chosen.slots.absolute()
    slot = slots / choose(slots)
    if not is_usable(slot):
        print(f"hearthlink start: no slot in {slots} has a program in it", file=sys.stderr)
        return 2
    again = [sys.executable, str(Path(__file__).absolute()), "--slots", str(slots)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(slot / PACKAGES),
        "PYTHONNOUSERSITE": "1",
        "HEARTHLINK_UPDATE_SLOTS_DIR": str(slots),
        "HEARTHLINK_STARTED_BY": json.dumps([*again, *chosen.command]),
    }
    sys.stdout.flush()
    command = [sys.executable, "-P", "-c", LAUNCH, *chosen.command]
    return os.execve(sys.executable, command, environment)  # noqa: S606 (no shell is wanted)


if __name__ == "__main__":
    sys.exit(main())
