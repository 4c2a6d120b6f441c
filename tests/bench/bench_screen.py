"""What a screen on the hub's pins costs: memory, and the processor's time for a picture.

Memory is the hub's own process, before a screen is opened and while it stays open after some
pictures: what its driver keeps of them counts. The screens are luma's, opened as a hub opens them
on a bus or framebuffer that takes everything.
"""

import json
import subprocess
import sys
import time
from typing import Any

from agent.screen.layout import draw_face
from agent.screen.palette import Depth
from tests.support.screen_pictures import face_of

MAX_ADDED_MB = 6
SCREENS: dict[str, tuple[tuple[int, int], Depth]] = {
    "an OLED of 128x64": ((128, 64), "1"),
    "an LCD of 320x240": ((320, 240), "RGB"),
    "a framebuffer of 800x480": ((800, 480), "RGB"),
}
PICTURES = 50


def measure() -> list[dict[str, Any]]:
    """Two rows for each kind of screen."""
    rows = []
    for name, (size, depth) in SCREENS.items():
        rows += [_memory(name, size), _drawing(name, size, depth)]
    return rows


def _memory(name: str, size: tuple[int, int]) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.screenload", *map(str, size)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    added_mb = said["resident_kb"] / 1_000
    return {
        "name": f"hub: memory that {name} adds",
        "ours": round(added_mb, 1),
        "unit": "MB",
        "peer": "limit",
        "theirs": MAX_ADDED_MB,
        "ratio": round(MAX_ADDED_MB / added_mb, 2),
        "target": 1,
        "note": "VmRSS while it is open, shared library pages included; "
        f"{said['own_kb'] / 1_000:.1f} MB are its own",
    }


def _drawing(name: str, size: tuple[int, int], depth: Depth) -> dict[str, Any]:
    face = face_of("evening")
    draw_face(face, size, depth)
    began_s = time.process_time()
    for number in range(PICTURES):
        draw_face(face._replace(number=f"{number / 100:.2f}"), size, depth)
    ms = (time.process_time() - began_s) * 1_000 / PICTURES
    return {
        "name": f"a picture for {name}",
        "ours": round(ms, 1),
        "unit": "ms of processor",
        "peer": "its turn",
        "theirs": 1_000,
        "ratio": round(1_000 / ms),
        "target": None,
        "note": "drawn at most once a second, and only what has changed",
    }
