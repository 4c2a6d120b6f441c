"""Pictures of screens: those that are kept, and what holds for any size."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from agent.home.inputs import Message
from agent.home.shown import build_shown
from agent.screen import layout
from agent.screen.canvas import Canvas
from agent.screen.face import Face, Figure, Line, Press, build_face
from agent.screen.fonts import load_font
from agent.screen.layout import FOREIGN_MESSAGE, LEAST_PX, draw_face
from agent.screen.palette import LIT, palette_of
from tests.support.home_inputs import LONDON, NOW_MS, home_inputs
from tests.support.screen_pictures import (
    FOLDER,
    KEPT,
    UNLIKE_PERMILLE_MAX,
    Kept,
    face_of,
    unlike_permille,
)

SIZES = [(64, 32), (128, 128), (240, 240), (250, 122)]


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.path.stem)
def test_a_picture_is_as_it_was_kept(kept: Kept) -> None:
    """Where it is meant to be another, tests/golden/screens/README.md says how to renew it."""
    with Image.open(kept.path) as was:
        assert unlike_permille(kept.draw(), was) <= UNLIKE_PERMILLE_MAX


def test_no_picture_is_kept_that_nothing_draws() -> None:
    """One that was given up goes."""
    assert {path.name for path in FOLDER.glob("*.png")} == {kept.path.name for kept in KEPT}


def test_another_state_is_another_picture() -> None:
    """The tolerance hides no change that a person would see."""
    for size in ((128, 64), (320, 240)):
        one, other = (draw_face(face_of(state), size, "RGB") for state in ("evening", "stale"))

        assert unlike_permille(one, other) > 2 * UNLIKE_PERMILLE_MAX


@pytest.mark.parametrize("size", SIZES)
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    """In its own size and depth, and with something on it."""
    picture = draw_face(face_of("evening"), size, "1")

    assert (picture.size, picture.mode) == (size, "1")
    assert len(_colours(picture)) == 2


def test_the_same_face_gives_the_same_picture() -> None:
    """So that a screen is not drawn anew for nothing."""
    first, second = (draw_face(face_of("export"), (320, 240), "RGB") for _ in range(2))

    assert first.tobytes() == second.tobytes()


def test_the_light_theme_is_dark_on_light() -> None:
    """As paper is."""
    dark, light = (draw_face(face_of("evening"), (200, 120), "1", one) for one in ("dark", "light"))

    assert dark.getpixel((0, 0)) == 0
    assert light.getpixel((0, 0)) == 255
    assert light.histogram()[255] > light.histogram()[0]


def test_old_power_is_not_drawn_as_new() -> None:
    """In the colour of what is beside, and without the bar of the gauge."""
    palette = palette_of("RGB", "dark")
    colours = {}
    for state in ("evening", "stale"):
        canvas = Canvas((160, 80), "RGB", "dark")
        layout._draw_power(canvas, face_of(state), canvas.box)
        layout._draw_number(canvas, face_of(state), canvas.box)
        colours[state] = {colour for _, colour in _colours(canvas.image)}

    assert {palette.ink, palette.medium} <= colours["evening"]
    assert palette.soft in colours["stale"]
    assert not {palette.low, palette.medium, palette.high} & colours["stale"]


@pytest.mark.parametrize("text", ["x" * 2_000, "wort " * 500, "W" * 40, "−", "é" * 300])
@pytest.mark.parametrize("size", [(128, 32), (128, 64), (320, 240)])
def test_a_text_of_any_length_stays_within_its_box(text: str, size: tuple[int, int]) -> None:
    """The rest of the picture is as it is without it."""
    canvas = Canvas(size, "1", "dark")
    box = canvas.box.inset(20, 8)

    canvas.write(box, text, LIT)
    canvas.write_wrapped(box, text, LIT, px_max=40)

    drawn = canvas.image.getbbox()
    assert drawn is not None
    assert drawn[0] >= box.left - 1
    assert drawn[1] >= box.top
    assert drawn[2] <= box.right + 1
    assert drawn[3] <= box.bottom


@pytest.mark.parametrize("size", [(128, 64), (320, 240), (240, 320)])
def test_a_message_in_another_script_is_told_of(size: tuple[int, int]) -> None:
    """The font has no Arabic: boxes in place of letters would say nothing."""
    messages = [Message(1, "انقطاع التيار", NOW_MS)]
    foreign = build_face(build_shown(home_inputs(messages=messages)), LONDON)
    told = foreign._replace(lines=(Line(FOREIGN_MESSAGE, Press.MESSAGE), *foreign.lines[1:]))

    assert draw_face(foreign, size, "1").tobytes() == draw_face(told, size, "1").tobytes()


def test_a_picture_leaves_no_font_open() -> None:
    """Between two pictures nobody asks for it, and its file would stay in memory."""
    draw_face(face_of("evening"), (128, 64), "1")

    assert load_font.cache_info().currsize == 0


def test_cyrillic_and_greek_are_drawn() -> None:
    """The font has both."""
    assert layout._words(Line("Отключение, Ώρα", Press.MESSAGE)) == "Отключение, Ώρα"


def test_a_figure_is_never_cut() -> None:
    """A part of it would be another: it is written smaller, however little room there is."""
    canvas = Canvas((60, 20), "RGB", "dark")
    wide = canvas.write(canvas.box, "£100,000.13", 1, is_figure=True)
    narrow = canvas.write(canvas.box._replace(right=20), "£100,000.13", 1, is_figure=True)

    assert 0 < narrow < wide


@given(
    width=st.integers(LEAST_PX[0], 400),
    height=st.integers(LEAST_PX[1], 400),
    number=st.text(min_size=1, max_size=8),
    word=st.text(max_size=80),
    permille=st.integers(0, 5_000),
)
@settings(max_examples=8, deadline=None)
def test_no_face_breaks_the_drawing(
    width: int, height: int, number: str, word: str, permille: int
) -> None:
    """Whatever is written and however odd the screen."""
    figure = Figure(word[:10], number, word)
    face: Face = face_of("evening")._replace(
        number=number,
        light_word=word,
        note=word,
        figures=(figure, figure, figure, figure),
        lines=(Line(word, Press.NOTICE, permille, permille), Line(word)),
    )

    assert draw_face(face, (width, height), "RGB").size == (width, height)


def _colours(picture: Image.Image) -> list[tuple[int, object]]:
    return list(picture.getcolors(maxcolors=2**24) or [])
