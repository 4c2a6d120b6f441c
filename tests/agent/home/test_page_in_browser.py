"""The display page in a real Chromium: live, offline, small, by keyboard, and spoken."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from agent.departures import DepartureLine
from agent.home.inputs import HomeInputs, Message, PrepaymentState
from shared.meterdays import SlotUsage
from tests.support.chromium import accessibility_violations, open_chromium
from tests.support.home_inputs import (
    NOW_MS,
    day_slots,
    electricity_meter,
    home_inputs,
    hub_state,
)
from tests.support.home_page import PIN, Home
from tests.support.pictures import read_picture
from tests.support.webserver import WebServer

pytestmark = pytest.mark.slow

ELECTRICITY = electricity_meter()
RECONNECT_MS_MAX = 20_000
SIZES = [(320, 240), (320, 480), (375, 740), (800, 480), (1_280, 800)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all; each test has a context of its own."""
    with open_chromium() as started:
        yield started


@pytest.fixture
def home() -> Home:
    """A home in good health."""
    return Home()


@pytest.fixture
def server(home: Home) -> Iterator[WebServer]:
    """The page, served."""
    with home.serve() as started:
        yield started


class Visit:
    """Opens pages, each in a context of its own, and keeps what went wrong in them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.faults: list[str] = []

    def open(self, url: str, **context: Any) -> Page:
        """Open the page and wait for its first view."""
        made = self._browser.new_context(**{"reduced_motion": "reduce", **context})
        self._contexts.append(made)
        page = made.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._note)
        page.goto(url)
        expect(page.locator("#rows tr")).to_have_count(48)
        return page

    def close(self) -> None:
        """Close what was opened."""
        for context in self._contexts:
            context.close()

    def _note(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A visit whose pages must raise no error and break no policy."""
    opened = Visit(browser)
    yield opened
    opened.close()
    assert opened.faults == []


def troubled_home() -> HomeInputs:
    """A home where nearly everything that can be said against it is to be said."""
    slots = day_slots(NOW_MS)
    newest = max(slots)
    for slot in range(newest - 30, newest - 26):
        del slots[slot]
    slots[newest - 9] = SlotUsage(600_000, is_estimated=True)
    return home_inputs(
        is_clock_trusted=False,
        meters=[electricity_meter(age_ms=200_000)],
        electricity_slots=slots,
        export_slots={newest - 12: SlotUsage(400_000, is_estimated=False)},
        tariff=None,
        messages=[Message(1, "x" * 900, NOW_MS), Message(2, "انقطاع التيار", NOW_MS, NOW_MS)],
        budget_millionths=60_000_000,
        prepayment=PrepaymentState(NOW_MS - 100_000_000, "GBP", -1_250_000, 8_750_000),
        hub=hub_state(
            cloud_connected=False,
            backlog_samples=1_204,
            oldest_unstored_at_ms=NOW_MS - 12_000_000,
            quarantined={"bad-checksum": 3},
            held_ranges=1,
        ),
    )


def test_values_change_live(visit: Visit, home: Home, server: WebServer) -> None:
    """The number, the light and the gauge follow the meter without a reload."""
    page = visit.open(server.url)
    expect(page.locator("#number")).to_have_text("1.44")
    expect(page.locator("#light")).to_contain_text("high")

    home.inputs = home_inputs(meters=[electricity_meter(231)])

    expect(page.locator("#number")).to_have_text("231")
    expect(page.locator("#light")).to_contain_text("low")
    expect(page.get_by_role("meter")).to_have_attribute("aria-valuenow", "231")
    expect(page.get_by_role("meter")).to_have_attribute(
        "aria-valuetext", "Using 231 W, low for this home"
    )


