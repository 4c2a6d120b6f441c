"""The display page over HTTP: who may ask, what is answered, and what may be changed."""

import json
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from agent.home.changes import MAX_BODY_BYTES, MAX_PIN_CHARS, TOKEN_HEADER
from agent.home.guard import SECURITY_HEADERS, host_name
from agent.home.joining import JoinState
from agent.home.page import STATIC
from agent.home.pinfile import PinFile
from agent.home.pins import FREE_TRIES
from shared.assets import load_assets
from tests.support.home_page import PIN, Home
from tests.support.pictures import read_picture

CLAIM = "hearthlink:cloud.example.org/7K2Q9-M4XAB-0CDEF-GHJKM"


def client_of(app: Starlette, base_url: str = "http://localhost:8080") -> TestClient:
    """Ask the page as a browser at this address would."""
    return TestClient(app, base_url=base_url, headers={TOKEN_HEADER: app.state.token})


@pytest.fixture
def home() -> Home:
    """A home in good health."""
    return Home()


@pytest.fixture
def client(home: Home) -> TestClient:
    """A browser on the hub itself."""
    return client_of(home.page())


@pytest.mark.parametrize("path", ["/", "/view.json", "/healthz", "/granularity", "/nowhere"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    """Success, refusal and not found alike; and no answer sets a cookie."""
    answer = client.get(path)

    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/history", "/view.json", "/nowhere"])
def test_only_named_origins_may_frame_the_page(home: Home, path: str) -> None:
    """A dashboard that the household names; every other header stays as it was."""
    dashboard = ["http://homeassistant.local:8123", "https://wall.home"]

    answer = client_of(home.page(framed_by=dashboard)).get(path)

    policy = answer.headers["content-security-policy"]
    strict = SECURITY_HEADERS["Content-Security-Policy"]
    assert policy == strict.removesuffix("'none'") + " ".join(dashboard)
    assert policy.split("; ")[-1] == f"frame-ancestors {' '.join(dashboard)}"
    assert "x-frame-options" not in answer.headers
    for name in SECURITY_HEADERS.keys() - {"Content-Security-Policy", "X-Frame-Options"}:
        assert answer.headers[name] == SECURITY_HEADERS[name]


def test_policy_allows_nothing_inline_and_no_other_origin(client: TestClient) -> None:
    """The page's own HTML keeps to its policy: no inline script or style, no foreign address."""
    text = client.get("/").text

    assert "unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", text)
    assert not re.search(r"(?:href|src)=\"(?:https?:)?//", text)


@pytest.mark.parametrize(
    "base_url",
    ["http://localhost", "http://127.0.0.1:8080", "http://[::1]:8080", "http://HUB.home:8080"],
)
def test_known_hosts_are_answered(home: Home, base_url: str) -> None:
    """Loopback names and the configured ones, whatever the port and case."""
    assert client_of(home.page(), base_url).get("/healthz").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "hub.home.evil.example", "localhost.evil:8080"])
