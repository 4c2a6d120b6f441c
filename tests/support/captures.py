"""The shelf of real captures beside the tree, where there is one: bytes, protocol and keys."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.meters.keys import Keys

SHELF = Path(__file__).parents[2] / "../shared/captures"
ABSENT = "the capture shelf ../shared/captures is not on this machine"

GLOW_TOPICS = {"electricitymeter": "SENSOR/electricitymeter", "gasmeter": "SENSOR/gasmeter"}
"""By what a local message holds; a STATE message holds none of them."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One file of the shelf: what it is in, its bytes, and the keys published with it."""

    path: Path
    protocol: str
    content: bytes
    keys: Keys | None = None

    @property
    def name(self) -> str:
        """Its place on the shelf, without the ending."""
        return str(self.path.relative_to(SHELF).with_suffix(""))


def captures() -> list[Capture]:
    """Read every capture of a meter; none where the shelf is absent."""
    found = [Capture(path, "p1", path.read_bytes()) for path in sorted(SHELF.glob("p1/*.txt"))]
    found += [Capture(path, "sml", path.read_bytes()) for path in sorted(SHELF.glob("sml/*.bin"))]
    found += [Capture(path, "dlms", path.read_bytes()) for path in sorted(SHELF.glob("dlms/*.bin"))]
    for path in sorted(SHELF.glob("dlms/esphome/*.log")):
        if not path.stem.endswith("_decoded"):
            content = hexadecimal(path.read_text("utf-8-sig"))
            found.append(Capture(path, "dlms", content, _keys_beside(path)))
    for path in sorted(SHELF.glob("glow/test_local_*.txt")):
        found.append(Capture(path, "glow", _glow_line(path.read_text())))
    return found


def hexadecimal(text: str) -> bytes:
    """Read a dump, whatever stands between its digits."""
    return bytes.fromhex(re.sub(r"[^0-9A-Fa-f]", "", text))


def _keys_beside(path: Path) -> Keys | None:
    key, authentication_key = path.with_suffix(".key"), path.with_suffix(".gak")
    if not key.is_file():
        return None
    other = hexadecimal(authentication_key.read_text()) if authentication_key.is_file() else None
    return Keys(hexadecimal(key.read_text()), other)


def _glow_line(text: str) -> bytes:
    """Write a message as its link gives it: topic, payload and a line end."""
    held = next(iter(json.loads(text)))
    topic = GLOW_TOPICS.get(held, "STATE")
    return f"glow/0123456789AB/{topic} {' '.join(text.split())}\n".encode()