def test_offline_banner_appears_and_goes(visit: Visit, home: Home) -> None:
    """When the hub is gone the page says so, with the age of what it shows; then it comes back."""
    with home.serve() as first:
        page = visit.open(first.url)
        expect(page.locator("#offline")).to_be_hidden()

    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#offline-age")).to_have_text(
        re.compile(r"Showing what it said \d+ s ago \(18:12\)\. Trying again…")
    )
    expect(page.locator("#number")).to_have_text("1.44")
    expect(page.locator("#age")).to_have_text(re.compile(r"stale, \d+ s ago"))
    expect(page.locator("#light")).to_contain_text("stale")
    home.inputs = home_inputs(meters=[electricity_meter(640)])

    with home.serve(first.port):
        expect(page.locator("#offline")).to_be_hidden(timeout=RECONNECT_MS_MAX)
        expect(page.locator("#number")).to_have_text("640")
        expect(page.locator("#age")).to_have_text("just now")


def test_page_asks_no_other_machine(visit: Visit, server: WebServer) -> None:
    """Everything comes from the hub: the page works with the network unplugged."""
    page = visit.open(server.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.reload()
    expect(page.locator("#rows tr")).to_have_count(48)

    assert asked
    assert all(url.startswith(server.url + "/") for url in asked)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("troubled", [False, True])
def test_no_screen_scrolls_sideways(
    visit: Visit, home: Home, server: WebServer, width: int, height: int, *, troubled: bool
) -> None:
    """From a 320-pixel kitchen display to a desk, nothing is wider than the screen."""
    home.inputs = troubled_home() if troubled else home.inputs
    page = visit.open(server.url, viewport={"width": width, "height": height})

    wide = page.evaluate("document.documentElement.scrollWidth")

    assert wide == width
    picture = read_picture(page.screenshot())
    assert picture.size == (width, height)
    assert not picture.is_blank


def test_on_a_desk_the_cards_stand_beside_each_other_whatever_there_is_to_say(
    visit: Visit, home: Home, server: WebServer
) -> None:
    """A notice above, gas and credit within: the first row is the first row."""
    said: dict[str, Any] = {"messages": [Message(1, "Power off", NOW_MS)]}
    for changes in ({}, {**said, "is_clock_trusted": False}, {**said, "meters": [ELECTRICITY]}):
        home.inputs = home_inputs(**changes)
        page = visit.open(server.url, viewport={"width": 1_280, "height": 800})

        boxes = [
            page.locator(f"main > .{name}").bounding_box() for name in ("now", "money", "today")
        ]
        tops = [box["y"] for box in boxes if box is not None]

        assert len(tops) == 3
        assert max(tops) - min(tops) < 1


def test_reading_and_light_fit_a_display_of_320_by_240(visit: Visit, server: WebServer) -> None:
    """The kitchen sees power, light and cost an hour without touching the display."""
    page = visit.open(server.url, viewport={"width": 320, "height": 240})

    for part in ("#number", "#light", "#rate"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 240


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1_280])
@pytest.mark.parametrize("troubled", [False, True])
def test_axe_finds_nothing(
    visit: Visit, home: Home, server: WebServer, scheme: str, width: int, *, troubled: bool
) -> None:
    """No accessibility rule of axe-core is broken, with every fold of the page open."""
    home.inputs = troubled_home() if troubled else home.inputs
    home.departed = [DepartureLine("2026-11-20", "E1", "ab", "half-hourly", 1, 90, 1, 2, 8_544)]
    viewport = {"width": width, "height": 800}
    page = visit.open(server.url, color_scheme=scheme, viewport=viewport)
    for summary in page.locator("summary").all():
        summary.click()
    expect(page.locator("#departed tbody tr")).to_have_count(1)

    assert accessibility_violations(page) == []


def test_axe_finds_nothing_where_more_contrast_is_asked_for(
    visit: Visit, server: WebServer
) -> None:
    """The page of someone who needs contrast is as sound."""
    page = visit.open(server.url, contrast="more")

    assert accessibility_violations(page) == []


def test_offline_page_breaks_no_rule_either(visit: Visit, home: Home) -> None:
    """The banner and the greyed figures stay readable."""
    with home.serve() as server:
        page = visit.open(server.url)

    expect(page.locator("#offline")).to_be_visible()

    assert accessibility_violations(page) == []