def test_foreign_host_is_misdirected(client: TestClient, home: Home, host: str) -> None:
    """A name that someone else points at the hub (DNS rebinding) gets nothing."""
    answer = client.get("/view.json", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert home.reads == 0


@pytest.mark.parametrize("host", ["", "user@localhost", "localhost:port", "localhost/x", "[::1"])
def test_malformed_host_is_refused(host: str, client: TestClient) -> None:
    """Nothing is guessed from a Host that is none."""
    assert client.get("/", headers={"Host": host}).status_code == 400


def test_host_name_leaves_out_the_port() -> None:
    """Names are compared without port and brackets, in lower case."""
    assert [host_name(host) for host in ("Hub.Home:80", "[::1]:80", "::1:x")] == [
        "hub.home",
        "::1",
        None,
    ]


def test_page_links_assets_by_their_content(client: TestClient) -> None:
    """Every file the page names is there, kept for good, and of this release only."""
    paths = re.findall(r'"(/static/[^"]+)"', client.get("/").text)

    answers = {path: client.get(path) for path in paths}

    assert {path.rsplit(".", 1)[1] for path in paths} == {"css", "js", "svg", "png"}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert all("immutable" in answer.headers["cache-control"] for answer in answers.values())
    assert client.get("/static/0123456789ab/home.css").status_code == 404
    assert client.get(paths[0].rsplit("/", 1)[0] + "/index.html").status_code == 404


def test_whole_page_is_small(client: TestClient) -> None:
    """Page, files and first view are within 100 kB, uncompressed."""
    page = client.get("/")
    paths = set(re.findall(r'"(/static/[^"]+)"', page.text))

    total = len(page.content) + len(client.get("/view.json").content)
    total += sum(len(client.get(path).content) for path in paths)

    assert total <= 100_000


def test_view_is_served_as_json(client: TestClient) -> None:
    """The view is what the page shows, never cached, and writable where there is a PIN."""
    answer = client.get("/view.json")

    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["power"]["net_w"] == 1_436
    assert answer.json()["is_read_only"] is False


def post(client: TestClient, pin: str = PIN, granularity: str = "daily") -> int:
    """Post a change of granularity, and return the status."""
    body = {"pin": pin, "granularity": granularity}
    return client.post("/granularity", json=body).status_code


def test_granularity_changes_with_the_pin(client: TestClient, home: Home) -> None:
    """Whoever knows the PIN may change what leaves the home."""
    answer = client.post("/granularity", json={"pin": PIN, "granularity": "daily"})

    assert (answer.status_code, answer.json()) == (200, {"granularity": "daily"})
    assert home.chosen == ["daily"]


def test_without_a_pin_the_page_is_read_only(home: Home) -> None:
    """No PIN set means that nobody may change anything, the empty PIN included."""
    client = client_of(home.page(pin=""))

    answer = client.post("/granularity", json={"pin": "", "granularity": "daily"})

    assert answer.status_code == 403
    assert "Set a PIN" in answer.json()["hint"]
    assert client.get("/view.json").json()["is_read_only"] is True
    assert home.chosen == []


def test_wrong_pin_is_refused_and_guessing_is_slowed(home: Home) -> None:
    """Wrong PINs are refused, then locked out with a time to wait; the right one waits too."""
    with client_of(home.page()) as client:
        statuses = [post(client, pin="0000") for _ in range(FREE_TRIES)]
        answer = client.post("/granularity", json={"pin": PIN, "granularity": "daily"})

    assert statuses == [401] * (FREE_TRIES - 1) + [429]
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 31
    assert home.chosen == []


def test_refused_granularity_says_why(client: TestClient) -> None:
    """What the hub refuses comes back with its reason and its fix."""
    answer = client.post("/granularity", json={"pin": PIN, "granularity": "weekly"})

    assert answer.status_code == 422
    assert answer.json()["detail"] == "granularity 'weekly' is unknown"
    assert answer.json()["hint"] == "use half-hourly"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"pin":"4711","granularity":"daily"}', "text/plain", 415),
        (b"pin=4711&granularity=daily", "application/x-www-form-urlencoded", 415),
        (b"{}", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"pin":"4711","granularity":"daily","more":1}', "application/json", 400),
        (b'{"pin":4711,"granularity":"daily"}', "application/json; charset=utf-8", 400),
        (b" " * (MAX_BODY_BYTES + 1), "application/json", 413),
        (
            json.dumps({"pin": "1" * (MAX_PIN_CHARS + 1), "granularity": "x"}).encode(),
            "application/json",
            400,
        ),
    ],
)
def test_bad_body_is_refused(
    client: TestClient, home: Home, body: bytes, content_type: str, status: int
) -> None:
    """A body that is no change changes nothing, and does not count as a wrong PIN."""
    answer = client.post("/granularity", content=body, headers={"Content-Type": content_type})

    assert answer.status_code == status
    assert home.chosen == []


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8080", 200),
        ("http://localhost", 403),
        ("http://evil.example", 403),
        ("null", 403),
    ],
)
def test_only_the_own_page_may_post(client: TestClient, origin: str, status: int) -> None:
    """A page of another origin may not change a setting, even with the PIN."""
    answer = client.post(
        "/granularity", json={"pin": PIN, "granularity": "daily"}, headers={"Origin": origin}
    )

    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/granularity", "/claim", "/pin"])
