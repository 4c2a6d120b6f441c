"""What a screen adds to a hub's memory, in a process of its own, given its width and height.

Prints JSON: what loading, opening and drawing added, while the screen is open. What a hub has
loaded before is what its command loads; the screen is opened as a hub opens it, by luma, on a bus,
pins or framebuffer that take everything.
"""

import gc
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import agent.cli
from agent import app
from agent.allocator import spare_memory
from agent.home.shown import build_shown
from agent.screendrivers import FRAMEBUFFER, ScreenSettings, read_interface
from tests.support.home_inputs import home_inputs

PICTURES = 200
FIELDS = {"Rss": "resident_kb", "Private_Dirty": "own_kb"}
DRIVERS = {(128, 64): "ssd1306", (320, 240): "ili9341", (800, 480): FRAMEBUFFER}
FRAMEBUFFER_BITS = 32


class Bus:
    """A bus with a screen that takes everything."""

    def __init__(self, **_wiring: Any) -> None:
        """Hang on nothing."""

    def command(self, *_command: int) -> None:
        """Take a command."""

    def data(self, _data: Any) -> None:
        """Take pixels."""

    def cleanup(self) -> None:
        """Let go."""


class Pins:
    """The library of a Pi's pins, of which the backlight's is set."""

    OUT = LOW = HIGH = BCM = 0

    def setmode(self, _mode: int) -> None:
        """Count the pins by their numbers."""

    def setup(self, *_setting: Any) -> None:
        """Make a pin an output."""

    def output(self, *_setting: Any) -> None:
        """Set a pin."""


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
    screen = draw(inputs, (width, height))
    after = read_memory()
    print(json.dumps({name: after[name] - before[name] for name in before}))
    screen.close()


def draw(inputs: Any, size: tuple[int, int]) -> Any:
    """Load what draws, and draw pictures that all differ; return the screen, which stays open."""
    from agent.screen.device import open_screen  # noqa: PLC0415 (its memory is what is measured)
    from agent.screen.face import build_face  # noqa: PLC0415
    from agent.screen.layout import draw_face  # noqa: PLC0415

    with hardware(size):
        screen = open_screen(settings_of(DRIVERS[size]))
    face = build_face(build_shown(inputs), inputs.zone)
    for number in range(PICTURES):
        shown = face._replace(number=f"{number / 100:.2f}", clock=f"{number % 24:02d}:12")
        screen.show(draw_face(shown, screen.size, screen.depth))
    return screen


def settings_of(driver: str) -> ScreenSettings:
    """Configure a screen as its driver has it by itself."""
    return ScreenSettings(
        driver=driver,
        interface=read_interface(driver, ""),
        size=None,
        rotate=0,
        theme="dark",
        every_s=1.0,
        dc_pin=24,
        reset_pin=25,
        light_pin=18,
    )


@contextmanager
def hardware(size: tuple[int, int]) -> Iterator[None]:
    """Put what takes everything in place of a Pi's buses, pins and framebuffer."""
    import luma.core.device  # type: ignore[import-untyped]  # noqa: PLC0415 (as above)
    from luma.core.interface import serial  # type: ignore[import-untyped]  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "virtual_size").write_text(f"{size[0]},{size[1]}", encoding="ascii")
        (place / "bits_per_pixel").write_text(str(FRAMEBUFFER_BITS), encoding="ascii")

        def open_here(path: str, mode: str) -> IO[Any]:
            return (place / Path(path).name).open(mode)

        serial.i2c = serial.spi = Bus
        pins: Any = Pins()
        sys.modules |= {"RPi": SimpleNamespace(GPIO=pins), "RPi.GPIO": pins}  # type: ignore[dict-item]
        luma.core.device.open = open_here
        yield


if __name__ == "__main__":
    assert {app.__name__, agent.cli.__name__} <= set(sys.modules)
    main(int(sys.argv[1]), int(sys.argv[2]))
