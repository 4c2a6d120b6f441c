"""The hub's history and its wall view in a real Chromium: periods, comparison, files, offline."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from agent.home.inputs import HomeInputs, Message, PrepaymentState
from shared.meterdays import SlotUsage
from tests.support.chromium import accessibility_violations, open_chromium
from tests.support.home_inputs import NOW_MS, day_slots, home_inputs
from tests.support.home_page import Home
from tests.support.pictures import read_picture
from tests.support.webserver import WebServer

pytestmark = pytest.mark.slow

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

CONTROLLED = """() => new Promise((done) => {
  const worker = navigator.serviceWorker;
  if (worker.controller) done(true);
  worker.addEventListener("controllerchange", () => done(true));
  setTimeout(() => done(false), 20_000);
})"""
"""Wait until the page's worker has its files; a policy without eval lets no test poll for it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all; each test has a context of its own."""
    with open_chromium() as started:
        yield started


@pytest.fixture
def home() -> Home:
    """A home in good health, with an hour that is not known and one that is estimated."""
    made = Home()
    slots = day_slots(NOW_MS)
    newest = max(slots)
    del slots[newest - 20], slots[newest - 21]
    slots[newest - 9] = SlotUsage(600_000, is_estimated=True)
    made.inputs = home_inputs(
        electricity_slots=slots,
        export_slots={
            slot: SlotUsage(400_000 if slot == newest - 12 else 0, slots[slot].is_estimated)
            for slot in slots
        },
    )
    return made


@pytest.fixture
def server(home: Home) -> Iterator[WebServer]:
    """The page, served."""
    with home.serve() as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser's window; no script in it may fail, and no policy be broken."""
    made = browser.new_context(reduced_motion="reduce", viewport={"width": 1_000, "height": 800})
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    made.on("weberror", lambda error: faults.append(str(error.error)))
    made.on("console", note)
    yield made
    made.close()
    assert faults == []


def open_history(context: BrowserContext, server: WebServer) -> Page:
    page = context.new_page()
    page.goto(f"{server.url}/history")
    expect(page.locator("#used")).to_contain_text("kWh")
    return page


def test_a_day_is_shown_with_its_cost_and_what_came_before(
    context: BrowserContext, server: WebServer
) -> None:
    """Holes are said, never drawn as nothing used."""
    page = open_history(context, server)

    expect(page.locator("#period strong")).to_have_text(re.compile("Fri,? 20 Nov 2026"))
    expect(page.locator("#bars .bar")).to_have_count(48)
    expect(page.locator("#bars .bar.estimated")).to_have_count(2)  # and the running one
    expect(page.locator("#used-note")).to_contain_text("2 of 48 intervals missing")
    expect(page.locator("#used-note")).to_contain_text("0.40 kWh exported")
    expect(page.locator("#compared")).to_contain_text("The day before")
    expect(page.locator("#spent")).to_contain_text("£")
    expect(page.locator("#spent-note")).to_contain_text("Night Saver")


@pytest.mark.parametrize(
    ("period", "title", "bars"),
    [("week", "16 Nov – 22 Nov 2026", 7), ("month", "November 2026", 30), ("year", "2026", 12)],
)
def test_longer_periods_are_shown(
    context: BrowserContext, server: WebServer, period: str, title: str, bars: int
) -> None:
    """Each by its own intervals."""
    page = open_history(context, server)

    page.get_by_label("Period", exact=True).select_option(period)

    expect(page.locator("#period strong")).to_have_text(title)
    expect(page.locator("#bars .bar")).to_have_count(bars)


def test_days_before_the_hub_cost_nothing_here(context: BrowserContext, server: WebServer) -> None:
    """Five weeks are known: of the year, the months before have no standing charge to show."""
    page = open_history(context, server)
    page.get_by_label("Period", exact=True).select_option("year")

    expect(page.locator("#spent-note")).to_contain_text("since Oct")

    page.get_by_label("Earlier").click()
    expect(page.locator("#period strong")).to_have_text("2025")
    expect(page.locator("#spent")).to_have_text("–")


def test_one_goes_back_and_forth_in_time(context: BrowserContext, server: WebServer) -> None:
    """By the buttons beside the period; gas by its own choice."""
    page = open_history(context, server)

    page.get_by_label("Earlier").click()
    expect(page.locator("#period strong")).to_have_text(re.compile("Thu,? 19 Nov 2026"))
    page.get_by_label("Later").click()
    expect(page.locator("#period strong")).to_have_text(re.compile("Fri,? 20 Nov 2026"))
    page.get_by_label("Medium").select_option("gas")

    expect(page.locator("#spent-note")).to_contain_text("Standard gas")


def test_without_a_tariff_the_page_says_how_to_enter_one(
    context: BrowserContext, home: Home, server: WebServer
) -> None:
    """Energy is shown all the same."""
    home.inputs = home_inputs(tariff=None)

    page = open_history(context, server)

    expect(page.locator("#spent-note")).to_contain_text("hearthlink tariff import")


