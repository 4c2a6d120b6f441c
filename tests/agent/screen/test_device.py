"""Screens by luma's drivers: what reaches the bus, how it is turned, and what goes wrong."""

import atexit
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, Any
from unittest import mock

import luma.core.error  # type: ignore[import-untyped]
import pytest
from luma.core.device import dummy  # type: ignore[import-untyped]
from luma.core.interface import serial  # type: ignore[import-untyped]
from luma.lcd.device import backlit_device  # type: ignore[import-untyped]
from luma.oled.device import ssd1306  # type: ignore[import-untyped]
from PIL import Image

from agent.screen.device import WANDER_S, LumaScreen, open_screen
from agent.screendrivers import DRIVERS, Framebuffer, I2c, ScreenSettings, Spi, read_interface
from shared.errors import OperatorError


class Bus:
    """An I²C or SPI bus with a screen that takes everything, or nothing any more."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.is_gone = False
        self.is_closed = False

    def command(self, *_command: int) -> None:
        """Take a command."""
        if self.is_gone:
            raise luma.core.error.DeviceNotFoundError("I2C device not found on address: 0x3C")

    def data(self, data: list[int]) -> None:
        """Take pixels."""
        self.written += data

    def cleanup(self) -> None:
        """Let go."""
        self.is_closed = True


class Pins:
    """The pins of a Pi, which only note what they are set to."""

    OUT, LOW, HIGH, BCM = "out", 0, 1, "bcm"

    def __init__(self) -> None:
        self.set: list[tuple[int, int]] = []

    def setup(self, *_arguments: Any) -> None:
        """Make a pin an output."""

    def output(self, pin: int, level: int) -> None:
        """Set a pin."""
        self.set.append((pin, level))


@pytest.fixture
def bus() -> Iterator[Bus]:
    """A bus in place of the Pi's."""
    made = Bus()
    with (
        mock.patch.object(serial, "i2c", return_value=made),
        mock.patch.object(serial, "spi", return_value=made),
    ):
        yield made


def settings_of(driver: str = "ssd1306", **changes: Any) -> ScreenSettings:
    """The settings of a screen, with what the test changes."""
    values: dict[str, Any] = {
        "driver": driver,
        "interface": read_interface(driver, ""),
        "size": None,
        "rotate": 0,
        "theme": "dark",
        "every_s": 1.0,
        "dc_pin": 24,
        "reset_pin": 25,
        "light_pin": 18,
    }
    return ScreenSettings(**{**values, **changes})


def corner(size: tuple[int, int]) -> Image.Image:
    """A picture whose upper left pixel alone is lit."""
    picture = Image.new("1", size)
    picture.putpixel((0, 0), 255)
    return picture


def test_an_oled_gets_the_pictures_bits(bus: Bus) -> None:
    """A byte has eight pixels of a column, the uppermost in its lowest bit."""
    screen = LumaScreen(ssd1306(bus), 0, lambda: 0.0, is_oled=True)
    bus.written.clear()

    picture = Image.new("1", screen.size)
    picture.putpixel((1, 1), 255)
    screen.show(picture)

    assert (screen.size, screen.depth) == ((126, 62), "1")
    assert bus.written == [0, 2] + [0] * 1_022


def test_an_oleds_picture_wanders() -> None:
    """Pixel by pixel, slowly, through nine places and back: no edge is burnt in."""
    now_s, panel = [0.0], dummy(width=40, height=20, mode="1")
    screen = LumaScreen(panel, 0, lambda: now_s[0], is_oled=True)
    picture, places = Image.new("1", screen.size), []
    picture.putpixel((1, 1), 255)
    for turn in range(17):
        now_s[0] = turn * WANDER_S + 1
        screen.show(picture)
        places.append(panel.image.getbbox()[:2])

    assert screen.size == (38, 18)
    assert len(set(places)) == 9
    steps = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in pairwise(places)]
    assert set(steps) == {1}
    assert places[16] == places[0]


