"""The household's app in a real Chromium: from a set-up code to every part of it."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from cloud.accounts import cli, users
from cloud.auth import PROOF_HOLDS_MS
from cloud.households.members import add_member
from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.peopletables import members
from cloud.roles import Role
from shared.protocol import Live
from shared.readings import Medium
from shared.units import MS_PER_DAY
from tests.support.chromium import accessibility_violations, open_chromium
from tests.support.cloud import METER, START_MS
from tests.support.cost_stage import KWH, CostStage
from tests.support.webserver import WebServer

pytestmark = pytest.mark.slow

EMAIL = "ada@example.org"
TRIES = 100
PASSWORD = "four words in no order"
DAYS = 12
NOW_MS = START_MS + DAYS * MS_PER_DAY - 3_600_000
KEPT = """async () => {
  const shelves = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
  const kept = await Promise.all(shelves.map((shelf) => shelf.keys()));
  return kept.flat().map((one) => new URL(one.url).pathname);
}"""
CREDIT = {
    "prepayment_index": 1,
    "currency_iso4217": 826,
    "credit_millionths": -1_250_000,
    "emergency_credit_millionths": 8_750_000,
}
TARIFF = {
    "name": "Flat",
    "currency": "GBP",
    "versions": [
        {
            "version": "1",
            "starts_on": "2020-01-01",
            "standing_millionths_per_day": 500_000,
            "vat_permille": 50,
            "prices": {"kind": "flat", "price_millionths_per_kwh": 250_000},
        }
    ],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all; each test has a context of its own."""
    with open_chromium() as started:
        yield started


@pytest.fixture
def stage(tmp_path: Path) -> CostStage:
    """A home whose meter counted a kWh each half hour until an hour ago, on a flat tariff.

    It is paid for beforehand, and tells no debt.
    """
    made = CostStage(tmp_path, NOW_MS)
    made.read_meter([KWH] * (DAYS * 48 - 2))
    made.say(NOW_MS - 1_000, CREDIT)
    made.put(f"meters/{METER}/tariff", TARIFF)
    return made


@pytest.fixture
def server(stage: CostStage) -> Iterator[WebServer]:
    """The API and the app, served whole."""
    feed = stage.app.state.parts.live
    with WebServer(stage.app, before_stop=feed.close, is_whole=True) as started:
        yield started


def set_up_code(stage: CostStage, capsys: pytest.CaptureFixture[str]) -> str:
    """Add a person as whoever runs the service does; return the code they are given."""
    asked = cli.Asked(EMAIL, household_id=DEFAULT_HOUSEHOLD)
    cli.add(stage.config, stage.database, stage.clock, asked)
    found = re.search(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}", capsys.readouterr().out)
    assert found is not None
    return found[0]


def sign_in(page: Page, url: str, code: str) -> None:
    """Choose a password by the code, and sign in with it."""
    page.goto(f"{url}/app/")
    page.get_by_text("I have a set-up code").click()
    form = page.get_by_role("form", name="Set up")
    form.get_by_label("Code you were given").fill(code)
    form.get_by_label("New password").fill(PASSWORD)
    form.get_by_role("button").click()
    expect(form.get_by_role("status")).to_contain_text("sign in")
    form = page.get_by_role("form", name="Sign in")
    form.get_by_label("E-mail").fill(EMAIL)
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button").click()
    expect(page.get_by_text("Electricity today")).to_be_visible()


