"""What each bench measured last, by subject: `results.json`, from which the page is written.

A subject measured anew takes the place of what it measured before; the others stay as they are,
with the day they were taken on, so that one bench can be repeated without an hour for all.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shared.units import MS_PER_SECOND

RESULTS = Path(__file__).with_name("results.json")

Row = Mapping[str, object]


class Result(msgspec.Struct, frozen=True):
    """What one bench measured: on which day (UTC), on what machine, and its rows as `run.py` has.

    `about` is the first line of the bench's own description, `detail` what it shows below its rows.
    """

    about: str
    taken_on: str
    machine: str
    rows: list[dict[str, object]]
    detail: str = ""


def read_results(path: Path = RESULTS) -> dict[str, Result]:
    """Read what is kept, by subject; nothing where nothing was measured yet."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Result]) if path.exists() else {}


def keep(subject: str, result: Result, path: Path = RESULTS) -> None:
    """Put a subject's new result in the place of its last one."""
    kept = read_results(path) | {subject: result}
    encoded = msgspec.json.encode(dict(sorted(kept.items())))
    path.write_bytes(msgspec.json.format(encoded, indent=1) + b"\n")


def day_of(utc_ms: int) -> str:
    """Write the day of an instant (UTC), as 2026-03-01."""
    return datetime.fromtimestamp(utc_ms / MS_PER_SECOND, UTC).date().isoformat()
