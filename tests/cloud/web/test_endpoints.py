"""The web app's files: whole, kept for good by their build, and alone with their server."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.web.endpoints import PLACE, assets
from shared.clock import DrivenClock
from tests.support.cloud import START_MS, config_in
from tests.support.pictures import read_picture


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """The API, whoever asks."""
    return TestClient(create_app(config_in(tmp_path), DrivenClock(START_MS)))


def test_every_link_of_the_page_is_served(client: TestClient) -> None:
    """What the page names is there, as what it is, and may be kept for good."""
    page = client.get("/app/")
    links = re.findall(r'(?:href|src)="(/app/[^"]+)"', page.text)

    answers = {link: client.get(link) for link in links}

    assert len(links) > 4
    assert {link: one.status_code for link, one in answers.items()} == dict.fromkeys(links, 200)
    kept = [link for link in links if link.startswith(PLACE)]
    assert all("immutable" in answers[link].headers["cache-control"] for link in kept)
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_worker_keeps_exactly_what_there_is(client: TestClient) -> None:
    """A file that it does not name would be absent without a network; one too many fails it."""
    worker = client.get("/app/worker.js").text
    named = re.findall(r'"([a-z]+\.(?:js|css|svg))"', worker)

    # Icons are kept by whoever installs the app.
    beside = {name for name in assets().files if name.endswith((".webmanifest", ".png"))}

    assert sorted(named) == sorted(assets().files.keys() - beside - {"worker.js", "shelf.js"})


def test_scripts_import_only_what_there_is(client: TestClient) -> None:
    """Each import of each module names a file of the app."""
    scripts = {name: one for name, one in assets().files.items() if name.endswith(".js")}
    for name, asset in scripts.items():
        for imported in re.findall(r'from "\./([^"]+)"', asset.content.decode()):
            assert imported in assets().files, f"{name} imports {imported}"


def test_icon_and_manifest_have_addresses_that_stay(client: TestClient) -> None:
    """An installed app looks for them for years."""
    manifest = client.get("/app/app.webmanifest")

    assert manifest.headers["content-type"] == "application/manifest+json"
    icons = manifest.json()["icons"]
    for icon in icons:
        answer = client.get(icon["src"])
        assert answer.headers["content-type"] == icon["type"]
        if icon["type"] == "image/png":
            width, height = read_picture(answer.content).size
            assert icon["sizes"] == f"{width}x{height}"
    assert {one["sizes"] for one in icons} == {"any", "192x192", "512x512"}


def test_the_app_has_an_icon_for_a_home_screen(client: TestClient) -> None:
    """180 pixels a side, kept for good."""
    page = client.get("/app/").text
    (link,) = re.findall(r'<link rel="apple-touch-icon" href="([^"]+)"', page)

    answer = client.get(link)

    assert read_picture(answer.content).size == (180, 180)
    assert "immutable" in answer.headers["cache-control"]


def test_files_of_another_build_are_not_this_ones(client: TestClient) -> None:
    """A page of yesterday gets a problem, not a file that does not fit it."""
    answer = client.get(f"{PLACE}000000000000/app.js")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/app", follow_redirects=False).headers["location"] == "/app/"
