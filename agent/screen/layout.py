"""Where everything stands on a screen of any size: one layout, in three densities.

A screen lower than `SMALL_BELOW_PX` has room for power, its light, today and the most pressing
line; a larger one for all periods; the larger still, the more lines. Pure: the same face and size
give the same picture.
"""

from collections.abc import Sequence

from PIL import Image

from agent.screen.canvas import Box, Canvas
from agent.screen.face import Face, Figure, Line, Press
from agent.screen.fonts import has_signs, let_go
from agent.screen.palette import Colour, Depth
from agent.screendrivers import Theme

LEAST_PX, MOST_PX = (64, 32), (4_096, 4_096)
"""Sizes that are drawn at all: the smallest panels that are sold, and beyond any."""

SMALL_BELOW_PX = 120
TINY_BELOW_PX = 44
"""Lower than three rows of letters: one row of figures, and one of words."""

FOUR_COLUMNS_FROM_PX = 220
LINE_PX_MAX = 26
"""Lines are read from near; the figures above them are what is seen from far."""

FOREIGN_MESSAGE = "Message from your supplier: see the hub's page"
"""Said in place of a message whose script the font has not."""


def draw_face(
    face: Face, size: tuple[int, int], depth: Depth, theme: Theme = "dark"
) -> Image.Image:
    """Draw a face as a picture of this size in pixels; depth "1" is one bit, "RGB" three bytes."""
    canvas = Canvas(size, depth, theme)
    if min(size) < SMALL_BELOW_PX:
        _draw_small(canvas, face)
    else:
        _draw_large(canvas, face)
    let_go()
    return canvas.image


