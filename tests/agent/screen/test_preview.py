"""`hearthlink panel preview`: a picture from a made-up home, a file, or a running hub."""

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest
from PIL import Image

from agent.home.inputs import Message, PrepaymentState
from agent.home.shown import build_shown
from agent.home.view import build_view
from agent.panel_command import run
from agent.screen.preview import STATES, read_size, read_view
from agent.screen.sample import sample_states
from shared.calendar import slot_of_sample
from shared.errors import OperatorError
from shared.meterdays import SlotUsage
from tests.support.home_inputs import LONDON, NOW_MS, home_inputs
from tests.support.home_page import Home
from tests.support.screen_pictures import Kept


def test_a_made_up_evening_is_drawn(tmp_path: Path) -> None:
    """In the size and depth that were asked for, as a screen would show it."""
    file = tmp_path / "panel.png"

    assert run(["preview", "--size", "128x64", "--depth", "1", str(file)]) == 0

    with Image.open(file) as picture:
        assert (picture.format, picture.size, picture.mode) == ("PNG", (128, 64), "1")
        assert picture.tobytes() == Kept("evening", (128, 64), "1").draw().tobytes()


def test_every_state_can_be_asked_for(tmp_path: Path) -> None:
    """Those that there are, and no others."""
    file = tmp_path / "panel.png"
    assert set(STATES) == set(sample_states())

    run(["preview", "--size", "64x32", "--state", "stale", "--theme", "light", str(file)])
    with pytest.raises(SystemExit):
        run(["preview", "--size", "64x32", "--state", "sunny", str(file)])

    assert file.exists()


def test_a_running_hub_is_drawn(tmp_path: Path) -> None:
    """By what its page tells every display."""
    home, file = Home(), tmp_path / "panel.png"
    with home.serve() as server:
        shown, zone = read_view(server.url)
        assert run(["preview", "--size", "64x32", "--from", server.url, str(file)]) == 0

    assert (shown, zone) == (build_shown(home.inputs), LONDON)
    assert file.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"budget_millionths": 45_000_000, "messages": [Message(1, "Power off", NOW_MS)]},
        {"prepayment": PrepaymentState(NOW_MS, "GBP", -5_000_000), "is_clock_trusted": False},
        {"tariff": None, "meters": [], "electricity_slots": {}, "gas_slots": {}},
        {"export_slots": {slot_of_sample(NOW_MS) - 1: SlotUsage(1_000, is_estimated=False)}},
    ],
)
def test_a_saved_view_is_read(tmp_path: Path, changes: dict[str, Any]) -> None:
    """As `curl` wrote it, with all that a home can have or lack."""
    inputs = home_inputs(**changes)
    file = tmp_path / "view.json"
    file.write_bytes(msgspec.json.encode(build_view(inputs)))

    assert read_view(str(file))[0] == build_shown(inputs)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"zone": "Mars/Olympus"}'])
def test_what_is_no_view_is_refused(tmp_path: Path, body: bytes) -> None:
    """With what to give."""
    file = tmp_path / "view.json"
    file.write_bytes(body)

    with pytest.raises(OperatorError, match="not a hub's view"):
        read_view(str(file))


def test_a_view_of_an_unknown_place_is_refused(tmp_path: Path) -> None:
    """Its clock could not be told."""
    view = json.loads(msgspec.json.encode(build_view(home_inputs())))
    file = tmp_path / "view.json"
    file.write_text(json.dumps({**view, "zone": "Mars/Olympus"}))

    with pytest.raises(OperatorError, match="Mars"):
        read_view(str(file))


@pytest.mark.parametrize("source", ["http://127.0.0.1:1", "nowhere.json"])
def test_a_source_that_is_not_there_is_named(source: str) -> None:
    """An address or a file."""
    with pytest.raises(OperatorError, match=r"127\.0\.0\.1:1|nowhere\.json"):
        read_view(source)


@pytest.mark.parametrize("text", ["320", "320*240", "8x8", "9999x9999", "x", "-1x5", "12345x1"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    """With those that there are."""
    with pytest.raises(OperatorError, match="none that can be drawn"):
        read_size(text)


def test_a_size_may_be_written_with_either_sign() -> None:
    """As people and as typesetters write it."""
    assert read_size("320x240") == read_size("320×240") == (320, 240)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With why."""
    with pytest.raises(OperatorError, match="No such file"):
        run(["preview", "--size", "64x32", str(tmp_path / "nowhere" / "panel.png")])


def test_without_its_packages_the_command_says_which(tmp_path: Path) -> None:
    """And explains itself all the same."""
    missing = {"PIL": None, "agent.screen.layout": None, "agent.screen.canvas": None}
    with (
        mock.patch.dict(sys.modules, missing),
        pytest.raises(OperatorError, match=r"agent\.screen\.layout|PIL") as refused,
    ):
        run(["preview", "--size", "64x32", str(tmp_path / "panel.png")])
    with mock.patch.dict(sys.modules, missing), pytest.raises(SystemExit) as explained:
        run(["preview", "--help"])

    assert "[agent,screen]" in refused.value.hint
    assert explained.value.code == 0
