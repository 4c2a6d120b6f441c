"""The letters of a screen: Source Sans Pro (SIL Open Font License 1.1), from a package of fonts.

Owns which sizes are kept in memory and which signs the font has. It has Latin, Greek and Cyrillic;
its digits are all as wide as one another, so that a figure that changes does not jump.
"""

from functools import lru_cache
from pathlib import Path

import font_source_sans_pro  # type: ignore[import-untyped]
from PIL import ImageFont

SIZES_KEPT = 1
"""Each has the font's whole file in memory, 290 KB. A picture, one a second at most, opens ten to
seventeen again: a millisecond or two, where it takes three to eight (measured)."""

REFERENCE_PX = 48
"""Texts are measured in one size first: loading each that is tried would cost as many fonts."""

FINE_BELOW_PX = 24
SIGNS_KEPT = 512
"""Of all that are ever drawn, far fewer are in use at a time."""

_NO_SIGN = "\uffff"

_FOLDER = Path(font_source_sans_pro.font_directory)
_FILES = {False: "SourceSansPro-Semibold.ttf", True: "SourceSansPro-Bold.ttf"}


@lru_cache(maxsize=SIZES_KEPT)
def load_font(size_px: int, *, is_bold: bool) -> ImageFont.FreeTypeFont:
    """Load the font in one size; its plain layout is the same wherever it runs."""
    path = _FOLDER / _FILES[is_bold]
    return ImageFont.truetype(path, size_px, layout_engine=ImageFont.Layout.BASIC)


def let_go() -> None:
    """Close the font until the next picture: what of its file was read stays in memory so long."""
    load_font.cache_clear()


def step_down(size_px: int) -> int:
    """Return the next size that is used at all: large ones in steps, so that few are loaded."""
    step = 1 if size_px < FINE_BELOW_PX else 2 if size_px < REFERENCE_PX else 8
    return max(size_px - size_px % step, 1)


def estimate_width(text: str, size_px: int, *, is_bold: bool) -> int:
    """Tell about how wide a text comes out in a size, in pixels."""
    reference = sum(_reference_width(sign, is_bold=is_bold) for sign in text)
    return round(reference * size_px / REFERENCE_PX)


@lru_cache(maxsize=2 * SIGNS_KEPT)
def _reference_width(sign: str, *, is_bold: bool) -> float:
    """Measure a sign once: in the plain layout a text is as wide as its signs."""
    return load_font(REFERENCE_PX, is_bold=is_bold).getlength(sign)


def has_signs(text: str) -> bool:
    """Tell whether the font has every sign of a text; where it has not, boxes would be drawn."""
    return all(_has_sign(sign) for sign in text)


def replace_signs(text: str) -> str:
    """Put a question mark for every sign that the font has not."""
    return text if has_signs(text) else "".join(one if _has_sign(one) else "?" for one in text)


@lru_cache(maxsize=SIGNS_KEPT)
def _has_sign(sign: str) -> bool:
    return sign == " " or _drawn(sign) != _drawn(_NO_SIGN)


def _drawn(sign: str) -> tuple[tuple[int, int], bytes]:
    mask = load_font(REFERENCE_PX, is_bold=False).getmask(sign)
    return mask.size, bytes(mask)
