"""The system's Chromium under Playwright, for tests of pages."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_MS_MAX = 30_000


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start a headless Chromium that talks to nobody unasked; it ends with the block."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None, "chromium is not installed: run 'make setup'"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, headless=True, args=list(ARGUMENTS), timeout=START_MS_MAX
        )
        try:
            yield browser
        finally:
            browser.close()


def accessibility_violations(page: Page) -> list[str]:
    """Run axe-core in the page and list what it finds wrong: rule, help and the element."""
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]}"
        for violation in _run_axe(page)["violations"]
        for node in violation["nodes"]
    ]


def accessibility_score(page: Page) -> float:
    """Say how many in a hundred of axe-core's rules that apply to the page are kept."""
    found = _run_axe(page)
    kept, broken = len(found["passes"]), len(found["violations"])
    return 100 * kept / (kept + broken)


def _run_axe(page: Page) -> dict[str, Any]:
    package = importlib.util.find_spec("axe_core_python")
    assert package is not None, "axe-core-python is not installed: install the dev extra"
    assert package.origin is not None
    script = Path(package.origin).with_name("axe.min.js")
    page.evaluate(script.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("async () => axe.run()")
    return found
