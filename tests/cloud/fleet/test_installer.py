"""The installer's screen: signed in by a token, a claim shown once, a hub watched till it reads."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.fleet import pace
from cloud.fleet.certificates import new_key
from cloud.fleet.installer import COOKIE, SIGNED_IN_MS
from cloud.fleet.installpage import Progress, render_offer, render_order, render_sign_in
from cloud.fleet.orders import order_of
from cloud.fleet.reports import verify_file
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.shadows.requests import ShadowDesk
from cloud.transfer.memory import begin
from shared import topics
from shared.enrolment import RegisterAccepted
from shared.protocol import Hello, Status, encode_message
from shared.units import MS_PER_MINUTE
from tests.support.chromium import accessibility_violations, open_chromium
from tests.support.cloud import HEADERS, TOKEN, payload_of, samples_of
from tests.support.enrolling import SigningCloud, accepted, claim_csr, csr_of, pem_of
from tests.support.fleet import HEALTH
from tests.support.webserver import WebServer

INSTALLER_TOKEN = "a token of the installers alone"
PAGE = "http://cloud.example.org"
CODE = re.compile(r'class="code">([0-9A-Z-]+)<')


class Screen:
    """A browser without a script, at one cloud."""

    def __init__(self, directory: Path) -> None:
        self.cloud = SigningCloud(directory, installer_token=INSTALLER_TOKEN)
        signer = self.cloud.authority.credentials("cloud-api")
        self.cloud.config = dataclasses.replace(
            self.cloud.config,
            report_cert=str(signer.certificate),
            report_key=str(signer.key),
        )
        self.app = create_app(self.cloud.config, self.cloud.clock)
        self.client = TestClient(
            self.app, headers={"Origin": PAGE}, base_url=PAGE, raise_server_exceptions=False
        )

    def sign_in(self, token: str = INSTALLER_TOKEN) -> Any:
        """Send the form with a token."""
        return self.client.post("/install", data={"token": token})

    def make_claim(self, **fields: str) -> str:
        """Send the form of a claim; return the page."""
        answer = self.client.post("/install/claims", data={"thing": "hub-1", **fields})
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def claims(self) -> list[Any]:
        """List what claims there are."""
        listed = self.client.get("/v1/fleet/claims", headers=HEADERS)
        assert listed.status_code == 200, listed.text
        return list(listed.json()["claims"])

    def follow(self, page: str) -> str:
        """Look at the steps as the page's script does."""
        found = re.search(r'data-from="([^"]+)"', page)
        assert found
        answer = self.client.get(found[1])
        assert answer.status_code == 200, answer.text
        return str(answer.text)


@pytest.fixture(name="screen")
def _screen(tmp_path: Path) -> Iterator[Screen]:
    screen = Screen(tmp_path)
    yield screen
    screen.cloud.close()


@pytest.mark.parametrize("token", [INSTALLER_TOKEN, TOKEN])
def test_installer_and_operator_sign_in(screen: Screen, token: str) -> None:
    """And are asked for the hub; the cookie is no script's and no other site's."""
    before = screen.client.get("/install").text

    answer = screen.sign_in(token)

    said = answer.history[0].headers["set-cookie"].lower()
    assert "sign in" in before.lower()
    assert "Make a claim" in answer.text
    assert all(word in said for word in ("httponly", "samesite=strict", "path=/install"))


def test_wrong_token_opens_nothing_and_slows_down(screen: Screen) -> None:
    """Guesses are slowed by their address."""
    answers = [screen.sign_in(f"guess {number}") for number in range(pace.ADDRESS_TRIES + 1)]

    assert {answer.status_code for answer in answers[:-1]} == {401}
    assert answers[-1].status_code == 429
    assert screen.client.post("/install/claims", data={}).status_code == 401


def test_installers_token_opens_nothing_of_the_api(screen: Screen) -> None:
    """Neither as a bearer token nor by its cookie."""
    screen.sign_in()

    answer = screen.client.get(
        "/v1/fleet/hubs", headers={"Authorization": f"Bearer {INSTALLER_TOKEN}"}
    )

    assert answer.status_code == 401
    assert screen.client.get("/v1/fleet/claims").status_code == 401


@pytest.mark.parametrize("cookie", ["", "1.2", "99999999999.forged", "x" * 5_000])
def test_forged_cookie_is_nobody(screen: Screen, cookie: str) -> None:
    """Whatever it says."""
    screen.client.cookies.set(COOKIE, cookie, path="/install")

    assert screen.client.post("/install/claims", data={"thing": "hub-1"}).status_code == 401


def test_signing_in_ends_by_itself(screen: Screen) -> None:
    """After a working day."""
    screen.sign_in()
    screen.cloud.pass_ms(SIGNED_IN_MS + 1)

    assert screen.client.post("/install/claims", data={"thing": "hub-1"}).status_code == 401


