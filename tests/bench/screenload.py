"""What a screen adds to a hub's memory, in a process of its own, given its width and height.

Prints JSON: what the hub's own modules took before, and what loading, opening and drawing added.
The screen is one of luma's on a bus that takes everything.
"""

import gc
import json
import sys
from pathlib import Path
from typing import Any

from agent import app
from agent.allocator import spare_memory
from agent.home.shown import build_shown
from tests.support.home_inputs import home_inputs

PICTURES = 200
FIELDS = {"Rss": "resident_kb", "Private_Dirty": "own_kb"}


class Bus:
    """A bus with a screen that takes everything."""

    def command(self, *_command: int) -> None:
        """Take a command."""

    def data(self, _data: Any) -> None:
        """Take pixels."""

    def cleanup(self) -> None:
        """Let go."""


def read_memory() -> dict[str, int]:
    """Read this process's memory from the kernel, in KB."""
    gc.collect()
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    named = {line.partition(":")[0]: line.split()[1] for line in lines[1:]}
    return {name: int(named[field]) for field, name in FIELDS.items()}


def main(width: int, height: int) -> None:
    """Draw on a screen of this size; of one bit where it is an OLED's."""
    spare_memory()
    inputs = home_inputs()
    build_shown(inputs)
    before = read_memory()
    draw(inputs, (width, height))
    after = read_memory()
    print(json.dumps({name: after[name] - before[name] for name in before}))


def draw(inputs: Any, size: tuple[int, int]) -> None:
    """Load what draws, and draw pictures that all differ."""
    from agent.screen.device import LumaScreen  # noqa: PLC0415 (its memory is what is measured)
    from agent.screen.face import build_face  # noqa: PLC0415
    from agent.screen.layout import draw_face  # noqa: PLC0415

    screen = LumaScreen(_device(size), 0)
    face = build_face(build_shown(inputs), inputs.zone)
    for number in range(PICTURES):
        shown = face._replace(number=f"{number / 100:.2f}", clock=f"{number % 24:02d}:12")
        screen.show(draw_face(shown, screen.size, screen.depth))


def _device(size: tuple[int, int]) -> Any:
    """Make an OLED, an LCD, or for what the kernel draws on a device that keeps its picture."""
    if size == (128, 64):
        from luma.oled.device import ssd1306  # type: ignore[import-untyped]  # noqa: PLC0415

        return ssd1306(Bus())
    if size == (320, 240):
        from luma.lcd.device import ili9341  # type: ignore[import-untyped]  # noqa: PLC0415

        return ili9341(Bus(), backlight=lambda _is_on: None)
    from luma.core.device import dummy  # type: ignore[import-untyped]  # noqa: PLC0415

    return dummy(*size)


if __name__ == "__main__":
    assert app.__name__ in sys.modules
    main(int(sys.argv[1]), int(sys.argv[2]))
