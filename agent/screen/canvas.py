"""A picture to draw on: boxes, texts that are fitted into them, bars, and the light's shapes.

Owns that nothing leaves its box, however long a text is. Knows nothing of meters.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from PIL import Image, ImageDraw

from agent.home.light import Level
from agent.home.texts import cut_at_space
from agent.screen.fonts import estimate_width, load_font, replace_signs, step_down
from agent.screen.palette import Colour, Depth, Palette, palette_of
from agent.screen.wrapping import is_whole, wrap_text
from agent.screendrivers import Theme

Align = Literal["left", "middle", "right"]

LEAST_TEXT_PX = {"1": 10, "RGB": 11}
"""Smaller letters cannot be read from a step away; a longer text is cut instead."""

FULL_PERMILLE = 1_000
LINE_STEP_PERMILLE = 1_150
"""From one line of a text to the next, of the font's size."""

TEXT_HEIGHT_PERMILLE = 940
"""From the top of a capital's accent to the foot of a g, of the font's size."""

LEAST_SIGN_PX = 20
"""No sign of a text that can be read takes fewer pixels: what is longer need not be measured."""

FIGURE_HEIGHT_PERMILLE = 670
"""Of a digit or capital, without what hangs below the line."""


class Box(NamedTuple):
    """A part of the picture, in pixels; the right and lower edges are outside of it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """How wide it is, never below 0."""
        return max(self.right - self.left, 0)

    @property
    def height(self) -> int:
        """How high it is, never below 0."""
        return max(self.bottom - self.top, 0)

    def inset(self, x_px: int, y_px: int = 0) -> "Box":
        """Leave a margin on both sides."""
        return Box(self.left + x_px, self.top + y_px, self.right - x_px, self.bottom - y_px)

    def split_rows(self, *weights: int) -> "list[Box]":
        """Part it from top to bottom by weight; together the parts fill it."""
        edges = _edges(self.top, self.height, weights)
        return [Box(self.left, one, self.right, two) for one, two in edges]

    def split_columns(self, *weights: int) -> "list[Box]":
        """Part it from left to right by weight; together the parts fill it."""
        edges = _edges(self.left, self.width, weights)
        return [Box(one, self.top, two, self.bottom) for one, two in edges]


class Canvas:
    """A picture of one size and depth, drawn by boxes."""

    def __init__(self, size: tuple[int, int], depth: Depth, theme: Theme) -> None:
        self.palette: Palette = palette_of(depth, theme)
        self.depth: Depth = depth
        self.image = Image.new(depth, size, self.palette.ground)
        self.box = Box(0, 0, *size)
        self.least_text_px = LEAST_TEXT_PX[depth]
        self._draw = ImageDraw.Draw(self.image)
        # One bit has no greys: smoothed edges would come out as dust.
        self._draw.fontmode = "1" if depth == "1" else "L"

    def write(
        self,
        box: Box,
        text: str,
        colour: Colour,
        *,
        px_max: int = 10_000,
        align: Align = "left",
        is_bold: bool = False,
        is_figure: bool = False,
    ) -> int:
        """Write a text as large as its box allows, cut where it must be; return the size used.

        `is_figure` says that a part of it would be another figure, and that nothing hangs below the
        line. 0 where nothing was written.
        """
        height_permille = FIGURE_HEIGHT_PERMILLE if is_figure else TEXT_HEIGHT_PERMILLE
        px = min(px_max, box.height * FULL_PERMILLE // height_permille)
        if px < 1 or box.width < 1 or not text:
            return 0
        shown = replace_signs(text[: box.width])
        px = self._fitting_px(shown, box, px, is_bold=is_bold, is_figure=is_figure)
        font = load_font(px, is_bold=is_bold)
        shown = cut_at_space(shown, lambda one: font.getlength(one) <= box.width)
        free_px = box.width - font.getlength(shown)
        x_px = box.left + {"left": 0.0, "middle": free_px / 2, "right": free_px}[align]
        base_px = box.bottom - (box.height - px * FIGURE_HEIGHT_PERMILLE // FULL_PERMILLE) // 2
        if not is_figure:
            base_px = min(base_px, box.bottom - px * 220 // FULL_PERMILLE)
        self._draw.text((round(x_px), base_px), shown, colour, font=font, anchor="ls")
        return px

    def _fitting_px(self, text: str, box: Box, px: int, *, is_bold: bool, is_figure: bool) -> int:
        """Find the largest size up to `px` in which a text fits; else the least that can be read.

        A figure is never cut, for a part of it would be another: it is written smaller instead.
        """
        least = 1 if is_figure else min(self.least_text_px, px)
        width = estimate_width(text, px, is_bold=is_bold)
        if width > box.width:
            px = max(px * box.width // width, least)
        px = step_down(px)
        # Small letters are fitted to whole pixels, and may come out a little wider.
        while px > least and load_font(px, is_bold=is_bold).getlength(text) > box.width:
            px = step_down(px - 1)
        return px

    def common_px(
        self, texts: Sequence[str], box: Box, *, px_max: int, is_bold: bool = False
    ) -> int:
        """Find the size in which all of some figures fit a box of this size, each by itself."""
        px = min(px_max, box.height * FULL_PERMILLE // TEXT_HEIGHT_PERMILLE)
        if px < 1 or box.width < 1:
            return 0
        return min(
            (
                self._fitting_px(replace_signs(one), box, px, is_bold=is_bold, is_figure=True)
                for one in texts
            ),
            default=px,
        )

    def write_wrapped(self, box: Box, text: str, colour: Colour, *, px_max: int) -> None:
        """Write a text in as many lines as fit, as large as it can be whole, else cut."""
        shown = replace_signs(text[: box.width * box.height // LEAST_SIGN_PX])
        least, most = self.least_text_px, box.height * FULL_PERMILLE // LINE_STEP_PERMILLE
        px, (lines, is_all) = least, _wrap(shown, box, least)
        most = min(most, px_max) if is_all else least
        while least < most:
            middle = (least + most + 1) // 2
            wrapped, is_all = _wrap(shown, box, middle)
            if is_all:
                px, lines, least = middle, wrapped, middle
            else:
                most = middle - 1
        step = px * LINE_STEP_PERMILLE // FULL_PERMILLE
        top = box.top + (box.height - step * len(lines)) // 2
        px = self.common_px(lines, box, px_max=px)
        for place, line in enumerate(lines):
            row = Box(box.left, top + place * step, box.right, top + (place + 1) * step)
            self.write(row, line, colour, px_max=px)

    def fill(self, box: Box, colour: Colour) -> None:
        """Fill a box."""
        if box.width and box.height:
            self._draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=colour)

    def bar(
        self, box: Box, permille: int, colour: Colour, *, mark_permille: int | None = None
    ) -> None:
        """Draw how full something is, with a mark where it should be by now."""
        if box.width < 4 or box.height < 3:  # noqa: PLR2004 (an edge on each side)
            return
        outer = (box.left, box.top, box.right - 1, box.bottom - 1)
        self._draw.rectangle(outer, outline=self.palette.edge)
        inner = box.inset(1, 1)
        full = inner.width * min(permille, FULL_PERMILLE) // FULL_PERMILLE
        self.fill(Box(inner.left, inner.top, inner.left + full, inner.bottom), colour)
        if mark_permille is None:
            return
        mark = inner.left + (inner.width - 1) * min(mark_permille, FULL_PERMILLE) // FULL_PERMILLE
        is_covered = self.depth == "1" and mark - inner.left < full
        ink = self.palette.ground if is_covered else self.palette.ink
        self._draw.line((mark, box.top, mark, box.bottom - 1), fill=ink)

    def light(self, box: Box, level: Level | None) -> None:
        """Draw the light's shape: a circle, a diamond, a triangle; a dash where there is none."""
        side = min(box.width, box.height)
        if side < 3:  # noqa: PLR2004 (no shape can be told from another)
            return
        left, top = box.left + (box.width - side) // 2, box.top + (box.height - side) // 2
        right, bottom = left + side - 1, top + side - 1
        middle_x, middle_y = (left + right) // 2, (top + bottom) // 2
        colour = self.palette.of_light(level)
        if level is Level.LOW:
            self._draw.ellipse((left, top, right, bottom), fill=colour)
        elif level is Level.MEDIUM:
            points = [(middle_x, top), (right, middle_y), (middle_x, bottom), (left, middle_y)]
            self._draw.polygon(points, fill=colour)
        elif level is Level.HIGH:
            self._draw.polygon([(middle_x, top), (right, bottom), (left, bottom)], fill=colour)
        else:
            thick = max(side // 5, 1)
            self.fill(Box(left, middle_y - thick // 2, right + 1, middle_y + thick), colour)


def _wrap(text: str, box: Box, px: int) -> tuple[list[str], bool]:
    """Break a text in one size into the lines that fit a box; tell whether all of it is there."""
    lines_max = max(box.height * FULL_PERMILLE // (px * LINE_STEP_PERMILLE), 1)
    lines = wrap_text(
        text, lambda one: estimate_width(one, px, is_bold=False) <= box.width, lines_max
    )
    return lines, is_whole(text, lines)


def _edges(start: int, length: int, weights: tuple[int, ...]) -> list[tuple[int, int]]:
    total, passed, edges = sum(weights), 0, [start]
    for weight in weights:
        passed += weight
        edges.append(start + length * passed // total)
    return list(pairwise(edges))