@pytest.mark.parametrize(
    "said",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/install", "/install/claims"])
def test_form_that_is_not_of_our_page_is_refused(
    screen: Screen, path: str, said: dict[str, str]
) -> None:
    """Another site's, and one that does not say whose it is; nobody is signed in by it either."""
    screen.sign_in()
    del screen.client.headers["Origin"]

    answer = screen.client.post(
        path, data={"thing": "hub-1", "token": INSTALLER_TOKEN}, headers=said
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign-origin")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("said", [{"Sec-Fetch-Site": "same-origin"}, {"Hearthlink-Client": "1"}])
def test_form_of_our_page_or_of_a_program_is_taken(screen: Screen, said: dict[str, str]) -> None:
    """A browser that sends no Origin still says where a form comes from."""
    del screen.client.headers["Origin"]

    answer = screen.client.post("/install", data={"token": INSTALLER_TOKEN}, headers=said)

    assert answer.status_code == 200


def test_bad_name_is_said_and_what_was_typed_stays(screen: Screen) -> None:
    """Escaped: a name is nobody's markup."""
    screen.sign_in()

    answer = screen.client.post("/install/claims", data={"thing": "<b>", "installer": "Ada"})

    assert answer.status_code == 400
    assert "<b>" not in answer.text
    assert 'value="Ada"' in answer.text


@pytest.mark.parametrize("token", [INSTALLER_TOKEN, TOKEN])
def test_hub_that_has_joined_is_not_the_installers(screen: Screen, token: str) -> None:
    """No claim for it is made here, whoever signed in; the page says who can."""
    screen.cloud.provision("hub-1")
    screen.sign_in(token)

    answer = screen.client.post("/install/claims", data={"thing": "hub-1", "rejoin": "true"})

    assert answer.status_code == 409
    assert "ask the operator" in answer.text
    assert CODE.search(answer.text) is None


def test_hub_is_watched_from_its_claim_to_its_report(screen: Screen) -> None:
    """Each step shows once it is done; the report comes with the last, and names the installer."""
    cloud = screen.cloud
    screen.sign_in()
    page = screen.make_claim(installer="Ada")
    found = CODE.search(page)
    assert found
    seen = [screen.follow(page).count(">done<")]

    answer = screen.client.post(
        "/v1/claims/redeem", json={"code": found[1], "csr": pem_of(csr_of(new_key()))}
    )
    seen.append(screen.follow(page).count(">done<"))
    claim, code, key = answer.json()["template"], found[1].replace("-", ""), new_key()
    created = accepted(cloud.create(claim_csr(key, claim, code)))
    assert cloud.register(claim, created.certificate_ownership_token) == RegisterAccepted("hub-1")
    seen.append(screen.follow(page).count(">done<"))
    cloud.pass_ms(1_000)
    ingest = IngestService(cloud.database, cloud.clock, Rules())
    ingest.note_status("hub-1", encode_message(Status("c", online=True)))
    ingest.greet("hub-1", encode_message(Hello("0.1.0", 1, [])))
    report = {**HEALTH, "reported_at_ms": cloud.now_ms}
    topic = topics.shadow_update("hub-1", topics.HEALTH_SHADOW)
    payload = json.dumps({"state": {"reported": report}}).encode()
    ShadowDesk(cloud.database).answer("hub-1", topic, payload, cloud.now_ms)
    seen.append(screen.follow(page).count(">done<"))
    ingest.ingest([Message("hub-1", payload_of(samples_of(1, 5)), cloud.now_ms)])
    steps = screen.follow(page)
    seen.append(steps.count(">done<"))

    link = re.search(r'href="(/install/claims/[^"]+/report)"', steps)
    assert seen == [0, 1, 2, 4, 5]
    assert link
    assert f'href="{link[1]}.json"' in steps
    shown = screen.client.get(link[1])
    assert shown.status_code == 200
    assert "Ada" in shown.text
    assert "script-src 'self'" in shown.headers["content-security-policy"]


def test_report_is_had_as_signed_json_too(screen: Screen) -> None:
    """By its address or by what the caller accepts; it is checked as the command's file is."""
    screen.cloud.provision("hub-1")
    screen.sign_in()
    [claim] = screen.claims()
    address = f"/install/claims/{claim['claim']}"
    authority = str(screen.cloud.authority.certificate)

    file = screen.client.get(f"{address}/report.json")
    asked = screen.client.get(f"{address}/report", headers={"Accept": "application/json"})

    assert 'filename="report-hub-1.json"' in file.headers["content-disposition"]
    for one in (file, asked):
        report = verify_file(one.content, authority)
        assert (report.thing, report.installer) == ("hub-1", "Ada")
    assert screen.client.get(f"{address}/report").headers["content-type"].startswith("text/html")


def test_page_works_without_a_script(screen: Screen) -> None:
    """The code, the picture and a link that looks again are in the page itself."""
    screen.sign_in()
    page = screen.make_claim()

    again = re.search(r'<a href="(/install/orders/[^"?]+)"', page)

    assert "<svg" in page
    assert "15 minutes left" in page
    assert again
    assert "The claim waits for its hub" in screen.client.get(again[1]).text


def test_page_loaded_again_shows_the_same_claim_and_makes_none(screen: Screen) -> None:
    """The page after the form is asked for, not sent; nor does the form make two, sent twice."""
    screen.sign_in()
    word = re.search(r'name="order" value="([^"]+)"', screen.client.get("/install").text)
    assert word
    form = {"thing": "hub-1", "order": word[1]}

    first = screen.client.post("/install/claims", data=form)
    again = screen.client.get(first.url)
    resent = screen.client.post("/install/claims", data=form)

    assert first.history[0].status_code == 303
    assert len({tuple(CODE.findall(one.text)) for one in (first, again, resent)}) == 1
    assert CODE.search(again.text)
    assert len(screen.claims()) == 1


def test_form_filled_in_otherwise_makes_another_claim(screen: Screen) -> None:
    """Back in the browser, and a second hub is typed."""
    screen.sign_in()
    for thing in ("hub-1", "hub-2"):
        screen.make_claim(thing=thing, order="the word of one form")

    assert {one["thing"] for one in screen.claims()} == {"hub-1", "hub-2"}


def test_code_is_shown_to_who_made_the_claim_while_it_lives(screen: Screen) -> None:
    """Not to who signs in later, nor once the claim has run out; it is nowhere in the clear."""
    screen.sign_in()
    made = screen.client.post("/install/claims", data={"thing": "hub-1", "minutes": "2"})
    code = CODE.search(made.text)
    assert code

    kept = b"".join(one.read_bytes() for one in screen.cloud.directory.glob("cloud.db*"))
    screen.cloud.pass_ms(3 * MS_PER_MINUTE)
    late = screen.client.get(made.url)
    screen.sign_in()
    other = screen.client.get(made.url)

    assert code[1].replace("-", "").encode() not in kept
    assert code[1].encode() not in kept
    assert "has run out" in late.text
    assert CODE.search(late.text) is None
    assert other.status_code == 404


def test_claim_that_is_being_made_is_waited_for(screen: Screen) -> None:
    """Where the form was sent twice at once, the page looks again by itself."""
    screen.sign_in()
    order = order_of(screen.client.cookies[COOKIE], {"thing": "hub-1", "order": "w"})
    begin(screen.cloud.database, order.claim, order.name, screen.cloud.now_ms)

    answer = screen.client.post("/install/claims", data={"thing": "hub-1", "order": "w"})

    assert answer.status_code == 202
    assert "being made" in answer.text
    assert screen.claims() == []


def test_claim_that_ran_out_or_was_seen_is_said(screen: Screen) -> None:
    """In words, with what to do."""
    screen.sign_in()
    page = screen.make_claim(minutes="2")
    found = CODE.search(page)
    assert found
    for _ in range(2):
        csr = pem_of(csr_of(new_key()))
        screen.client.post("/v1/claims/redeem", json={"code": found[1], "csr": csr})
    warned = screen.follow(page)
    screen.cloud.pass_ms(3 * MS_PER_MINUTE)

    assert "was refused" in warned
    assert "has run out" in screen.follow(page)
    assert screen.client.get("/install/claims/claim-0").status_code == 404


@pytest.mark.slow
def test_axe_finds_nothing_and_the_script_looks_again(screen: Screen) -> None:
    """No accessibility rule of axe-core is broken on any page; progress comes by itself."""
    with open_chromium() as browser, WebServer(screen.app) as server:
        page = browser.new_page()
        page.goto(f"{server.url}/install")
        found = accessibility_violations(page)
        page.fill("#token", INSTALLER_TOKEN)
        page.click("button")
        found += accessibility_violations(page)
        page.fill("#thing", "hub-1")
        page.click("button")
        code = page.inner_text(".code")
        found += accessibility_violations(page)
        csr = pem_of(csr_of(new_key()))
        redeemed = screen.client.post("/v1/claims/redeem", json={"code": code, "csr": csr})
        page.wait_for_selector("text=A hub has the claim", timeout=15_000)

    assert redeemed.status_code == 200
    assert found == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    """No address of another host is in any page."""
    far = Progress("claim-1", "hub-1", "open", 60_000, [("It speaks", False)])
    pages = (
        render_sign_in(),
        render_order("w"),
        render_offer(far, "0" * 20, "t", "<svg></svg>", "o"),
    )

    assert not any("http" in page for page in pages)
    assert "1 minute left" in pages[2]
