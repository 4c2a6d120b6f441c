"""The icons in the tree are drawn from the mark that is there, and fit what masks them."""

import math
from typing import cast

import pytest
from PIL import Image

from tests.docs.icons import COLOURS, PAPER_RGB, SIZES_PX, SOURCE, path_of, source_of

MASK_PERCENT = 80
"""Of the side: the circle that a maskable icon keeps."""

BYTES_MAX = 8_000
"""Of all three: they lie in the hub's memory."""


def pixels_of(size_px: int) -> dict[tuple[int, int], tuple[int, int, int]]:
    """Read an icon's pixels by their places."""
    picture = Image.open(path_of(size_px)).convert("RGB")
    assert picture.size == (size_px, size_px)
    places = [(x, y) for y in range(size_px) for x in range(size_px)]
    return {place: cast(tuple[int, int, int], picture.getpixel(place)) for place in places}


def is_paper(pixel: tuple[int, int, int]) -> bool:
    """Tell the ground, whichever of few colours it was put into."""
    return all(abs(one - other) <= 2 for one, other in zip(pixel, PAPER_RGB, strict=True))


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_icons_are_drawn_from_the_present_mark(size_px: int) -> None:
    """`python -m tests.docs.icons` draws them anew."""
    picture = Image.open(path_of(size_px))

    assert picture.info[SOURCE] == source_of(), "the mark has changed: run 'make screenshot'"
    assert "transparency" not in picture.info
    assert len(picture.getcolors() or []) <= COLOURS


def test_icons_are_small() -> None:
    """Whoever installs a page loads one of them once."""
    assert sum(path_of(size_px).stat().st_size for size_px in SIZES_PX) <= BYTES_MAX


def test_nothing_of_the_mark_is_outside_of_a_round_mask() -> None:
    """And the mark is there, in the middle, as large as that allows."""
    size_px = SIZES_PX[0]
    middle = (size_px - 1) / 2
    radius = size_px * MASK_PERCENT / 200

    inked = [place for place, one in pixels_of(size_px).items() if not is_paper(one)]
    furthest = max(math.dist(place, (middle, middle)) for place in inked)

    assert 0.8 * radius < furthest < radius
    assert (size_px // 2, round(size_px * 0.6)) in inked
