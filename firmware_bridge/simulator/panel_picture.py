"""What a simulated panel shows, as lines of text and as a PNG, as the C reference draws it. Pure.

The layout is the reference's own (firmware_bridge/reference/picture.c); the tests hold both to the
same pixels.
"""

import zlib

from firmware_bridge.display.messages import Display, Text
from firmware_bridge.simulator.panel_texts import lay_out

COLUMNS, LINES = 26, 10
TOLD_FIRST, TOLD_LINES = 2, 7
"""Where a message stands, in place of the table."""

SCALE, MARGIN = 4, 8
CELL_W, CELL_H = 4 * SCALE, 6 * SCALE
WIDTH, HEIGHT = COLUMNS * CELL_W + 2 * MARGIN, LINES * CELL_H + 2 * MARGIN
INK, PAPER = 0x10, 0xE8
GLYPH_W, GLYPH_H = 3, 5
MINUTES_PER_HOUR = 60
LIGHTS = ("LOW", "MEDIUM", "HIGH")
LINKS = ("OK", "METER SILENT", "OFFLINE")
PNG = b"\x89PNG\r\n\x1a\n"
GREY_8 = bytes((8, 0, 0, 0, 0))

SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:,!?'/()+% "
DOTS = (
    *(0x7B6F, 0x2C97, 0x73E7, 0x73CF, 0x5BC9, 0x79CF, 0x79EF, 0x7252, 0x7BEF, 0x7BCF),
    *(0x2BED, 0x6BAE, 0x3923, 0x6B6E, 0x79A7, 0x79A4, 0x396B, 0x5BED, 0x7497, 0x126A),
    *(0x5BAD, 0x4927, 0x5FED, 0x6B6D, 0x2B6A, 0x6BA4, 0x2B73, 0x6BAD, 0x388E, 0x7492),
    *(0x5B6F, 0x5B6A, 0x5BFD, 0x5AAD, 0x5A92, 0x72A7, 0x0002, 0x01C0, 0x0410),
    *(0x0014, 0x2482, 0x6282, 0x2400, 0x12A4, 0x1491, 0x4494, 0x05D0, 0x52A5, 0x0000),
)
"""Five rows of three dots for each of SIGNS, the top row in the highest bits."""

GLYPHS = dict(zip(SIGNS, DOTS, strict=True))


def draw_lines(display: Display | None, text: Text | None = None) -> list[str]:
    """Lay out what a display says, and over its table a message where one stands."""
    lines = _figures(display)
    if text is not None:
        told = lay_out(text.text, SIGNS, COLUMNS, TOLD_LINES)
        lines[TOLD_FIRST : TOLD_FIRST + TOLD_LINES] = told
    return lines


def _figures(display: Display | None) -> list[str]:
    """Lay out the figures; "NO DATA" where nothing, or nothing any more, is known."""
    if display is None:
        return ["NO DATA", *[""] * (LINES - 1)]
    light = "" if display.light is None else LIGHTS[display.light]
    as_of, link = display.gas_as_of_min, display.link
    lines = [
        f"NOW {_thousandths(display.power_w)} KW {light}",
        f"PER HOUR {_money(display.cost_per_h_millipence)}",
        f"{'KWH':>15}{display.currency or '':>8}",
        _period("TODAY", display.today_wh, display.today_millipence),
        _period("YEST.", display.yesterday_wh, display.yesterday_millipence),
        _period("WEEK", display.week_wh, display.week_millipence),
        _period("MONTH", display.month_wh, display.month_millipence),
        _period("GAS", display.gas_today_wh, display.gas_today_millipence),
        "" if as_of is None else "GAS AS OF {:02}:{:02}".format(*divmod(as_of, MINUTES_PER_HOUR)),
        "" if link is None else f"METER {LINKS[link]}",
    ]
    return [line[:COLUMNS] for line in lines]


def draw_png(lines: list[str]) -> bytes:
    """Draw the lines as a grey PNG."""
    rows = b"".join(b"\x00" + bytes(_row(lines, y)) for y in range(HEIGHT))
    head = WIDTH.to_bytes(4) + HEIGHT.to_bytes(4) + GREY_8
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return PNG + b"".join(
        len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)
        for kind, content in chunks
    )


def _row(lines: list[str], y: int) -> list[int]:
    place, dot_y = divmod(y - MARGIN, CELL_H)
    row = [PAPER] * WIDTH
    if not 0 <= place < LINES or dot_y // SCALE >= GLYPH_H:
        return row
    for column, sign in enumerate(lines[place]):
        bits = GLYPHS.get(sign, 0) >> (GLYPH_W * (GLYPH_H - 1 - dot_y // SCALE))
        for dot_x in range(GLYPH_W):
            if bits >> (GLYPH_W - 1 - dot_x) & 1:
                left = MARGIN + column * CELL_W + dot_x * SCALE
                row[left : left + SCALE] = [INK] * SCALE
    return row


def _period(name: str, energy_wh: int | None, cost_millipence: int | None) -> str:
    return f"{name:<6}{_thousandths(energy_wh):>9.9}{_money(cost_millipence):>8.8}"


def _thousandths(value: int | None) -> str:
    """Write W as kW, Wh as kWh."""
    if value is None:
        return "--"
    whole, part = divmod(abs(value), 1_000)
    return f"{'-' if value < 0 else ''}{whole}.{part:03}"


def _money(millipence: int | None) -> str:
    """Write millipence as the currency's unit, half away from zero."""
    if millipence is None:
        return "--"
    whole, part = divmod((abs(millipence) + 500) // 1_000, 100)
    return f"{'-' if millipence < 0 else ''}{whole}.{part:02}"
