"""A screen on the hub's pins, by luma's drivers; loaded only where one is configured.

Owns turning the picture and the faults of the hardware; what is drawn comes as a picture.
"""

import importlib
from typing import Any, Protocol

import luma.core.device  # type: ignore[import-untyped]
import luma.core.error  # type: ignore[import-untyped]
import luma.core.framebuffer  # type: ignore[import-untyped]
from luma.core.interface import serial  # type: ignore[import-untyped]
from PIL import Image

from agent.screen.palette import Depth
from agent.screendrivers import DRIVERS, Framebuffer, I2c, ScreenSettings, Spi
from shared.errors import OperatorError

QUARTER_DEGREES = 90
_TURNS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
"""Clockwise, as a person turns the screen; Pillow counts the other way round."""

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

    def close(self) -> None:
        """Switch the screen off and let go of its bus; raises OSError."""


class LumaScreen:
    """One of luma's devices, turned by `rotate` degrees clockwise."""

    def __init__(self, device: Any, rotate: int) -> None:
        self._device = device
        self._turn = _TURNS.get(rotate)
        width, height = device.size
        is_upright = rotate % (2 * QUARTER_DEGREES) == 0
        self.size: tuple[int, int] = (width, height) if is_upright else (height, width)
        self.depth: Depth = "1" if device.mode == "1" else "RGB"

    def show(self, picture: Image.Image) -> None:
        """Send a picture; raises OSError where the screen does not take it."""
        turned = picture if self._turn is None else picture.transpose(self._turn)
        try:
            self._device.display(turned.convert(self._device.mode))
        except luma.core.error.Error as error:
            raise OSError(str(error)) from error

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
    try:
        return LumaScreen(_open_device(settings), settings.rotate)
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


def _open_device(settings: ScreenSettings) -> Any:
    if isinstance(settings.interface, Framebuffer):
        return _open_framebuffer(settings.interface.path)
    driver = DRIVERS[settings.driver]
    width, height = settings.size or driver.size
    make = getattr(importlib.import_module(driver.module), settings.driver)
    bus = _open_bus(settings.interface, settings)
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
