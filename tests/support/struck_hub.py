"""`hearthlink` as it is, but that it kills itself with SIGKILL at a change of its jobs' files.

Run as `python -m tests.support.struck_hub run`. Which change it is stands in a file beside the
state folder (`arm`): what is left of the count is written back there, since a job may have the
process start itself anew. Without that file nothing happens.
"""

import os
import signal
import sys
from pathlib import Path

from shared.cli import main

STRIKE_FILE = "HEARTHLINK_TEST_STRIKE_FILE"
WATCHED = ("/jobs/", "diagnosis.json")
"""The journal of the jobs, and the one file that a job of these leaves behind."""

CHANGES = frozenset({"os.rename", "os.remove"})
BECOMES_THE_NEXT = "os.exec"


def arm(file: Path, change: int) -> None:
    """Let the hub die just before the change of this number, counted from now; 1 is the next."""
    draft = file.with_suffix(".new")
    draft.write_text(str(change))
    draft.replace(file)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == BECOMES_THE_NEXT or (_changes(event, arguments) and _is_watched(arguments)):
        _strike_or_count(Path(os.environ[STRIKE_FILE]))


def _strike_or_count(file: Path) -> None:
    try:
        left = int(file.read_text()) - 1
    except FileNotFoundError:
        return
    if left:
        file.write_text(str(left))
        return
    file.unlink()
    os.kill(os.getpid(), signal.SIGKILL)


def _changes(event: str, arguments: tuple[object, ...]) -> bool:
    if event == "open":
        flags = arguments[2] if len(arguments) > 2 else 0
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
    return event in CHANGES


def _is_watched(arguments: tuple[object, ...]) -> bool:
    return any(one in str(said) for said in arguments[:2] for one in WATCHED)


if __name__ == "__main__":
    sys.addaudithook(_watch)
    sys.exit(main())
