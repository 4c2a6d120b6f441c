"""Each real electricity telegram on the shelf, through the whole way to `/registers`."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from firmware_bridge.meters.obis import TABLE, groups_of
from tests.support.way import Way

SHELF = Path(__file__).parents[2] / "../shared/captures/p1"
LEFT_OUT = {
    "dsmrparser_TELEGRAM_UNPADDED_CRC.txt": "a heat meter's telegram: no electricity in it",
}
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
    wrong: dict[str, object] = {}
    with Way(tmp_path, zone="Europe/Amsterdam") as way:
        for number, capture in enumerate(captures):
            thing = f"replay-{number}"
            way.start_hub(thing, f"replay:{capture}")
            way.until(lambda thing=thing: way.is_all_stored(thing), f"{capture.name} is stored")  # type: ignore[misc]
            way.stop(thing)
            served = _served_by(way, thing)
            printed = _printed(capture.read_text(errors="replace"))
            if not printed or any(served.get(name) != value for name, value in printed.items()):
                wrong[capture.name] = (printed, served)

    assert wrong == {}


def _served_by(way: Way, thing: str) -> dict[str, int]:
    """Ask `/registers` for what the hub's electricity meter displayed at its own moment."""
    samples = [s for s in way.stored_samples() if s["thing"] == thing]
    sample = next(s for s in samples if s["medium"] == "electricity")
    seconds, millis = divmod(sample["taken_at_ms"], 1000)
    at = f"{_utc(seconds)}.{millis:03d}Z"
    return dict(way.get(f"/v1/meters/{sample['meter']}/registers?at={at}")["registers"])


def _utc(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
