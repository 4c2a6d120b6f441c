"""Which screens there are: the driver chips, what they hang on, and their pixels. Pure.

Source: the drivers of luma.oled and luma.lcd, the framebuffers of the Linux kernel, and inky.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

FRAMEBUFFER = "framebuffer"
"""Whatever the kernel drives as /dev/fbN: the Pi's own touch screen, HDMI, some e-paper."""

INKY = "inky"
"""Pimoroni's e-paper, whose boards say themselves which they are."""

PAPER_S_LEAST = 60
"""Paper wears with each picture, and flickers while it is drawn."""

Bus = Literal["i2c", "spi"]
Theme = Literal["dark", "light"]


class Driver(NamedTuple):
    """A driver chip: the module of luma that speaks to it, its bus if none is named, its pixels."""

    module: str
    bus: Bus
    size: tuple[int, int]


_OLED, _LCD = "luma.oled.device", "luma.lcd.device"

DRIVERS: dict[str, Driver] = {
    "ssd1306": Driver(_OLED, "i2c", (128, 64)),
    "ssd1309": Driver(_OLED, "i2c", (128, 64)),
    "sh1106": Driver(_OLED, "i2c", (128, 64)),
    "sh1107": Driver(_OLED, "i2c", (128, 128)),
    "ssd1322": Driver(_OLED, "spi", (256, 64)),
    "ssd1327": Driver(_OLED, "spi", (128, 128)),
    "ssd1331": Driver(_OLED, "spi", (96, 64)),
    "ssd1351": Driver(_OLED, "spi", (128, 128)),
    "st7735": Driver(_LCD, "spi", (160, 128)),
    "st7789": Driver(_LCD, "spi", (240, 240)),
    "ili9341": Driver(_LCD, "spi", (320, 240)),
    "ili9486": Driver(_LCD, "spi", (320, 480)),
    "ili9488": Driver(_LCD, "spi", (480, 320)),
}

_I2C = re.compile(r"i2c:(\d{1,2}):(0x[0-9a-fA-F]{2})")
_SPI = re.compile(r"spi:(\d)\.(\d)")
_FRAMEBUFFER = re.compile(r"/dev/fb(\d{1,2})")
_DEFAULTS = {"i2c": "i2c:1:0x3C", "spi": "spi:0.0"}


class I2c(NamedTuple):
    """A screen on an I²C bus."""

    port: int
    address: int


class Spi(NamedTuple):
    """A screen on an SPI bus."""

    port: int
    device: int


class Framebuffer(NamedTuple):
    """A screen that the kernel drives."""

    path: str


class Detected(NamedTuple):
    """A board that says itself what it is."""


Interface = I2c | Spi | Framebuffer | Detected


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """The screen of this hub; the pins are by BCM number, `size` None for the driver's own."""

    driver: str
    interface: Interface
    size: tuple[int, int] | None
    rotate: int
    theme: Theme
    every_s: float
    dc_pin: int
    reset_pin: int
    light_pin: int
    dim: tuple[str, str] | None = None
    """From which minute of the household's day to which it is dark, as HH:MM."""


def is_oled(driver: str) -> bool:
    """Tell whether a driver's pixels shine by themselves, and fade with it."""
    return driver in DRIVERS and DRIVERS[driver].module == _OLED


def is_between(clock: str, span: tuple[str, str]) -> bool:
    """Tell whether a time of day lies in a span of it, which may go over midnight."""
    start, end = span
    return start <= clock < end if start <= end else clock >= start or clock < end


def read_interface(driver: str, text: str) -> Interface:
    """Read what a screen hangs on; "" for what its driver mostly does. Raises ValueError."""
    if driver == FRAMEBUFFER:
        path = text or "/dev/fb0"
        if not _FRAMEBUFFER.fullmatch(path):
            raise ValueError("give the framebuffer's path, such as /dev/fb1")
        return Framebuffer(path)
    if driver == INKY:
        if text:
            raise ValueError("leave it empty: such as inky drives says itself where it hangs")
        return Detected()
    address = text or _DEFAULTS[DRIVERS[driver].bus]
    if (found := _I2C.fullmatch(address)) is not None:
        return I2c(int(found[1]), int(found[2], 16))
    if (found := _SPI.fullmatch(address)) is not None:
        return Spi(int(found[1]), int(found[2]))
    raise ValueError("give i2c:BUS:ADDRESS such as i2c:1:0x3C, or spi:BUS.DEVICE such as spi:0.0")