def test_keyboard_reaches_everything_in_order(visit: Visit, server: WebServer) -> None:
    """Tab finds the skip link first, then the folds; each shows that it has the focus."""
    page = visit.open(server.url)

    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    expect(skip).to_have_text("Skip to power now")
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#now")).to_be_focused()

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Set a budget for the month")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Show as a table")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")
    expect(page.locator("table")).to_be_visible()

    assert outline == "solid"


def test_setting_is_changed_with_the_pin_by_keyboard(
    visit: Visit, home: Home, server: WebServer
) -> None:
    """A wrong PIN is answered in words; the right one changes what leaves the home."""
    page = visit.open(server.url)
    page.locator("#sharing summary").press("Enter")
    page.get_by_label("Daily totals").check()

    page.get_by_label("PIN", exact=True).fill("0000")
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_have_text("That is not the PIN. Try again.")
    page.get_by_label("PIN", exact=True).fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_have_text("Changed.")

    assert home.chosen == ["daily"]


def test_a_message_is_acknowledged_and_a_budget_set(
    visit: Visit, home: Home, server: WebServer
) -> None:
    """With the PIN; the message is shown as text, whatever it holds, and goes when it is gone."""
    words = "<b>Power off</b> on 3 May"
    home.inputs = home_inputs(messages=[Message(4, words, NOW_MS)], budget_millionths=60_000_000)
    page = visit.open(server.url)

    expect(page.locator("#message-list p")).to_have_text(words)
    expect(page.locator("#budget")).to_contain_text("of £60.00")
    page.fill("#message-pin", PIN)
    page.click("#message-list button")
    expect(page.locator("#message-answer")).to_have_text("Acknowledged.")
    page.click("#budget-change summary")
    page.fill("#amount", "45,50")
    page.fill("#budget-pin", PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#budget-answer")).to_have_text("The budget is set.")

    home.inputs = home_inputs()
    expect(page.locator("#messages")).to_be_hidden()
    assert (home.acknowledged, home.budgets) == ([4], [45_500_000])


def test_meters_are_listed_and_what_has_left_is_shown_when_asked_for(
    visit: Visit, home: Home, server: WebServer
) -> None:
    """Counters as they are printed on the meter; nothing is asked of the disk until then."""
    home.departed = [DepartureLine("2026-11-20", "E1", "ab", "half-hourly", 1, 90, 1, 2, 8_544)]
    page = visit.open(server.url)

    expect(page.locator("#meters li")).to_have_count(2)
    expect(page.locator("#meters")).to_contain_text("4,812.345 m³")
    assert home.asked_since == []
    page.click("#sharing summary")
    expect(page.locator("#departed tbody tr")).to_have_text("2026-11-20E1Half-hourly totals28,544")
    home.departed = []
    page.click("#sharing summary")
    page.click("#sharing summary")
    expect(page.locator("#departed-note")).to_have_text("Nothing has left this home.")
    expect(page.locator("#departed")).to_be_hidden()


def test_trouble_is_said_in_words(visit: Visit, home: Home, server: WebServer) -> None:
    """Stale, unpriced, waiting, refused and set aside are words on the page, not colours."""
    home.inputs = troubled_home()

    page = visit.open(server.url)

    for part, words in {
        "#light": "stale",
        "#age": "stale, 3 min ago",
        "#cost": "No tariff yet",
        "#notices": "does not know the time",
        "#health": "1,204 samples over 3 h 20 min",
        "#quarantine": "3 times: bad checksum",
        "#credit-lines": "Stale",
        "#meters": "silent, heard 3 min ago",
    }.items():
        expect(page.locator(part)).to_contain_text(words)
    expect(page.locator(".bar.missing")).to_have_count(4)
    expect(page.locator(".bar.estimated")).to_have_count(1)


def test_screen_reader_is_not_spoken_to_every_second(
    visit: Visit, home: Home, server: WebServer
) -> None:
    """The spoken sentence is changed rarely, while the number changes each second."""
    page = visit.open(server.url)
    spoken = page.locator("#spoken")
    expect(spoken).to_have_text("Using 1.44 kW, high for this home")

    home.inputs = home_inputs(meters=[electricity_meter(231)])
    expect(page.locator("#number")).to_have_text("231")

    expect(spoken).to_have_text("Using 1.44 kW, high for this home")
