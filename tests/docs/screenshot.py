"""Take the README's picture of a display that is being served: `make screenshot`.

Owns docs/images/display.png and nothing else; it starts no hub. The demo serves a display with
two weeks behind it: run `make demo` in another terminal first, or name another page by its URL.
"""

import argparse
from pathlib import Path

from playwright.sync_api import expect

from tests.support.chromium import open_chromium

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "display.png"
URL = "http://127.0.0.1:8080"
WIDTH_PX = 1_280
HEIGHT_PX_MIN = 800
FIRST_VIEW_MS_MAX = 15_000


def take_screenshot(url: str, picture: Path) -> None:
    """Write a PNG of the whole page, every card of it, once its first view has come."""
    with open_chromium() as browser:
        page = browser.new_page(
            viewport={"width": WIDTH_PX, "height": HEIGHT_PX_MIN},
            color_scheme="light",
            reduced_motion="reduce",
        )
        page.goto(url)
        expect(page.locator("#rows tr")).to_have_count(48, timeout=FIRST_VIEW_MS_MAX)
        expect(page.locator("#health")).to_contain_text("Meter")
        page.screenshot(path=picture, full_page=True)


def main() -> None:
    """Take the picture of the page that the command line names."""
    parser = argparse.ArgumentParser("make screenshot", description=__doc__)
    parser.add_argument("url", nargs="?", default=URL, help=f"the display's address ({URL})")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="the PNG to write")
    chosen = parser.parse_args()
    take_screenshot(chosen.url, chosen.picture)
    print(chosen.picture)


if __name__ == "__main__":
    main()