def test_which_screens_are_oleds_their_drivers_tell(bus: Bus) -> None:
    """Two pixels less each way for those alone."""
    pins = Pins()
    with mock.patch.object(backlit_device, "__rpi_gpio__", return_value=pins):
        assert open_screen(settings_of("ili9341")).size == (320, 240)
    assert open_screen(settings_of("ssd1306", rotate=90)).size == (62, 126)


def test_what_lies_around_a_picture_that_wanders_has_its_ground() -> None:
    """A coloured OLED has no black edge around a dark blue picture."""
    panel = dummy(width=10, height=10)
    screen = LumaScreen(panel, 0, lambda: 0.0, is_oled=True)

    screen.show(Image.new("RGB", screen.size, (14, 20, 23)))

    assert panel.image.getcolors() == [(100, (14, 20, 23))]


def test_an_oled_is_dark_at_night_and_others_stay_as_they_are(bus: Bus) -> None:
    """By its contrast; a framebuffer has none."""
    oled, lcd = ssd1306(bus), dummy(width=8, height=8)
    with mock.patch.object(oled, "contrast") as contrast:
        screen = LumaScreen(oled, 0, is_oled=True)
        screen.dim(is_dim=True)
        screen.dim(is_dim=False)
        bus.is_gone = True
    LumaScreen(lcd, 0).dim(is_dim=True)

    assert contrast.call_args_list == [mock.call(1), mock.call(255)]
    with pytest.raises(OSError, match="0x3C"):
        screen.dim(is_dim=True)


def test_a_screen_upside_down_is_turned(bus: Bus) -> None:
    """The pixel that is up and left for who looks is the last of the screen's."""
    screen = LumaScreen(ssd1306(bus), 180)
    bus.written.clear()

    screen.show(corner(screen.size))

    assert bus.written == [0] * 1_023 + [128]


@pytest.mark.parametrize(("rotate", "lit"), [(0, (0, 0)), (90, (39, 0)), (270, (0, 19))])
def test_a_picture_is_turned_clockwise(rotate: int, lit: tuple[int, int]) -> None:
    """Upright for who looks at a screen that was turned back by as much."""
    panel = dummy(width=40, height=20, mode="1")
    screen = LumaScreen(panel, rotate)

    screen.show(corner(screen.size))

    assert screen.size == ((40, 20) if rotate == 0 else (20, 40))
    assert panel.image.getbbox() == (*lit, lit[0] + 1, lit[1] + 1)


def test_a_coloured_screen_gets_colours() -> None:
    """By a device that keeps its picture."""
    panel = dummy(width=8, height=8)
    screen = LumaScreen(panel, 0)

    screen.show(Image.new("RGB", (8, 8), (250, 120, 100)))

    assert screen.depth == "RGB"
    assert panel.image.getpixel((3, 3)) == (250, 120, 100)


def test_an_lcd_is_opened_with_its_light(bus: Bus) -> None:
    """Its backlight hangs on a pin of its own."""
    pins = Pins()
    with mock.patch.object(backlit_device, "__rpi_gpio__", return_value=pins):
        screen = open_screen(settings_of("ili9341", rotate=90))
    bus.written.clear()

    screen.show(Image.new("RGB", screen.size, (255, 0, 0)))

    assert screen.size == (240, 320)
    assert bytes(bus.written).count(b"\xff\x00\x00") >= 320 * 239
    assert (18, Pins.HIGH) in pins.set


def test_every_driver_is_one_of_lumas() -> None:
    """With the bus and the pixels that it says."""
    for name, driver in DRIVERS.items():
        module = __import__(driver.module, fromlist=[name])
        assert hasattr(module, name)
        assert isinstance(read_interface(name, ""), I2c if driver.bus == "i2c" else Spi)


def test_a_size_that_a_driver_has_not_is_the_operators(bus: Bus) -> None:
    """With what to set."""
    with pytest.raises(OperatorError, match="no such size") as refused:
        open_screen(settings_of(size=(100, 7)))

    assert "screen.width" in refused.value.hint
    assert bus.written == []


