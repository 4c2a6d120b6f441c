"""luma's drivers: loads the one for a chip, and opens it on its bus or framebuffer.

Owns what of luma is left out of memory, and that nothing is kept from opening to opening. Draws
nothing; what an error of luma's means is `device.py`'s.
"""

import importlib
from typing import Any

from agent.entering import leave_out
from agent.screen.keeping import keep_packed
from agent.screendrivers import DRIVERS, Framebuffer, I2c, ScreenSettings, Spi

with leave_out("multiprocessing", "luma.core.sprite_system"):
    # For lights of three colours that fade by themselves: half a megabyte (measured).
    import luma.core.device  # type: ignore[import-untyped]
    import luma.core.framebuffer  # type: ignore[import-untyped]
    from luma.core.interface import serial  # type: ignore[import-untyped]

LETTERS = ("luma.core.virtual", "luma.core.bitmap_font")
"""For displays of letters alone, in luma's own fonts: with what they bring along, a megabyte
(measured)."""


class _NoExit:
    """In place of `atexit` in luma's devices, which keeps each that was ever opened, for good.

    A hub that stops closes its screen itself; one that is unplugged is opened again each minute.
    """

    @staticmethod
    def register(*_arguments: Any) -> None:
        """Keep nothing."""


luma.core.device.atexit = _NoExit


def load_driver(name: str) -> Any:
    """Load luma's class for a driver of DRIVERS."""
    with leave_out(*LETTERS):
        return getattr(importlib.import_module(DRIVERS[name].module), name)


def open_device(interface: I2c | Spi | Framebuffer, settings: ScreenSettings) -> Any:
    """Open one of luma's devices; raises its errors, AssertionError and ModuleNotFoundError."""
    device = _open_device(interface, settings)
    keep_packed(device)
    return device


def _open_device(interface: I2c | Spi | Framebuffer, settings: ScreenSettings) -> Any:
    if isinstance(interface, Framebuffer):
        return _open_framebuffer(interface.path)
    width, height = settings.size or DRIVERS[settings.driver].size
    make = load_driver(settings.driver)
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
