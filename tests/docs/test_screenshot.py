"""The README's picture: taken as `make screenshot` takes it, and as it lies in the tree."""

from pathlib import Path

import pytest

from tests.docs import panel_picture
from tests.docs.screenshot import HEIGHT_PX_MIN, PICTURE, WIDTH_PX, take_screenshot
from tests.support.home_page import Home
from tests.support.panel_build import plain_reference
from tests.support.pictures import read_picture


@pytest.mark.slow
def test_screenshot_shows_the_whole_display(tmp_path: Path) -> None:
    """It is as wide as a desk's screen and reaches down past the fold to the last card."""
    path = tmp_path / "display.png"

    with Home().serve() as server:
        take_screenshot(server.url, path)

    picture = read_picture(path.read_bytes())
    width, height = picture.size
    assert width == WIDTH_PX
    assert height > HEIGHT_PX_MIN
    assert not picture.is_blank


def test_picture_in_the_readme_shows_something() -> None:
    """The picture in the tree has the width that the target gives it."""
    picture = read_picture(PICTURE.read_bytes())

    assert picture.size[0] == WIDTH_PX
    assert not picture.is_blank


def test_panels_picture_in_the_readme_is_what_the_reference_draws(tmp_path: Path) -> None:
    """Pixel for pixel: `python -m tests.docs.panel_picture` makes it anew."""
    drawn = tmp_path / "panel.png"

    panel_picture.draw(plain_reference(), panel_picture.evening(), drawn)

    shown = panel_picture.pixels_of(panel_picture.PICTURE.read_bytes())
    assert shown == panel_picture.pixels_of(drawn.read_bytes())