@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_change_without_the_pages_token_is_refused(home: Home, path: str, token: str) -> None:
    """Another site's page may send a request, but cannot read the token (CSRF)."""
    client = TestClient(home.page(), base_url="http://localhost:8080")
    body = {"pin": PIN, "granularity": "daily", "claim": CLAIM}

    answer = client.post(path, json=body, headers={TOKEN_HEADER: token})

    assert answer.status_code == 403
    assert home.chosen == []


def test_the_first_pin_is_set_once_and_kept(home: Home, tmp_path: Path) -> None:
    """Whoever is first sets the PIN; it holds after a restart, and is in no file as it is."""
    client = client_of(home.page(pin="", pin_file=PinFile(tmp_path)))
    assert client.get("/view.json").json()["may_set_pin"] is True

    short = client.post("/pin", json={"pin": "12"})
    first = client.post("/pin", json={"pin": "2468"})
    second = client.post("/pin", json={"pin": "1357"})

    assert [short.status_code, first.status_code, second.status_code] == [422, 200, 403]
    again = client_of(home.page(pin="", pin_file=PinFile(tmp_path)))
    assert post(again, pin="2468") == 200
    assert post(again, pin="1357") == 401
    (kept,) = tmp_path.iterdir()
    assert "2468" not in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_claim_is_handed_on_with_the_pin(home: Home) -> None:
    """The right PIN and a claim: the hub begins to join; nonsense is named."""
    client = client_of(home.page())

    wrong = client.post("/claim", json={"pin": "0000", "claim": CLAIM})
    nonsense = client.post("/claim", json={"pin": PIN, "claim": "nonsense"})
    right = client.post("/claim", json={"pin": PIN, "claim": CLAIM})

    assert [wrong.status_code, nonsense.status_code, right.status_code] == [401, 422, 202]
    assert home.claims == [CLAIM]


def test_a_hub_that_has_not_joined_says_so(home: Home) -> None:
    """The page shows what is missing, and what stood in the way of the last try."""
    client = client_of(home.page())

    before = client.get("/view.json").json()["joining"]

    assert before == {
        "text": "Not joined to a cloud yet.",
        "hint": "Ask your installer or operator for a claim.",
        "wants_claim": True,
    }


def test_a_hub_that_has_joined_takes_no_claim_at_its_page(home: Home) -> None:
    """Who knows the PIN cannot move it to another cloud; the answer names the ways that can."""
    home.joining = JoinState(thing="hall-hub")

    answer = client_of(home.page()).post("/claim", json={"pin": PIN, "claim": CLAIM})

    assert answer.status_code == 409
    assert "hall-hub" in answer.json()["detail"]
    assert "hearthlink provision" in answer.json()["hint"]
    assert home.claims == []


def test_icons_of_the_manifest_have_addresses_that_stay(client: TestClient) -> None:
    """By the sizes that it names them with; a phone's home screen has one of its own."""
    icons = client.get("/app.webmanifest").json()["icons"]

    for icon in icons:
        answer = client.get(icon["src"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, icon["type"])
        if icon["type"] == "image/png":
            width, height = read_picture(answer.content).size
            assert icon["sizes"] == f"{width}x{height}"
    assert {(one["sizes"], one["purpose"]) for one in icons} >= {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }


@pytest.mark.parametrize("path", ["/", "/history"])
def test_pages_name_an_icon_for_a_home_screen(client: TestClient, path: str) -> None:
    """180 pixels a side, which takes no SVG and nothing transparent."""
    (link,) = re.findall(r'<link rel="apple-touch-icon" href="([^"]+)"', client.get(path).text)

    answer = client.get(link)

    assert answer.headers["content-type"] == "image/png"
    assert read_picture(answer.content).size == (180, 180)


def test_the_worker_keeps_every_file_of_the_pages() -> None:
    """One that is missing there leaves an installed page blank while the hub is away."""
    assets = load_assets(STATIC)
    script = assets.files["worker.js"].content.decode()

    kept = set(re.findall(r'"([\w.]+\.(?:js|css|svg))"', script))

    served = {name for name in assets.files if name.endswith((".js", ".css", ".svg"))}
    # The worker has its own script from its own shelf.
    assert kept == served - {"worker.js", "shelf.js"}
