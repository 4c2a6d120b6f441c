"""The settings of a screen on the hub's own pins, and what cannot be together among them."""

import re
from collections.abc import Mapping
from typing import Any

from agent.screendrivers import DRIVERS, FRAMEBUFFER, INKY, PAPER_S_LEAST, read_interface
from agent.settings import Setting, one_of, seconds, text, whole

NAMES = (*DRIVERS, FRAMEBUFFER, INKY)
TURNS = (0, 90, 180, 270)
MAX_SIDE_PX = 4_096
SPAN = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)")
MAX_PIN = 27
"""The highest BCM number on a Pi's header."""


def quarter_turns(value: Any) -> int:
    """Read by how much a screen is turned, in degrees."""
    degrees = whole(TURNS[0], TURNS[-1])(value)
    if degrees not in TURNS:
        raise ValueError(f"give one of {', '.join(map(str, TURNS))}")
    return degrees


def read_span(span: str) -> tuple[str, str] | None:
    """Read a span of the day such as 22:00-06:30; None for an empty one. Raises ValueError."""
    if not span:
        return None
    found = SPAN.fullmatch(span)
    if found is None or found[1] == found[2]:
        raise ValueError("give HH:MM-HH:MM, such as 22:00-06:30")
    return found[1], found[2]


SCREEN_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "screen.driver",
        "",
        f"the screen on the hub's own pins (extra [screen]; inky: [epaper]): {', '.join(NAMES)}; "
        "empty: there is none",
        one_of("", *NAMES),
    ),
    Setting(
        "screen.interface",
        "",
        "what it hangs on: i2c:BUS:ADDRESS, spi:BUS.DEVICE, or /dev/fbN of a framebuffer; empty: "
        "what its driver mostly does",
        text,
    ),
    Setting(
        "screen.width", 0, "its pixels across, unturned; 0: its driver's", whole(0, MAX_SIDE_PX)
    ),
    Setting("screen.height", 0, "its pixels down; 0: its driver's", whole(0, MAX_SIDE_PX)),
    Setting("screen.rotate", 0, "how far it is turned clockwise: 0, 90, 180 or 270", quarter_turns),
    Setting("screen.theme", "dark", "'dark', or 'light' as for e-paper", one_of("dark", "light")),
    Setting(
        "screen.every_s", 1, "how often it is drawn at most; e-paper: 60 or more", seconds(1, 3600)
    ),
    Setting(
        "screen.dim",
        "",
        "when an OLED is dark for the night, such as 22:00-06:30; empty: never",
        text,
    ),
    Setting("screen.dc_pin", 24, "the pin D/C of SPI, by BCM number", whole(0, MAX_PIN)),
    Setting("screen.reset_pin", 25, "the pin RST of SPI", whole(0, MAX_PIN)),
    Setting("screen.light_pin", 18, "the pin of an LCD's backlight", whole(0, MAX_PIN)),
)


def screen_contradictions(chosen: Mapping[str, Any]) -> list[str]:
    """Name what is wrong between the settings of a screen; what could not be read is not judged."""
    driver = chosen.get("screen_driver")
    if not driver:
        return []
    faults = []
    try:
        read_interface(driver, chosen.get("screen_interface", ""))
    except ValueError as error:
        faults.append(f"screen.interface = {chosen['screen_interface']!r}: {error}")
    if bool(chosen.get("screen_width")) != bool(chosen.get("screen_height")):
        faults.append("screen.width, screen.height: give both, or neither")
    if driver == INKY and chosen.get("screen_every_s", PAPER_S_LEAST) < PAPER_S_LEAST:
        said = f"e-paper wears with each picture, give {PAPER_S_LEAST} or more"
        faults.append(f"screen.every_s = {chosen['screen_every_s']!r}: {said}")
    try:
        read_span(chosen.get("screen_dim", ""))
    except ValueError as error:
        faults.append(f"screen.dim = {chosen['screen_dim']!r}: {error}")
    return faults