def test_a_household_goes_through_its_app(
    browser: Browser, server: WebServer, stage: CostStage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signed in by a code; now, usage, cost, tariffs and home say what the API says; axe agrees."""
    context = browser.new_context(viewport={"width": 375, "height": 740}, reduced_motion="reduce")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.clock.set_fixed_time(dt.datetime.fromtimestamp(NOW_MS / 1_000, dt.UTC))
    sign_in(page, server.url, set_up_code(stage, capsys))
    seen: dict[str, str] = {}

    feed = stage.app.state.parts.live
    sample = Live(METER, Medium.ELECTRICITY, NOW_MS, {"power_import_w": 1_234})
    for _ in range(TRIES):
        # The page may not listen yet: a hub goes on sending, too.
        feed._loop.call_soon_threadsafe(feed.deliver, DEFAULT_HOUSEHOLD, sample)
        page.wait_for_timeout(200)
        if page.locator(".figure.live").inner_text() != "–":
            break
    expect(page.locator(".figure.live")).to_have_text("1.23 kW")
    for tab in ("Now", "Usage", "Cost", "Tariffs", "Home"):
        page.get_by_role("link", name=tab, exact=True).click()
        expect(page.get_by_role("link", name=tab, exact=True)).to_have_attribute(
            "aria-current", "page"
        )
        expect(page.locator("main:not([aria-busy]) .card").first).to_be_visible()
        seen[tab] = page.locator("main").inner_text()
        if tab == "Usage":
            expect(page.locator(".bar.measured")).to_have_count(46)
        assert accessibility_violations(page) == [], tab
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, tab
        if tab == "Cost":
            page.get_by_role("button", name="Earlier").click()
            expect(page.locator("main:not([aria-busy]) .card .figure").first).to_have_text("£13.13")
            page.get_by_label("Period").select_option("month")
            expect(page.get_by_text("By the end of it")).to_be_visible()
            # 574 kWh and 12 days, and the standing charge of no day to come.
            expect(page.locator(".card .figure").first).to_have_text("£156.98")

    # 46 half hours of a kWh at 25p, 50p standing charge and 5 % VAT.
    assert "46.00 kWh" in seen["Now"]
    assert "£12.60" in seen["Now"]
    assert re.search(r"-£1\.25\s+£8\.75 emergency credit, as of", seen["Now"])
    assert "debt" not in seen["Now"]
    assert "46.00 kWh" in seen["Usage"]
    assert "£12.60" in seen["Cost"]
    assert METER in seen["Home"]
    assert "hub-1" in seen["Home"]
    page.get_by_label("Format of the file").select_option("espi")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert "IntervalReading" in download.value.path().read_text()
    assert faults == []
    context.close()


def test_an_owner_ends_a_membership_once_proved(
    browser: Browser, server: WebServer, stage: CostStage, capsys: pytest.CaptureFixture[str]
) -> None:
    """The password is asked for when the API wants it, and what was asked is then done."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, server.url, set_up_code(stage, capsys))
    with stage.database.writing() as connection:
        lodger = users.add_user(connection, "ben@example.org", "Ben", "", NOW_MS)
        assert lodger is not None
        add_member(connection, DEFAULT_HOUSEHOLD, lodger.user_id, Role.MEMBER, NOW_MS)
    stage.clock.advance_to(NOW_MS + PROOF_HOLDS_MS + 1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Home", exact=True).click()
    form = page.get_by_role("form", name="Remove Ben")

    form.get_by_role("button").click()
    expect(form.get_by_role("status")).to_contain_text("Your password again")
    form.get_by_label("Your password again").fill(PASSWORD)
    form.get_by_role("button").click()

    expect(form).to_have_count(0)
    assert [one["name"] for one in stage.get("households/home/members")["members"]] == [EMAIL]
    context.close()


def test_the_app_opens_without_a_network_and_keeps_nothing_of_the_home(
    browser: Browser, server: WebServer, stage: CostStage, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shell comes from the worker's shelf, which holds the app's own files alone."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, server.url, set_up_code(stage, capsys))
    page.evaluate("navigator.serviceWorker.ready")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    kept = page.evaluate(KEPT)

    context.set_offline(True)
    page.reload()

    expect(page.get_by_text("The service does not answer.")).to_be_visible()
    expect(page.locator("#offline")).to_be_visible()
    assert kept
    assert all(path.startswith("/app/") for path in kept)
    context.close()


def test_signing_out_shows_nothing_more(
    browser: Browser, server: WebServer, stage: CostStage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Be it of somebody without a home, who may use an invitation's link; then nobody is known."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, server.url, set_up_code(stage, capsys))
    with stage.database.writing() as connection:
        connection.execute(update(members).values(ended_at_ms=NOW_MS))
    page.goto(f"{server.url}/app/#invitation=7K2Q-9M4X-AB0C-DEFG")
    expect(page.get_by_text("You have no home here yet")).to_be_visible()
    expect(page.get_by_label("Code of the invitation")).to_have_value("7K2Q-9M4X-AB0C-DEFG")

    page.get_by_role("button", name="Sign out", exact=True).click()

    expect(page.get_by_role("form", name="Sign in")).to_be_visible()
    assert page.request.get(f"{server.url}/v1/me").status == 401
    context.close()