def test_a_bus_that_is_not_there_may_come() -> None:
    """A framebuffer or bus may be there after the next boot, or be plugged in."""
    with pytest.raises(OSError, match=r"fb77|No such file"):
        open_screen(settings_of("framebuffer", interface=Framebuffer("/dev/fb77")))
    with pytest.raises(OSError, match="not found"):
        open_screen(settings_of(interface=I2c(77, 0x3C)))


def test_a_screen_that_goes_away_says_so(bus: Bus) -> None:
    """As an error of the system, which may pass."""
    screen = LumaScreen(ssd1306(bus), 0)
    bus.is_gone = True

    with pytest.raises(OSError, match="0x3C"):
        screen.show(corner(screen.size))
    with pytest.raises(OSError, match="0x3C"):
        screen.close()


def test_a_screen_that_is_unplugged_leaves_nothing_behind(bus: Bus) -> None:
    """It is tried each minute of a year: no bus stays open, and no device is kept."""
    bus.is_gone = True
    before = atexit._ncallbacks()

    for _ in range(3):
        bus.is_closed = False
        with pytest.raises(OSError, match="0x3C"):
            open_screen(settings_of())
        assert bus.is_closed

    assert atexit._ncallbacks() == before


def test_closing_lets_go_of_the_bus(bus: Bus) -> None:
    """The screen is dark then."""
    screen = open_screen(settings_of())
    screen.show(corner(screen.size))
    bus.written.clear()
    screen.close()

    assert bus.is_closed
    assert set(bus.written) == {0}


def test_a_package_that_is_missing_is_named() -> None:
    """The libraries of the pins are installed on a Pi alone."""
    missing = ModuleNotFoundError("no spidev", name="spidev")
    with (
        mock.patch.object(serial, "spi", side_effect=missing),
        pytest.raises(OperatorError, match="spidev") as refused,
    ):
        open_screen(settings_of("ili9341"))

    assert "[agent,screen]" in refused.value.hint


@pytest.mark.parametrize("size", [(122, 250), (125, 61), (800, 480)])
def test_a_framebuffer_of_any_size_is_written_where_it_changes(
    size: tuple[int, int], tmp_path: Path
) -> None:
    """The first picture is written whole; of the next no more than what is another."""
    opened, told = open, {"virtual_size": f"{size[0]},{size[1]}\n", "bits_per_pixel": "32\n"}
    for name, text in told.items():
        (tmp_path / name).write_text(text)
    kept = tmp_path / "fb0"

    def open_here(path: str, mode: str = "r") -> IO[Any]:
        return opened(kept if path == "/dev/fb0" else tmp_path / Path(path).name, mode)

    with mock.patch("luma.core.device.open", open_here, create=True):
        screen = open_screen(settings_of("framebuffer", interface=Framebuffer("/dev/fb0")))
    picture = Image.new("RGB", size, (255, 255, 255))
    screen.show(picture)
    assert kept.read_bytes() == b"\xff" * 4 * size[0] * size[1]
    with kept.open("r+b") as spoilt:
        spoilt.write(bytes(4))
    picture.putpixel((size[0] - 1, size[1] - 1), (0, 0, 0))
    screen.show(picture)
    screen._device._linux_framebuffer__file_handle.close()  # type: ignore[attr-defined]

    whites = b"\xff" * 4 * (size[0] * size[1] - 2)
    assert kept.read_bytes() == bytes(4) + whites + b"\x00\x00\x00\xff"


def test_a_framebuffer_of_another_depth_is_the_operators() -> None:
    """luma asserts what it can draw on."""
    refusal = AssertionError("Unsupported bit-depth: 8")
    with (
        mock.patch("luma.core.device.linux_framebuffer", side_effect=refusal),
        pytest.raises(OperatorError, match="bit-depth: 8"),
    ):
        open_screen(settings_of("framebuffer", interface=Framebuffer("/dev/fb0")))
