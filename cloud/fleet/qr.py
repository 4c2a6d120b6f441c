"""A claim as a picture to be photographed: QR codes (ISO/IEC 18004) by segno."""

import io
from pathlib import Path

import segno

from shared.errors import OperatorError

CORRECTION = "m"
"""Level M: a scratched screen or a poor camera may lose 15% of it."""

PIXELS_PER_MODULE = 8
SUFFIXES = (".png", ".svg")


def terminal_text(text: str) -> str:
    """Draw a text for a terminal, two rows a line, dark on light."""
    drawn = io.StringIO()
    _code(text).terminal(out=drawn, compact=True)
    return drawn.getvalue()


def svg(text: str) -> str:
    """Draw a text as an SVG element."""
    return str(_code(text).svg_inline(scale=PIXELS_PER_MODULE))


def write_picture(text: str, path: Path) -> None:
    """Draw a text into a file, whose name says as what; raises OperatorError for another."""
    if path.suffix not in SUFFIXES:
        raise OperatorError(
            f"{path} is no picture we write", hint=f"end its name with {' or '.join(SUFFIXES)}"
        )
    _code(text).save(str(path), scale=PIXELS_PER_MODULE)


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error=CORRECTION)
