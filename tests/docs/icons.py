"""Draw the mark as PNG icons: `make screenshot`, or `python -m tests.docs.icons`.

Owns shared/looks/icon-*.png: a phone's home screen takes no SVG, and puts black behind what is
transparent. The mark is shared/looks/icon.svg, which Chromium draws on the page's own paper, small
enough for a round mask. Each file names the digest of what it was drawn from.
"""

import hashlib
import io
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page

from tests.support.chromium import open_chromium

LOOKS = Path(__file__).parents[2] / "shared" / "looks"
MARK = LOOKS / "icon.svg"
SIZES_PX = (180, 192, 512)
"""Apple's home screens, and what other browsers install by."""

PAPER = "#f5f2ec"
PAPER_RGB = (0xF5, 0xF2, 0xEC)
PERCENT = 72
"""Of the side: a mask may leave a circle of 80 %, and the mark's corners must lie within it."""

COLOURS = 32
"""Two and what lies between them along the edges."""

SOURCE = "Source"


def source_of() -> str:
    """Name what the icons are drawn from."""
    drawn_from = MARK.read_bytes() + f"{PAPER} {PERCENT}".encode()
    return hashlib.sha256(drawn_from).hexdigest()


def path_of(size_px: int) -> Path:
    """Say where the icon of a size lies."""
    return LOOKS / f"icon-{size_px}.png"


def main() -> None:
    """Draw the icons into the tree."""
    with open_chromium() as browser:
        for size_px in SIZES_PX:
            page = browser.new_page(viewport={"width": size_px, "height": size_px})
            path_of(size_px).write_bytes(_packed(_draw(page)))
            print(path_of(size_px))


def _draw(page: Page) -> bytes:
    mark = MARK.read_text().replace("<svg ", f'<svg style="width:{PERCENT}vmin" ', 1)
    centred = f"display:grid;place-items:center;height:100vh;margin:0;background:{PAPER}"
    page.set_content(f'<body style="{centred}">{mark}')
    return page.screenshot()


def _packed(png: bytes) -> bytes:
    """Write a picture of few colours small, with the name of its source."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS)
    named = PngInfo()
    named.add_text(SOURCE, source_of())
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True, pnginfo=named)
    return out.getvalue()


if __name__ == "__main__":
    main()
