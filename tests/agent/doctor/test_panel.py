"""What `doctor` says of the panel: by the running hub's word, else by its port."""

import dataclasses
from pathlib import Path

from agent.doctor.check import Result
from agent.doctor.panel import ask_panel, check_panel, judge_panel
from agent.home.panelview import PanelView
from tests.support.home_inputs import home_inputs, hub_state
from tests.support.home_page import Home
from tests.support.hubs import config_in

THERE = PanelView(
    "connected",
    "/dev/ttyACM0",
    board="wall",
    firmware="1.2.3",
    heard_age_ms=900,
    starts=2,
    frames_refused={"crc": 3, "cobs": 1},
    crc_errors=5,
)


def test_a_home_without_a_panel_has_none_to_check(tmp_path: Path) -> None:
    """It is not set up, which is no fault."""
    assert check_panel(config_in(tmp_path), hub_runs=False).result is Result.ABSENT


def test_firmware_errors_and_when_it_was_heard_are_told() -> None:
    """From both ends of the line."""
    check = judge_panel(THERE)

    assert check.result is Result.OK
    assert check.finding == (
        "wall 1.2.3, heard just now; 2 starts, 0 times lost, 4 bad frames, "
        "5 bad frames at its end, 0 sent again"
    )


def test_a_panel_that_does_not_answer_is_a_fault() -> None:
    """With what to look at."""
    check = judge_panel(PanelView("silent", "/dev/ttyACM0"))

    assert check.result is Result.FAULT
    assert "panel.baud" in check.fix


def test_a_panel_that_restarts_is_a_warning() -> None:
    """It is shown the home all the same."""
    check = judge_panel(PanelView("connected", "/dev/ttyACM0", starts_last_hour=9))

    assert (check.result, bool(check.fix)) == (Result.WARNING, True)


def test_an_update_is_well() -> None:
    """It ends by itself."""
    assert judge_panel(PanelView("lent", "/dev/ttyACM0")).result is Result.OK


def test_a_running_hub_is_asked(tmp_path: Path) -> None:
    """Its page tells; the port is left in peace."""
    home = Home()
    home.inputs = home_inputs(hub=hub_state(panel=THERE))
    with home.serve() as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        config = config_in(
            tmp_path, page_host=host, page_port=int(port), panel_port="/dev/ttyNOTTHERE"
        )

        assert ask_panel(host, int(port)) == THERE
        assert check_panel(config, hub_runs=True).result is Result.OK


def test_without_a_hub_its_port_is_looked_at(tmp_path: Path) -> None:
    """Not there, or no serial port, each with the setting to correct."""
    missing = check_panel(config_in(tmp_path, panel_port="/dev/ttyNOTTHERE"), hub_runs=False)
    file = tmp_path / "file"
    file.touch()
    no_port = check_panel(
        dataclasses.replace(config_in(tmp_path), panel_port=str(file)), hub_runs=False
    )

    assert (missing.name, missing.result) == ("panel", Result.FAULT)
    assert "is not there" in missing.finding
    assert no_port.fix == "correct panel.port"
