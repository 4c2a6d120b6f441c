"""Each real electricity telegram on the shelf, through the whole way to `/registers`."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.meters.obis import TABLE, groups_of
from tests.support.way import Way

SHELF = Path(__file__).parents[2] / "../shared/captures/p1"
LEFT_OUT = {
    "dsmrparser_TELEGRAM_UNPADDED_CRC.txt": "a heat meter's telegram: no electricity in it",
}
HUBS_AT_ONCE = 6
"""Most of a hub's short life is its start; more at once would want more memory than they save."""

LINE = re.compile(r"^(1-0:\d+\.\d+\.\d+)(?:\*\d+)?\((\d+(?:\.\d+)?)\*(k?W|k?Wh|k?var|k?varh|V|A)\)")
TO_UNIT = {
    "kwh": 10**6, "wh": 10**3, "kvarh": 10**6, "varh": 10**3,
    "kw": 10**3, "w": 1, "kvar": 10**3, "var": 1, "v": 10**3, "a": 10**3,
}  # fmt: skip


def _printed(text: str) -> dict[str, int]:
    """Read what the telegram prints, with nothing of the codec but the names of its registers."""
    values: dict[str, int] = {}
    for line in text.splitlines():
        found = LINE.match(line)
        groups = groups_of(found[1]) if found else None
        if found is None or groups not in TABLE:
            continue
        register = next(iter(TABLE[groups].values()))[0]
        exact = Decimal(found[2]) * TO_UNIT[found[3].lower()]
        values[register] = int(exact.to_integral_value())
    return values


def test_captures_left_out_are_on_the_shelf_and_say_why() -> None:
    """The list of captures that are not replayed names only files of the shelf."""
    if not SHELF.exists():
        pytest.skip("the shelf of real captures is not beside this checkout")

    assert LEFT_OUT.keys() <= {path.name for path in SHELF.glob("*.txt")}
    assert all(len(reason.split()) > 3 for reason in LEFT_OUT.values())


@pytest.mark.slow
def test_replayed_captures_serve_exactly_what_they_print(tmp_path: Path) -> None:
    """One hub a capture; /registers gives every printed energy, power, voltage and current."""
    if not SHELF.exists():
        pytest.skip("the shelf of real captures is not beside this checkout")
    captures = [path for path in sorted(SHELF.glob("*.txt")) if path.name not in LEFT_OUT]
    things = {capture: f"replay-{number}" for number, capture in enumerate(captures)}
    wrong: dict[str, object] = {}
    with Way(tmp_path, zone="Europe/Amsterdam") as way:
        for first in range(0, len(captures), HUBS_AT_ONCE):
            _replay(way, {one: things[one] for one in captures[first : first + HUBS_AT_ONCE]})
        samples = list(way.stored_samples())
        for capture, thing in things.items():
            served = _served_by(way, [one for one in samples if one["thing"] == thing])
            printed = _printed(capture.read_text(errors="replace"))
            if not printed or any(served.get(name) != value for name, value in printed.items()):
                wrong[capture.name] = (printed, served)

    assert wrong == {}


def _replay(way: Way, things: dict[Path, str]) -> None:
    """Run a hub for each capture, side by side, until the cloud has all they hold."""
    for capture, thing in things.items():
        way.start_hub(thing, f"replay:{capture}")
    for capture, thing in things.items():
        way.until(lambda thing=thing: way.is_all_stored(thing), f"{capture.name} is stored")  # type: ignore[misc]
    for thing in things.values():
        way.stop(thing)


def _served_by(way: Way, samples: list[dict[str, Any]]) -> dict[str, int]:
    """Ask `/registers` for what a hub's electricity meter displayed at its own moment."""
    sample = next(s for s in samples if s["medium"] == "electricity")
    seconds, millis = divmod(sample["taken_at_ms"], 1000)
    at = f"{_utc(seconds)}.{millis:03d}Z"
    return dict(way.get(f"/v1/meters/{sample['meter']}/registers?at={at}")["registers"])


def _utc(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
