"""Drawing by boxes: they fill what they part, and what is drawn in one stays in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.home.light import Level
from agent.screen.canvas import Box, Canvas
from agent.screen.palette import LIT

LEVELS: list[Level | None] = [Level.LOW, Level.MEDIUM, Level.HIGH, None]
WEIGHTS = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def drawn_box(canvas: Canvas) -> tuple[int, int, int, int]:
    """The pixels that are lit."""
    box = canvas.image.getbbox()
    assert box is not None
    return box


def lit(canvas: Canvas) -> int:
    """How many pixels are lit."""
    return canvas.image.histogram()[LIT]


@pytest.fixture
def canvas() -> Canvas:
    """A small picture of one bit, all dark."""
    return Canvas((60, 30), "1", "dark")


@given(st.integers(0, 300), st.integers(0, 300), WEIGHTS)
@settings(max_examples=50)
def test_parts_fill_the_box_they_part(width: int, height: int, weights: list[int]) -> None:
    """Without a gap and without lying on one another."""
    box = Box(7, 3, 7 + width, 3 + height)

    rows, columns = box.split_rows(*weights), box.split_columns(*weights)

    assert [row.top for row in rows] == [3, *(row.bottom for row in rows[:-1])]
    assert rows[-1].bottom == box.bottom
    assert [column.left for column in columns] == [7, *(one.right for one in columns[:-1])]
    assert columns[-1].right == box.right
    assert sum(row.height for row in rows) == height


def test_a_part_has_its_share() -> None:
    """By weight."""
    wide, narrow = Box(0, 0, 100, 10).split_columns(3, 1)

    assert (wide.width, narrow.width) == (75, 25)


def test_a_margin_that_leaves_nothing_is_no_negative_box() -> None:
    """What would be drawn there is not."""
    box = Box(0, 0, 10, 4).inset(6, 3)

    assert (box.width, box.height) == (0, 0)


def test_nothing_is_written_where_there_is_no_room(canvas: Canvas) -> None:
    """Nor is anything said to have been."""
    assert canvas.write(Box(0, 0, 0, 20), "text", LIT) == 0
    assert canvas.write(Box(0, 0, 20, 0), "text", LIT) == 0
    assert canvas.write(canvas.box, "", LIT) == 0
    assert canvas.image.getbbox() is None


def test_a_text_is_as_large_as_its_box_allows(canvas: Canvas) -> None:
    """And no larger than it may be."""
    short = canvas.write(canvas.box, "1", LIT)
    long = canvas.write(canvas.box, "1.44 kW now", LIT)
    held = canvas.write(canvas.box, "1", LIT, px_max=12)

    assert short > long
    assert held == 12


@pytest.mark.parametrize(("align", "left"), [("left", 0), ("middle", 25), ("right", 50)])
def test_a_text_stands_where_it_is_aligned(canvas: Canvas, align: str, left: int) -> None:
    """At the left, in the middle, or at the right."""
    canvas.write(canvas.box, "H", LIT, px_max=12, align=align)  # type: ignore[arg-type]

    assert left - 2 <= drawn_box(canvas)[0] <= left + 5


def test_figures_share_the_size_of_the_longest(canvas: Canvas) -> None:
    """So that one beside another does not look more important."""
    box = Box(0, 0, 40, 20)
    alone = canvas.common_px(["£3.52"], box, px_max=40)
    together = canvas.common_px(["£3.52", "£100.13"], box, px_max=40)

    assert together < alone
    assert canvas.common_px([], box, px_max=14) == 14
    assert canvas.common_px(["£3.52"], Box(0, 0, 0, 0), px_max=14) == 0


def test_a_message_is_whole_where_it_can_be(canvas: Canvas) -> None:
    """In smaller letters before it is cut."""
    roomy, tight = Canvas((200, 80), "1", "dark"), Canvas((40, 12), "1", "dark")
    words = "Your power will be off on 3 December"

    roomy.write_wrapped(roomy.box, words, LIT, px_max=30)
    tight.write_wrapped(tight.box, words, LIT, px_max=30)

    assert lit(roomy) > 4 * lit(tight)
    assert drawn_box(roomy)[3] - drawn_box(roomy)[1] > 40


def test_each_light_has_a_shape_of_its_own() -> None:
    """Who sees no colours, and a screen of one bit, tell them by it."""
    shapes = set()
    for level in LEVELS:
        canvas = Canvas((21, 21), "1", "dark")
        canvas.light(canvas.box, level)
        shapes.add(canvas.image.tobytes())

    assert len(shapes) == len(LEVELS)


@pytest.mark.parametrize("level", LEVELS)
def test_a_shape_stays_within_its_box(canvas: Canvas, level: Level | None) -> None:
    """A square in the middle of it."""
    canvas.light(Box(10, 5, 50, 25), level)

    left, top, right, bottom = drawn_box(canvas)
    assert (left, right) == (20, 40)
    assert top >= 5
    assert bottom <= 25


def test_a_shape_without_room_is_none(canvas: Canvas) -> None:
    """No dot that could be any of them."""
    canvas.light(Box(0, 0, 2, 20), Level.HIGH)

    assert canvas.image.getbbox() is None


def test_a_bar_is_as_full_as_it_says(canvas: Canvas) -> None:
    """Beyond its end it is full, and no more."""
    counts = []
    for permille in (0, 500, 1_000, 5_000):
        one = Canvas((60, 30), "1", "dark")
        one.bar(one.box.inset(5, 10), permille, LIT)
        counts.append(lit(one))
        assert drawn_box(one) == (5, 10, 55, 20)

    assert counts[0] < counts[1] < counts[2] == counts[3] == 500
    assert canvas.image.getbbox() is None


@pytest.mark.parametrize("permille", [0, 1_000])
def test_a_mark_is_seen_on_a_full_bar_and_on_an_empty_one(permille: int) -> None:
    """In one bit it is dark on what is lit."""
    bare, marked = Canvas((60, 30), "1", "dark"), Canvas((60, 30), "1", "dark")
    bare.bar(bare.box, permille, LIT)

    marked.bar(marked.box, permille, LIT, mark_permille=500)

    assert abs(lit(marked) - lit(bare)) >= 28


def test_a_bar_without_room_is_none(canvas: Canvas) -> None:
    """Its edges would touch."""
    canvas.bar(Box(0, 0, 3, 3), 500, LIT, mark_permille=500)
    canvas.fill(Box(5, 5, 5, 9), LIT)

    assert canvas.image.getbbox() is None
