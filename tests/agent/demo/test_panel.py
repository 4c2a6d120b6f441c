"""The demo's panel: built here, on a terminal that a hub opens, its picture on a page."""

import os
import re
import select
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.config import Config, read_config
from agent.demo import panel as panel_module
from agent.demo.files import Displays, write_hub_files
from agent.demo.panel import DemoPanel, find_obstacle
from agent.demo.processes import Processes
from agent.demo.reference import build_reference
from firmware_bridge.display.hub_end import HubEnd
from firmware_bridge.display.messages import Display
from firmware_bridge.links.serial_port import open_serial
from shared.errors import OperatorError
from tests.support.panel_build import plain_reference
from tests.support.pictures import read_picture

LIMIT_S = 60.0
METERS = [{"link": "/dev/ttyUSB0"}]
DISPLAY = "http://127.0.0.1:8080"


@pytest.fixture(name="shown")
def _shown(tmp_path: Path) -> Iterator[DemoPanel]:
    panel = DemoPanel(tmp_path, DISPLAY)
    panel.prepare()
    processes = Processes(tmp_path)
    processes.start("panel", panel.command(lambda *_: plain_reference()), line=panel.line)
    processes.wait_for("panel", panel.picture.exists)
    yield panel
    processes.stop("panel")
    panel.close()


def show(path: str, display: Display, session: int) -> None:
    """Be a hub until the panel has acknowledged a snapshot."""
    port, end = open_serial(path, baud=115_200), HubEnd(session)
    end.show(display, time.monotonic_ns() // 1_000_000)
    deadline_s = time.monotonic() + LIMIT_S
    while not (end.panel and end.is_idle):
        assert time.monotonic() < deadline_s
        now_ms = time.monotonic_ns() // 1_000_000
        end.advance(now_ms)
        port.write_now(end.take_outgoing())
        if select.select([port._port.fileno()], [], [], 0.01)[0]:
            end.receive(os.read(port._port.fileno(), 4_096), now_ms)
    port._port.close()


def fetch(url: str) -> bytes:
    """Read an address of the demo."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        read: bytes = answer.read()
        return read


def test_what_a_hub_shows_is_on_the_page(shown: DemoPanel) -> None:
    """The picture changes with the snapshot, through a hub that comes and goes."""
    blank = fetch(f"{shown.url}/panel.png")
    show(shown.port, Display(power_w=1_111, currency="GBP"), session=1)
    first = changed(shown, blank)
    show(shown.port, Display(power_w=2_222, currency="GBP"), session=2)
    second = changed(shown, first)

    assert b"panel.png" in fetch(shown.url + "/")
    assert read_picture(first).size == (432, 256)
    assert len({blank, first, second}) == 3
    assert shown.url in shown.sentence()
    with pytest.raises(urllib.error.HTTPError):
        fetch(f"{shown.url}/hub.toml")


def test_the_hubs_page_is_beside_the_picture(shown: DemoPanel) -> None:
    """In a frame of one small page, which asks for nothing but its own files and that one."""
    with urllib.request.urlopen(shown.url, timeout=60) as answer:
        page, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]

    assert f'<iframe src="{DISPLAY}"' in page
    assert page.index("<iframe") < page.index('<img src="panel.png"')
    assert policy.startswith("default-src 'none'")
    assert policy.endswith(f"frame-src {DISPLAY}")
    for path in re.findall(r'(?:src|href)="([^:"]+)"', page):
        assert fetch(f"{shown.url}/{path}")


def test_the_picture_is_loaded_anew_by_itself(shown: DemoPanel) -> None:
    """Under another address each time, lest a browser keep it; the page beside it stays."""
    script = fetch(f"{shown.url}/panel.js").decode()

    asked = script.replace("${Date.now()}", "1").split("`")[1]

    assert fetch(f"{shown.url}/{asked}").startswith(b"\x89PNG")
    assert "location" not in script


def changed(shown: DemoPanel, before: bytes) -> bytes:
    """Wait for another picture: a panel acknowledges before it draws."""
    deadline_s = time.monotonic() + LIMIT_S
    while (now := fetch(f"{shown.url}/panel.png")) == before:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    return now


@pytest.mark.parametrize(
    ("compiler", "library", "words"),
    [(None, "cobs", "no C compiler"), ("/usr/bin/cc", "nosuchlibrary", "hearthlink[panel]")],
)
def test_what_is_missing_is_said_in_plain_words(
    compiler: str | None,
    library: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The demo goes on without a panel."""
    monkeypatch.setattr(panel_module, "find_compiler", lambda: compiler)
    monkeypatch.setattr(panel_module, "LIBRARIES", (library,))
    panel = DemoPanel(tmp_path)

    panel.prepare()

    assert words in find_obstacle()
    assert panel.port == ""
    assert panel.sentence().startswith("none: ")
    panel.close()


def test_a_panel_that_nobody_asked_for_is_none(tmp_path: Path) -> None:
    """`--no-panel`, and every other stage that is built on the demo's."""
    panel = DemoPanel(tmp_path, is_wanted=False)

    panel.prepare()

    assert (panel.port, panel.sentence()) == ("", "none: not asked for")


def test_a_build_that_fails_says_why(tmp_path: Path) -> None:
    """With what the compiler said, and what to install."""
    with pytest.raises(OperatorError, match="does not build") as caught:
        build_reference("false", tmp_path)

    assert "gcc" in caught.value.hint


def test_the_hub_is_told_where_its_panel_is(tmp_path: Path) -> None:
    """And whose page may show its own; or that there is none."""
    shown = Displays(1, "/demo/panel", "http://127.0.0.1:9")
    with_panel = read_config_of(write_hub_files(tmp_path, "claim", METERS, "UTC", shown))
    without = read_config_of(write_hub_files(tmp_path, "claim", METERS, "UTC", Displays(1)))

    assert (with_panel.panel_port, with_panel.page_framed_by) == ("/demo/panel", (shown.framed_by,))
    assert (without.panel_port, without.page_framed_by) == ("", ())


def read_config_of(path: Path) -> Config:
    """Read a hub's file as the hub does, whatever the environment says."""
    return read_config(tomllib.loads(path.read_text()), {}, str(path))


def test_a_process_reads_and_writes_its_line(tmp_path: Path) -> None:
    """What it says elsewhere goes to its file."""
    ours, theirs = os.openpty()
    processes = Processes(tmp_path)
    processes.start("echo", ["cat"], line=theirs)
    os.write(ours, b"hello\n")

    heard = b""
    while b"hello" not in heard:
        heard += os.read(ours, 64)
    processes.stop("echo")
    for one in (ours, theirs):
        os.close(one)

    assert not processes.those_of(["echo"])
