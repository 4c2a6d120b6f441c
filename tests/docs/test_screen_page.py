"""docs/how-to/screen.md: what it says to type and to write is done."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from agent.config import read_config
from agent.home.light import Level
from agent.panel_command import run
from agent.screen.layout import LEAST_PX, MOST_PX
from agent.screendrivers import ScreenSettings
from agent.wallscreen import screen_settings
from tests.docs.generate import read_project

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "screen.md").read_text()
PREVIEWS = re.findall(r"^\$ hearthlink (panel .*)$", PAGE, re.MULTILINE)
TABLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def settings_in(table: str) -> ScreenSettings:
    """Read a table of the page as a hub does."""
    written = {"meter": {"link": "/dev/ttyUSB0"}, **tomllib.loads(table)}
    return screen_settings(read_config(written, {}, "the page"))


@pytest.mark.parametrize("command", PREVIEWS)
def test_its_commands_draw_what_they_say(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the size that is written there."""
    monkeypatch.chdir(tmp_path)
    _, *words = shlex.split(command)

    assert run(words) == 0

    with Image.open(words[-1]) as picture:
        assert f"{picture.width}x{picture.height}" in words


@pytest.mark.parametrize("table", TABLES)
def test_its_settings_are_taken(table: str) -> None:
    """Each names a driver and what it hangs on."""
    assert settings_in(table).driver in table


def test_its_pins_are_the_defaults() -> None:
    """Whoever wires as it says sets none."""
    lcd = settings_in(TABLES[1])

    for words, pin in (("D/C", lcd.dc_pin), ("RST", lcd.reset_pin), ("LED", lcd.light_pin)):
        assert f"{words} to GPIO {pin} (" in PAGE


def test_it_speaks_of_all_there_is() -> None:
    """The lights, the sizes, and the extra that is to be installed."""
    for level in Level:
        assert f"{level}" in PAGE
    for width, height in (LEAST_PX, MOST_PX):
        assert f"{width} × {height}" in PAGE
    assert {"screen", "epaper"} <= set(read_project()["optional-dependencies"])
    assert (len(PREVIEWS), len(TABLES)) == (3, 5)