def test_the_half_hours_are_downloaded(
    context: BrowserContext, server: WebServer, tmp_path: Path
) -> None:
    """The link leads to the period's own file."""
    page = open_history(context, server)

    with page.expect_download() as waiting:
        page.locator("#csv").click()
    waiting.value.save_as(tmp_path / "usage.csv")

    with (tmp_path / "usage.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 48


def test_any_range_is_downloaded_or_refused_in_words(
    context: BrowserContext, server: WebServer, tmp_path: Path
) -> None:
    """From the first to the last day, both included, in the medium that is shown."""
    page = open_history(context, server)
    page.get_by_label("From").fill("2026-11-10")
    page.get_by_label("to and including").fill("2026-11-14")
    page.get_by_label("by", exact=True).select_option("day")

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    waiting.value.save_as(tmp_path / "days.csv")

    assert waiting.value.suggested_filename == "hearthlink-electricity-2026-11-10_2026-11-15.csv"
    with (tmp_path / "days.csv").open(newline="") as file:
        days = [line["local_start"][:10] for line in csv.DictReader(file)]
    assert (days[0], days[-1], len(days)) == ("2026-11-10", "2026-11-14", 5)
    page.get_by_label("From").fill("2026-11-15")
    page.get_by_role("button", name="Download").click()
    expect(page.locator("#range-note")).to_contain_text("is not after from")


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1_280, "dark")])
def test_axe_finds_nothing_and_nothing_is_too_wide(
    context: BrowserContext, server: WebServer, width: int, scheme: Literal["light", "dark"]
) -> None:
    """From a phone by day to a desk by night, with every fold open."""
    page = open_history(context, server)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for summary in page.locator("summary").all():
        summary.click()

    assert accessibility_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


WALL = [(800, 480), (1_280, 800), (1_920, 1_080), (800, 1_280)]

PRESSABLE = """() => [...document.querySelectorAll("a, button, input, summary")]
  .filter((one) => one.checkVisibility() && !one.classList.contains("skip")).length"""

CUT_OFF = """() => [...document.querySelectorAll("main > .card, .messages, .alerts")]
  .filter((one) => one.checkVisibility() &&
    (one.scrollHeight > one.clientHeight + 4 || one.scrollWidth > one.clientWidth + 4 ||
     one.getBoundingClientRect().bottom > innerHeight))
  .map((one) => `${one.className} at ${innerWidth} x ${innerHeight}: ${one.scrollWidth} of
   ${one.clientWidth} wide, ${one.scrollHeight} of ${one.clientHeight} high`)"""


def crowded_home() -> HomeInputs:
    """A home that has everything that a tablet on the wall shows."""
    return home_inputs(
        is_clock_trusted=False,
        export_slots={slot: SlotUsage(400_000, False) for slot in list(day_slots(NOW_MS))[-30:]},
        messages=[Message(1, "Planned work. " * 60, NOW_MS), Message(2, "read", NOW_MS, NOW_MS)],
        budget_millionths=60_000_000,
        prepayment=PrepaymentState(NOW_MS, "GBP", 4_210_000, 10_000_000, 25_000_000),
    )


def test_a_wall_tablet_shows_what_is_now_and_what_it_costs(
    context: BrowserContext, home: Home, server: WebServer
) -> None:
    """Large, on one screen of any size, nothing cut off, and with nothing to press."""
    page = context.new_page()
    page.goto(f"{server.url}/?kiosk")
    for inputs in (home.inputs, crowded_home()):
        home.inputs = inputs
        expect(page.locator("#message-list p")).to_have_count(len(inputs.messages))
        expect(page.locator("#number")).to_have_text("1.44")
        for width, height in WALL:
            page.set_viewport_size({"width": width, "height": height})
            number = page.locator("#number").bounding_box()

            assert number is not None
            assert number["height"] >= min(width, height) / 10
            assert page.evaluate(CUT_OFF) == []
            assert page.evaluate(PRESSABLE) == 0
    for part in ("#cost", "#gas", "#message-list", "#credit-lines"):
        expect(page.locator(part)).to_be_visible()
    assert not read_picture(page.screenshot()).is_blank
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert accessibility_violations(page) == []


def test_the_display_opens_while_the_hub_is_away(context: BrowserContext, home: Home) -> None:
    """Where the browser lets it be installed, its own files are kept, and no figure."""
    with home.serve() as server:
        page = context.new_page()
        page.goto(server.url)
        assert page.evaluate(CONTROLLED)
        asked = context.new_cdp_session(page).send("Page.getInstallabilityErrors")
        # A test's window is a private one, in which nothing is installed; all else would do.
        assert [one["errorId"] for one in asked["installabilityErrors"]] == ["in-incognito"]

    page.reload()

    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#number")).to_have_text("–")
    page.goto(f"{server.url}/?kiosk")
    expect(page.locator("#offline")).to_be_visible()
    page.goto(f"{server.url}/history")
    expect(page.locator("#used-note")).to_have_text("The hub did not answer. Try again.")
    expect(page.locator("#period strong")).to_be_visible()
