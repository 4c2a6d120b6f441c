"""The picture of a simulated panel: the C reference's, line for line and pixel for pixel."""

from pathlib import Path

import pytest

from firmware_bridge.display.messages import Display
from firmware_bridge.simulator.panel_picture import (
    COLUMNS,
    HEIGHT,
    LINES,
    WIDTH,
    draw_lines,
    draw_png,
)
from tests.docs.panel_picture import draw, pixels_of
from tests.support.panel_build import plain_reference
from tests.support.pictures import read_picture

EVENING = Display(
    power_w=1_436,
    light=2,
    cost_per_h_millipence=39_640,
    today_wh=9_333,
    today_millipence=296_006,
    yesterday_wh=13_856,
    yesterday_millipence=-500,
    week_wh=123_456_789,
    month_millipence=4_321_000,
    gas_today_wh=17_001,
    gas_as_of_min=18 * 60,
    link=1,
    currency="GBP",
)


def test_what_is_known_is_written_and_what_is_not_is_a_dash() -> None:
    """Each line within the panel's width."""
    lines = draw_lines(EVENING)

    assert lines[0] == "NOW 1.436 KW HIGH"
    assert lines[1] == "PER HOUR 0.40"
    assert lines[3] == "TODAY     9.333    2.96"
    assert lines[4] == "YEST.    13.856   -0.01"
    assert lines[6] == "MONTH        --   43.21"
    assert lines[8:] == ["GAS AS OF 18:00", "METER METER SILENT"]
    assert len(lines) == LINES
    assert max(map(len, lines)) <= COLUMNS


def test_no_news_shows_no_number() -> None:
    """Two words."""
    assert "".join(draw_lines(None)) == "NO DATA"


@pytest.mark.parametrize("display", [EVENING, Display(), Display(power_w=-2_000, light=0)])
def test_both_languages_draw_the_same(display: Display, tmp_path: Path) -> None:
    """The C program is shown a snapshot on its standard input."""
    picture = tmp_path / "panel.png"

    draw(plain_reference(), display, picture)

    assert pixels_of(picture.read_bytes()) == pixels_of(draw_png(draw_lines(display)))


def test_the_picture_has_the_size_of_the_references() -> None:
    """26 by 10 signs with a margin."""
    picture = read_picture(draw_png(draw_lines(EVENING)))

    assert picture.size == (WIDTH, HEIGHT) == (432, 256)
