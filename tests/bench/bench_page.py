"""The hub's own pages in a real Chromium over loopback: first paint, size, accessibility.

Each visit is that of a browser that has never been there. Size is what is sent, uncompressed, the
first view included; the score is the share of axe-core's rules that apply and are kept.
"""

import statistics
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from tests.support.chromium import accessibility_score, open_chromium
from tests.support.home_page import Home

PAGES = {
    "page": ("/", "#rows tr"),
    "history": ("/history", "#bars .bar"),
    "view for the wall": ("/?kiosk", "#rows tr"),
}
"""Each page's path, and of what there are 48 once it is drawn."""

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
VISITS = 7
PAINT_MS_MAX = 300
BYTES_MAX = 100_000
SCORE_MIN = 100.0
PAINT = """() => new Promise((done) => new PerformanceObserver((list) =>
  done(list.getEntriesByName("first-contentful-paint")[0].startTime)
).observe({ type: "paint", buffered: true }))"""


def measure() -> list[dict[str, Any]]:
    """Two rows a page, and one of accessibility."""
    rows, scores = [], {}
    with open_chromium() as browser, Home().serve() as server:
        for name in PAGES:
            visits = [_visit(browser, server.url, name) for _ in range(VISITS)]
            rows += [_paint_row(name, [paint for paint, _ in visits])]
            rows += [_size_row(name, max(size for _, size in visits))]
            for scheme in SCHEMES:
                scores[f"{name}, {scheme}"] = _score(browser, server.url, name, scheme)
    return [*rows, _score_row(scores)]


def _visit(browser: Browser, origin: str, name: str) -> tuple[float, int]:
    """Go there once; return the first paint in ms and the bytes that were sent."""
    # What the page's worker keeps for later is the same files once more.
    context = browser.new_context(service_workers="block")
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    context.on("response", note)
    page = _open(context, origin, name)
    paint_ms: float = page.evaluate(PAINT)
    # An event that goes on cannot be read here; what it tells first is the view.
    sizes = [len(answer.body()) for answer in answers if not answer.url.endswith("/events")]
    is_told_a_view = any(answer.url.endswith("/events") for answer in answers)
    view = len(context.request.get(f"{origin}/view.json").body()) if is_told_a_view else 0
    context.close()
    return paint_ms, sum(sizes) + view


def _score(browser: Browser, origin: str, name: str, scheme: Literal["light", "dark"]) -> float:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = _open(context, origin, name)
    if name != "view for the wall":
        for fold in page.locator("summary").all():
            fold.click()
    score = accessibility_score(page)
    context.close()
    return score


def _open(context: BrowserContext, origin: str, name: str) -> Page:
    path, drawn = PAGES[name]
    page = context.new_page()
    page.goto(origin + path)
    expect(page.locator(drawn)).to_have_count(48)
    return page


def _paint_row(name: str, paints_ms: list[float]) -> dict[str, Any]:
    ours = statistics.median(paints_ms)
    return {
        "name": f"the hub's {name}: first paint over loopback",
        "ours": round(ours),
        "unit": "ms",
        "peer": "limit",
        "theirs": PAINT_MS_MAX,
        "ratio": round(PAINT_MS_MAX / ours, 2),
        "target": 1,
        "note": f"Chromium that was never there, median of {VISITS}; slowest {max(paints_ms):.0f}",
    }


def _size_row(name: str, size: int) -> dict[str, Any]:
    return {
        "name": f"the hub's {name}: size",
        "ours": round(size / 1_000, 1),
        "unit": "kB",
        "peer": "limit",
        "theirs": BYTES_MAX // 1_000,
        "ratio": round(BYTES_MAX / size, 2),
        "target": 1,
        "note": "everything that is sent, uncompressed, with the first view",
    }


def _score_row(scores: dict[str, float]) -> dict[str, Any]:
    worst = min(scores, key=lambda one: scores[one])
    return {
        "name": "accessibility of the hub's pages, light and dark",
        "ours": round(scores[worst], 1),
        "unit": "of 100",
        "peer": "limit",
        "theirs": SCORE_MIN,
        "ratio": round(scores[worst] / SCORE_MIN, 3),
        "target": 1,
        "note": f"axe-core's rules that apply and are kept, every fold open; least: {worst}",
    }


if __name__ == "__main__":
    for row in measure():
        print(row)
