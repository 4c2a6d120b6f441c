"""A screen on the hub's pins, by luma's drivers; loaded only where one is configured.

Owns turning the picture and the faults of the hardware; what is drawn comes as a picture.
"""

import importlib
import time
from collections.abc import Callable
from typing import Any, Protocol

import luma.core.device  # type: ignore[import-untyped]
import luma.core.error  # type: ignore[import-untyped]
import luma.core.framebuffer  # type: ignore[import-untyped]
from luma.core.interface import serial  # type: ignore[import-untyped]
from PIL import Image

from agent.entering import enter
from agent.screen.palette import Depth
from agent.screen.paper import open_paper
from agent.screen.turning import turned, turned_size
from agent.screendrivers import (
    DRIVERS,
    Detected,
    Framebuffer,
    I2c,
    ScreenSettings,
    Spi,
    is_oled,
)
from shared.errors import OperatorError

enter("cbor2")
"""luma reads fonts of its own with it, for displays of letters alone: a megabyte (measured)."""

WANDER_PX, WANDER_S = 2, 600.0
"""An OLED's pixels fade with use: every ten minutes the picture goes on by a pixel, through nine
places, so that no edge of a letter is burnt in."""

DIM, BRIGHT = 1, 255
"""Of luma's contrast: at 0 some OLEDs show nothing."""

HINT = (
    "look whether the bus is switched on (raspi-config), the wires are as in docs/how-to/screen.md "
    "and the hub's user is in the groups i2c, spi, gpio and video"
)


class _NoExit:
    """In place of `atexit` in luma's devices, which keeps each that was ever opened, for good.

    A hub that stops closes its screen itself; one that is unplugged is opened again each minute.
    """

    @staticmethod
    def register(*_arguments: Any) -> None:
        """Keep nothing."""


luma.core.device.atexit = _NoExit


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
        device = _open_device(interface, settings)
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


def _open_device(interface: I2c | Spi | Framebuffer, settings: ScreenSettings) -> Any:
    if isinstance(interface, Framebuffer):
        return _open_framebuffer(interface.path)
    driver = DRIVERS[settings.driver]
    width, height = settings.size or driver.size
    make = getattr(importlib.import_module(driver.module), settings.driver)
    bus = _open_bus(interface, settings)
    try:
        return make(bus, width=width, height=height, gpio_LIGHT=settings.light_pin)
    except BaseException:
        # It is tried again each minute, for as long as the screen is unplugged.
        bus.cleanup()
        raise


def _open_framebuffer(path: str) -> Any:
    """Open what the kernel draws on, so that only the parts that have changed are written.

    E-paper is refreshed by what is written. luma has it in sixteen parts and asserts that they
    cover the screen, which those of e-paper with 122 pixels across do not.
    """
    screen = luma.core.device.linux_framebuffer(device=path)
    across = next(one for one in (4, 2, 1) if not any(side % one for side in screen.size))
    screen.framebuffer = luma.core.framebuffer.diff_to_previous(num_segments=across**2)
    return screen


def _open_bus(interface: I2c | Spi, settings: ScreenSettings) -> Any:
    if isinstance(interface, I2c):
        return serial.i2c(port=interface.port, address=interface.address)
    return serial.spi(
        port=interface.port,
        device=interface.device,
        gpio_DC=settings.dc_pin,
        gpio_RST=settings.reset_pin,
    )
