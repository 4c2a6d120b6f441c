"""What a screen hangs on, as it is written; and the settings of a screen together."""

from typing import Any

import pytest

from agent.config import read_config
from agent.screendrivers import Framebuffer, I2c, Spi, is_between, read_interface
from agent.wallscreen import screen_settings
from shared.errors import ConfigError

LINK = {"meter": {"link": "/dev/ttyUSB0"}}


def faults_of(**screen: Any) -> list[str]:
    """Read a configuration with a screen, which is refused."""
    with pytest.raises(ConfigError) as refused:
        read_config({**LINK, "screen": screen}, {}, "test")
    return refused.value.faults


@pytest.mark.parametrize(
    ("driver", "text", "interface"),
    [
        ("ssd1306", "", I2c(1, 0x3C)),
        ("ssd1306", "i2c:3:0x3d", I2c(3, 0x3D)),
        ("ssd1306", "spi:0.1", Spi(0, 1)),
        ("ili9341", "", Spi(0, 0)),
        ("framebuffer", "", Framebuffer("/dev/fb0")),
        ("framebuffer", "/dev/fb1", Framebuffer("/dev/fb1")),
    ],
)
def test_an_interface_is_read(driver: str, text: str, interface: object) -> None:
    """By its bus, or what its driver mostly hangs on."""
    assert read_interface(driver, text) == interface


@pytest.mark.parametrize(
    ("driver", "text"),
    [
        ("ssd1306", "i2c:1:3C"),
        ("ssd1306", "i2c:0x3C"),
        ("ili9341", "spi:0"),
        ("ili9341", "/dev/spidev0.0"),
        ("framebuffer", "/dev/sda1"),
        ("framebuffer", "spi:0.0"),
    ],
)
def test_what_is_no_interface_is_refused(driver: str, text: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match="such as"):
        read_interface(driver, text)
    assert len(faults_of(driver=driver, interface=text)) == 1


@pytest.mark.parametrize(
    ("clock", "is_dark"),
    [("21:59", False), ("22:00", True), ("23:59", True), ("00:00", True), ("06:29", True),
     ("06:30", False)],
)  # fmt: skip
def test_a_night_goes_over_midnight(clock: str, *, is_dark: bool) -> None:
    """From its first minute to before its last."""
    assert is_between(clock, ("22:00", "06:30")) is is_dark
    assert is_between(clock, ("06:30", "22:00")) is not is_dark


@pytest.mark.parametrize("span", ["22-6", "24:00-06:00", "22:00-06:60", "22:00-22:00", "always"])
def test_what_is_no_span_of_the_day_is_refused(span: str) -> None:
    """With how it is written."""
    (fault,) = faults_of(driver="ssd1306", dim=span)

    assert "22:00-06:30" in fault


def test_a_span_of_the_day_reaches_the_screen() -> None:
    """None where the setting is empty."""
    for written, dim in (("22:00-06:30", ("22:00", "06:30")), ("", None)):
        config = read_config({**LINK, "screen": {"driver": "ssd1306", "dim": written}}, {}, "test")
        assert screen_settings(config).dim == dim


def test_paper_is_not_drawn_more_than_once_a_minute() -> None:
    """It wears; and a colour takes it half a minute."""
    (fault,) = faults_of(driver="inky", every_s=59)

    assert "60 or more" in fault


def test_settings_that_contradict_are_named_together() -> None:
    """Each with its value."""
    faults = faults_of(driver="ssd1306", interface="usb", width=128, rotate=45)

    assert [fault.partition(" ")[0] for fault in faults] == [
        "screen.interface",
        "screen.rotate",
        "screen.width,",
    ]


def test_a_driver_that_nobody_knows_is_refused() -> None:
    """With those that there are."""
    (fault,) = faults_of(driver="hd44780")

    assert "ssd1306" in fault
    assert "framebuffer" in fault


def test_the_settings_make_a_screen() -> None:
    """With the driver's own pixels unless others are given."""
    screen = {"driver": "st7789", "rotate": 90, "theme": "light", "every_s": 60}
    config = read_config({**LINK, "screen": screen}, {}, "test")
    sized = read_config({**LINK, "screen": {**screen, "width": 320, "height": 240}}, {}, "test")

    one = screen_settings(config)
    assert (one.driver, one.interface, one.size, one.rotate) == ("st7789", Spi(0, 0), None, 90)
    assert (one.theme, one.every_s, one.dc_pin) == ("light", 60.0, 24)
    assert screen_settings(sized).size == (320, 240)


def test_no_screen_is_the_default() -> None:
    """And its other settings are not judged then."""
    config = read_config({**LINK, "screen": {"interface": "usb"}}, {}, "test")

    assert config.screen_driver == ""
