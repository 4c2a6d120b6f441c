"""The picture of a simulated panel: the C reference's, line for line and pixel for pixel."""

import subprocess
import zlib
from pathlib import Path

import pytest

from agent.demo.reference import build_reference
from firmware_bridge.display.body import decode_message, encode_body
from firmware_bridge.display.framing import open_frame, seal_frame
from firmware_bridge.display.messages import Display, Welcome
from firmware_bridge.simulator.panel_picture import (
    COLUMNS,
    HEIGHT,
    LINES,
    PNG,
    WIDTH,
    draw_lines,
    draw_png,
)
from tests.support.panel_line import HELLO
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


@pytest.fixture(name="program", scope="module")
def _program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_reference("gcc", tmp_path_factory.mktemp("panel"))


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


def pixels_of(png: bytes) -> bytes:
    """Unpack a picture's rows, whatever its writer packed them with."""
    assert png.startswith(PNG)
    start = png.index(b"IDAT")
    length = int.from_bytes(png[start - 4 : start])
    return zlib.decompress(png[start + 4 : start + 4 + length])


@pytest.mark.parametrize("display", [EVENING, Display(), Display(power_w=-2_000, light=0)])
def test_both_languages_draw_the_same(display: Display, program: Path, tmp_path: Path) -> None:
    """The C program is shown a snapshot on its standard input."""
    picture = tmp_path / "panel.png"
    # It has not met a hub: a welcome must name its boot, so it is asked for that first.
    with subprocess.Popen(
        [program, "run", "--png", picture],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(bytes([0]) + hello_answer(running.stdout.read1()))  # type: ignore[attr-defined]
        running.stdin.write(seal_frame(Display.TYPE, 1, encode_body(display)))
        running.stdin.close()
        running.stdout.read()

    assert pixels_of(picture.read_bytes()) == pixels_of(draw_png(draw_lines(display)))


def hello_answer(said: bytes) -> bytes:
    """Answer a HELLO with the WELCOME of its boot."""
    hello = decode_message(open_frame(said.strip(b"\x00")))
    assert isinstance(hello, type(HELLO))
    return seal_frame(
        Welcome.TYPE, 0, encode_body(Welcome(version=1, boot_id=hello.boot_id, session=1))
    )


def test_the_picture_has_the_size_of_the_references() -> None:
    """26 by 10 signs with a margin."""
    picture = read_picture(draw_png(draw_lines(EVENING)))

    assert picture.size == (WIDTH, HEIGHT) == (432, 256)
