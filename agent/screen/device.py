"""A screen on the hub's pins, by luma's drivers; loaded only where one is configured.

Owns turning the picture and the faults of the hardware; what is drawn comes as a picture.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

import luma.core.error  # type: ignore[import-untyped]
from PIL import Image

from agent.screen.drivers import open_device
from agent.screen.palette import Depth
from agent.screen.paper import open_paper
from agent.screen.turning import turned, turned_size
from agent.screendrivers import Detected, ScreenSettings, is_oled
from shared.errors import OperatorError

WANDER_PX, WANDER_S = 2, 600.0
"""An OLED's pixels fade with use: every ten minutes the picture goes on by a pixel, through nine
places, so that no edge of a letter is burnt in."""

DIM, BRIGHT = 1, 255
"""Of luma's contrast: at 0 some OLEDs show nothing."""

HINT = (
    "look whether the bus is switched on (raspi-config), the wires are as in docs/how-to/screen.md "
    "and the hub's user is in the groups i2c, spi, gpio and video"
)


class Screen(Protocol):
    """A screen as the picture sees it: already turned; `depth` is what it can show."""

    size: tuple[int, int]
    depth: Depth

    def show(self, picture: Image.Image) -> None:
        """Show a picture of its size and depth; blocks for as long as the bus takes.

        Raises OSError.
        """

    def dim(self, *, is_dim: bool) -> None:
        """Be dark for the night, or bright; raises OSError."""

    def close(self) -> None:
        """Switch the screen off and let go of its bus; raises OSError."""


class LumaScreen:
    """One of luma's devices, turned by `rotate` degrees clockwise.

    An OLED's picture is by WANDER_PX smaller than the screen each way, and wanders within it;
    `now_s` is monotonic.
    """

    def __init__(
        self,
        device: Any,
        rotate: int,
        now_s: Callable[[], float] = time.monotonic,
        *,
        is_oled: bool = False,
    ) -> None:
        self._device = device
        self._rotate = rotate
        self._is_oled = is_oled
        wander_px = WANDER_PX if is_oled else 0
        self._places = _places(wander_px)
        self._now_s = now_s
        width, height = device.size
        self.size = turned_size((width - wander_px, height - wander_px), rotate)
        self.depth: Depth = "1" if device.mode == "1" else "RGB"

    def show(self, picture: Image.Image) -> None:
        """Send a picture; raises OSError where the screen does not take it."""
        placed = self._place(turned(picture, self._rotate))
        try:
            self._device.display(placed.convert(self._device.mode))
        except luma.core.error.Error as error:
            raise OSError(str(error)) from error

    def dim(self, *, is_dim: bool) -> None:
        """Make an OLED as dark as it can be, or bright; raises OSError where it is gone."""
        if not self._is_oled:
            return
        try:
            self._device.contrast(DIM if is_dim else BRIGHT)
        except luma.core.error.Error as error:
            raise OSError(str(error)) from error

    def _place(self, picture: Image.Image) -> Image.Image:
        """Put a picture where it is due now; what lies around it has its ground's colour."""
        if picture.size == self._device.size:
            return picture
        ground: Any = picture.getpixel((0, 0))
        placed = Image.new(picture.mode, self._device.size, ground)
        placed.paste(picture, self._places[int(self._now_s() // WANDER_S) % len(self._places)])
        return placed

    def close(self) -> None:
        """Switch it off; raises OSError where it is gone."""
        try:
            self._device.cleanup()
        except luma.core.error.Error as error:
            raise OSError(str(error)) from error


def open_screen(settings: ScreenSettings) -> Screen:
    """Open the screen.

    Raises OSError where it does not answer, which may pass; OperatorError for what a person must
    change.
    """
    interface = settings.interface
    if isinstance(interface, Detected):
        return open_paper(settings.rotate)
    try:
        device = open_device(interface, settings)
        return LumaScreen(device, settings.rotate, is_oled=is_oled(settings.driver))
    except luma.core.error.DeviceDisplayModeError as error:
        raise OperatorError(
            f"screen.driver {settings.driver!r} has no such size: {error}",
            hint="set screen.width and screen.height as its maker says, or both to 0",
        ) from error
    except luma.core.error.Error as error:
        raise OSError(str(error)) from error
    except AssertionError as error:
        # How luma says that it cannot draw on a framebuffer of this depth.
        raise OperatorError(
            f"screen.interface: {error}", hint="set the framebuffer to 16, 24 or 32 bits a pixel"
        ) from error
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"screen.driver {settings.driver!r} needs the package {error.name}, which is not "
            "installed",
            hint="pip install 'hearthlink[agent,screen]' on the hub itself",
        ) from error


def _places(wander_px: int) -> list[tuple[int, int]]:
    """List the places a picture takes, each a pixel from the one before, and the first at last."""
    rows = [range(wander_px + 1), range(wander_px, -1, -1)]
    there = [(x, y) for y in range(wander_px + 1) for x in rows[y % 2]]
    return there + there[-2:0:-1]