def _draw_small(canvas: Canvas, face: Face) -> None:
    margin = max(canvas.box.width // 64, 1)
    box = canvas.box.inset(margin)
    urgent = [line for line in face.lines if line.press >= Press.NOTICE]
    if box.height < TINY_BELOW_PX:
        power, foot = box.split_rows(3, 2)
        _draw_small_power(canvas, face, power)
        _draw_small_foot(canvas, face, urgent, foot)
        return
    power, today, foot = box.split_rows(28, 17, 17)
    _draw_small_power(canvas, face, power)
    if urgent and urgent[0].press is Press.MESSAGE:
        rest = Box(box.left, today.top, box.right, foot.bottom)
        px = canvas.least_text_px + 4
        canvas.write_wrapped(rest, _words(urgent[0]), canvas.palette.ink, px_max=px)
        return
    first = face.figures[0]
    money, energy = today.split_columns(1, 1)
    canvas.write(money, first.money, canvas.palette.ink, is_bold=True, is_figure=True)
    canvas.write(energy, first.energy, canvas.palette.ink, align="right", is_figure=True)
    _draw_small_foot(canvas, face, urgent, foot)


def _draw_small_power(canvas: Canvas, face: Face, box: Box) -> None:
    """Draw power on the left, and what is to be thought of it on the right."""
    number, beside = box.split_columns(58, 42)
    _draw_number(canvas, face, number.inset(0, 1))
    beside = Box(beside.left + 3, beside.top, beside.right, beside.bottom)
    if box.height < 2 * canvas.least_text_px:
        canvas.write(beside, face.light_word, _light_ink(canvas, face), align="right")
        return
    above, below = beside.split_rows(1, 1)
    canvas.write(above, face.light_word, _light_ink(canvas, face), align="right")
    if face.state == "fresh":
        shape = Box(below.right - below.height + 1, below.top + 1, below.right, below.bottom)
        canvas.light(shape, face.light)
        below = Box(below.left, below.top, shape.left - 2, below.bottom)
    canvas.write(below, face.note, canvas.palette.ink, align="right")


def _draw_small_foot(canvas: Canvas, face: Face, urgent: list[Line], box: Box) -> None:
    """Write the most pressing line, else month and clock."""
    if urgent:
        canvas.write(box, _words(urgent[0]), canvas.palette.ink)
        return
    month, clock = box.split_columns(70, 30)
    canvas.write(month, f"Month {face.figures[3].money}", canvas.palette.ink, is_figure=True)
    canvas.write(clock, face.clock, canvas.palette.ink, align="right")


def _draw_large(canvas: Canvas, face: Face) -> None:
    width, height = canvas.box.width, canvas.box.height
    margin = max(min(width, height) // 40, 2)
    box = canvas.box.inset(margin, margin // 2)
    if height > width:
        head, power, periods, lines = box.split_rows(7, 28, 33, 32)
        _draw_period_rows(canvas, face, periods)
    else:
        head, power, periods, lines = box.split_rows(10, 40, 27, 23)
        _draw_period_columns(canvas, face, periods)
    _draw_head(canvas, face, head)
    _draw_power(canvas, face, power)
    _draw_lines(canvas, face, lines)


def _draw_head(canvas: Canvas, face: Face, box: Box) -> None:
    clock, title = box.split_columns(1, 2)
    px = min(box.height, LINE_PX_MAX)
    canvas.write(clock, face.clock, canvas.palette.ink, px_max=px, is_bold=True)
    words = "Power now" if face.state != "stale" else "The meter is silent"
    canvas.write(title, words, canvas.palette.soft, px_max=px, align="right")


def _draw_power(canvas: Canvas, face: Face, box: Box) -> None:
    """Draw power large, its light and price beside it, and the gauge below."""
    main, gauge = box.split_rows(86, 14)
    number, beside = main.split_columns(58, 42)
    _draw_number(canvas, face, number.inset(0, box.height // 16))
    word, note = beside.inset(0, box.height // 8).split_rows(1, 1)
    shape = Box(word.left, word.top, word.left + word.height, word.bottom)
    gap = word.height // 5
    canvas.light(shape.inset(gap, gap), face.light)
    beside_shape = Box(shape.right, word.top, word.right, word.bottom)
    px = word.height * 3 // 4
    ink = _light_ink(canvas, face)
    canvas.write(beside_shape, face.light_word.capitalize(), ink, px_max=px, is_bold=True)
    canvas.write(note.inset(gap), face.note, canvas.palette.ink, px_max=px * 4 // 5)
    if face.state == "fresh":
        thin = gauge.inset(0, gauge.height // 3)
        canvas.bar(thin, face.gauge_permille, canvas.palette.of_light(face.light))


def _draw_number(canvas: Canvas, face: Face, box: Box) -> None:
    """Write power with its unit; what is not from now is written as beside."""
    ink = canvas.palette.ink if face.state == "fresh" else canvas.palette.soft
    number, unit = box.split_columns(74, 26)
    sign = "−" if face.direction == "exporting" else ""
    canvas.write(
        number.inset(1), sign + face.number, ink, align="right", is_bold=True, is_figure=True
    )
    low = Box(unit.left + unit.width // 12, unit.top + unit.height // 2, unit.right, unit.bottom)
    canvas.write(low, face.unit, ink, is_figure=True)


def _draw_period_columns(canvas: Canvas, face: Face, box: Box) -> None:
    canvas.fill(Box(box.left, box.top, box.right, box.top + 1), canvas.palette.edge)
    gap = max(box.width // 120, 2)
    # A narrow screen has room for today and the month alone.
    step = 1 if box.width >= FOUR_COLUMNS_FROM_PX else 3
    figures = face.figures[::step]
    columns = [
        column.inset(gap, gap // 2).split_rows(30, 42, 28)
        for column in box.split_columns(*[1] * len(figures))
    ]
    _write_figures(canvas, face, figures, columns)


def _draw_period_rows(canvas: Canvas, face: Face, box: Box) -> None:
    canvas.fill(Box(box.left, box.top, box.right, box.top + 1), canvas.palette.edge)
    rows = [
        row.inset(0, row.height // 10).split_columns(34, 33, 33)
        for row in box.split_rows(1, 1, 1, 1)
    ]
    _write_figures(canvas, face, face.figures, rows)


def _write_figures(
    canvas: Canvas, face: Face, figures: Sequence[Figure], places: list[list[Box]]
) -> None:
    """Write each period's name, money and energy, all in one size; old ones as beside."""
    palette = canvas.palette
    ink: Colour = palette.soft if face.is_old else palette.ink
    texts = list(zip(*figures, strict=True))
    for part, (colour, is_bold) in enumerate(((palette.soft, False), (ink, True), (ink, False))):
        most = 2 * LINE_PX_MAX if is_bold else LINE_PX_MAX
        px = canvas.common_px(texts[part], places[0][part], px_max=most, is_bold=is_bold)
        for place, text in zip(places, texts[part], strict=True):
            canvas.write(place[part], text, colour, px_max=px, is_bold=is_bold, is_figure=True)


def _draw_lines(canvas: Canvas, face: Face, box: Box) -> None:
    """Write a message in all of the room, else as many lines as can be read.

    They stand in two columns where the screen is wide.
    """
    canvas.fill(Box(box.left, box.top, box.right, box.top + 1), canvas.palette.edge)
    box = Box(box.left, box.top + 2, box.right, box.bottom)
    if face.lines and face.lines[0].press is Press.MESSAGE:
        inner = box.inset(box.width // 160)
        ink = canvas.palette.medium
        canvas.write_wrapped(inner, _words(face.lines[0]), ink, px_max=LINE_PX_MAX)
        return
    columns = 2 if box.width >= 40 * canvas.least_text_px else 1
    least_px = canvas.least_text_px * 3 // 2 if columns > 1 else canvas.least_text_px + 2
    rows = max(min(box.height // least_px, -(-len(face.lines) // columns)), 1)
    places = [
        place
        for column in box.split_columns(*[1] * columns)
        for place in column.inset(box.width // 160, 0).split_rows(*[1] * rows)
    ]
    for place, line in zip(places, face.lines, strict=False):
        _draw_line(canvas, line, place)


def _draw_line(canvas: Canvas, line: Line, box: Box) -> None:
    is_pressing = line.press >= Press.NOTICE
    ink = canvas.palette.medium if is_pressing else canvas.palette.ink
    if line.permille is not None:
        words, bar = box.split_columns(66, 34)
        colour = canvas.palette.high if is_pressing else canvas.palette.soft
        inner = bar.inset(2, bar.height // 4)
        canvas.bar(inner, line.permille, colour, mark_permille=line.mark_permille)
        box = words
    canvas.write(box, _words(line), ink, px_max=LINE_PX_MAX, is_bold=is_pressing)


def _words(line: Line) -> str:
    if line.press is Press.MESSAGE and not has_signs(line.text):
        return FOREIGN_MESSAGE
    return line.text


def _light_ink(canvas: Canvas, face: Face) -> Colour:
    return canvas.palette.of_light(face.light) if face.light else canvas.palette.ink
