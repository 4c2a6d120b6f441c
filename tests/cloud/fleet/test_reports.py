"""The commissioning report: its tests, its signature, and its page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.fleet.authority import Authority
from cloud.fleet.report import Report
from cloud.fleet.reportpage import render_page
from cloud.fleet.reports import verify_file
from cloud.fleet.seal import Seal
from cloud.households.revocations import revoke
from shared.clock import SystemClock
from shared.errors import BadInputError, OperatorError
from tests.support.chromium import accessibility_violations, open_chromium
from tests.support.cloud import HEADERS, METER
from tests.support.fleet import HEALTH, NOW_MS, FleetApi

PATH = "fleet/hubs/hub-1/report"
NAMES = [
    "certificate active",
    "hello heard",
    "heard in the last quarter of an hour",
    "meter found",
    "first reading stored",
    "receipts answered",
    "clock within 2 s",
    "page reachable, as the hub says",
    "no problems, as the hub says",
]


@pytest.fixture(name="api")
def _api(tmp_path: Path) -> Iterator[FleetApi]:
    api = FleetApi(tmp_path)
    with api.client:
        yield api


def _install(api: FleetApi) -> None:
    now_ms = api.clock.utc_ms()
    api.connect("hub-1")
    later = {"certificate_expires_ms": now_ms + 10**10, "reported_at_ms": now_ms}
    api.report("hub-1", "health", {**HEALTH, **later})
    api.greet("hub-1")
    api.send("hub-1")


def _results(report: dict[str, Any]) -> dict[str, bool | None]:
    return {test["name"]: test["passed"] for test in report["tests"]}


def _verify(api: FleetApi, document: Any) -> Report:
    return verify_file(json.dumps(document).encode(), str(api.authority.certificate))


def test_installed_hub_passes_every_test(api: FleetApi) -> None:
    """Hub, meter, first reading, signal, clock, certificate, installer, and every result."""
    _install(api)

    report = api.call("GET", PATH, params={"installer": "A. Fitter"})["report"]

    assert _results(report) == dict.fromkeys(NAMES, True)
    assert report["passed"]
    assert (report["installer"], report["household"]) == ("A. Fitter", "Home")
    (meter,) = report["meters"]
    assert (meter["meter"], meter["signal_dbm"]) == (METER, -61)
    assert meter["first_reading"] == {
        "taken_at": "2026-03-01T00:00:10Z",
        "registers": {"import_mwh": 1_001_000},
    }


def test_hub_without_a_page_passes(api: FleetApi) -> None:
    """Off is no fault; a page that does not answer is one."""
    _install(api)
    api.report("hub-1", "health", {"page_answers": None})
    off = api.call("GET", PATH)["report"]
    api.report("hub-1", "health", {"page_answers": False})
    dead = api.call("GET", PATH)["report"]

    assert _results(off)["page reachable, as the hub says"] is None
    assert off["passed"]
    assert not dead["passed"]


def test_new_hub_fails_by_name(api: FleetApi) -> None:
    """What is not there failed, what nobody can know is not known; neither has passed."""
    api.add("hub-1")

    report = api.call("GET", PATH)["report"]

    results = _results(report)
    assert results["hello heard"] is False
    assert results["first reading stored"] is False
    assert results["receipts answered"] is False
    assert results["certificate active"] is None
    assert results["clock within 2 s"] is None
    assert not report["passed"]


def test_revoked_hub_does_not_pass(api: FleetApi) -> None:
    """Its certificate is not active, and the report says since when."""
    _install(api)
    with api.database.writing() as connection:
        revoke(connection, "hub-1", NOW_MS)

    report = api.call("GET", PATH)["report"]

    assert _results(report)["certificate active"] is False


def test_report_is_verified_by_the_fleets_root(api: FleetApi) -> None:
    """What comes out is what was signed."""
    _install(api)

    document = api.call("GET", PATH)

    assert _verify(api, document).thing == "hub-1"


def test_changed_report_is_refused(api: FleetApi) -> None:
    """The readable half, the signed half, the signature, its header: none may be another."""
    _install(api)
    document = api.call("GET", PATH)
    head, payload, signature = document["jws"].split(".")

    changed = {**document, "report": {**document["report"], "installer": "Somebody else"}}
    with pytest.raises(BadInputError, match="not what was signed"):
        _verify(api, changed)
    for jws in (
        f"{head}.{payload[:-4]}AAAA.{signature}",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        f"{head}.{payload}.",
        f"eyJhbGciOiJub25lIn0.{payload}.",
        "x",
        "",
        "x" * 2_000_000,
    ):
        with pytest.raises(BadInputError):
            _verify(api, {**document, "jws": jws})
    strange: list[Any] = [{}, {"report": {}, "jws": 5}, [], "x"]
    for bad in strange:
        with pytest.raises(BadInputError):
            _verify(api, bad)


def test_report_of_another_fleet_is_refused(api: FleetApi, tmp_path: Path) -> None:
    """Its root is not ours; and a file that is no certificate says so."""
    _install(api)
    document = json.dumps(api.call("GET", PATH)).encode()
    other = Authority(tmp_path / "other", SystemClock())
    other.prepare()

    with pytest.raises(BadInputError, match="not signed by this fleet"):
        verify_file(document, str(other.certificate))
    with pytest.raises(OperatorError):
        verify_file(document, str(tmp_path / "none"))


def test_hub_cannot_sign_a_report(api: FleetApi) -> None:
    """A certificate of the fleet's is not enough: it must be a service's."""
    _install(api)
    document = api.call("GET", PATH)
    hub = api.authority.issue("hub-1")
    payload = json.dumps(document["report"]).encode()

    forged = Seal(str(hub.certificate), str(hub.key)).sign(payload)

    with pytest.raises(BadInputError, match="no service"):
        _verify(api, {**document, "jws": forged})


def test_page_is_whole_and_escapes_what_it_shows(api: FleetApi) -> None:
    """Headed tables with captions, results in words, nothing of a name taken for markup."""
    _install(api)

    answer = api.client.get(
        f"/v1/{PATH}",
        headers={**HEADERS, "Accept": "text/html"},
        params={"installer": "<script>x</script>"},
    )

    page = answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<caption>") == page.count("<table>") == 3
    assert page.count(">passed</td>") == len(NAMES)
    assert '<html lang="en">' in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.slow
def test_axe_finds_nothing_in_the_page(api: FleetApi) -> None:
    """No accessibility rule of axe-core is broken, with what failed and the signature shown."""
    _install(api)
    api.report("hub-1", "health", {"page_answers": False, "problems": ["disk full"]})
    headers = {**HEADERS, "Accept": "text/html"}
    content = api.client.get(f"/v1/{PATH}", headers=headers).text

    with open_chromium() as browser:
        page = browser.new_page()
        page.set_content(content.replace("<details>", "<details open>"))
        found = accessibility_violations(page)

    assert found == []


def test_page_says_what_failed(api: FleetApi) -> None:
    """In a word, not by a colour alone; a hub without meters has none to show."""
    api.add("hub-1")
    document = api.call("GET", PATH)

    page = render_page(_verify(api, document), document["jws"])

    assert ">failed</td>" in page
    assert ">not known</td>" in page
    assert "No meter has been heard yet." in page


def test_bad_installer_is_refused(api: FleetApi) -> None:
    """Too long, or with a line of its own."""
    _install(api)

    api.problem(400, "GET", PATH, params={"installer": "x" * 201})
    api.problem(400, "GET", PATH, params={"installer": "a\nb"})
