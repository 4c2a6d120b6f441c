"""The panel in words: on the page's line of health, and as faults that `doctor` names."""

import pytest

from agent.home.health import view_health
from agent.home.panelview import RESTARTS_NOTICED, PanelView, State, describe
from tests.support.home_inputs import home_inputs, hub_state

PORT = "/dev/ttyACM0"
THERE = PanelView("connected", PORT, board="wall", firmware="1.2.3", heard_age_ms=800)


def line_of(panel: PanelView) -> tuple[str, str, str]:
    """The page's line: its condition, text and hint."""
    (line,) = [
        one for one in view_health(home_inputs(hub=hub_state(panel=panel))) if one.name == "Panel"
    ]
    return line.condition, line.text, line.hint


def test_a_home_without_a_panel_has_no_line() -> None:
    """Nobody is told of what they do not have."""
    assert "Panel" not in [one.name for one in view_health(home_inputs())]


def test_a_panel_that_is_there_is_named() -> None:
    """Board, firmware, and when it was heard."""
    assert line_of(THERE) == ("good", "wall 1.2.3, heard just now", "")


def test_a_panel_that_says_little_of_itself_is_a_panel() -> None:
    """Board and firmware are its maker's choice."""
    assert describe(PanelView("connected", PORT)) == "a panel"


@pytest.mark.parametrize(
    ("state", "age_ms", "text", "hint"),
    [
        ("silent", None, f"nobody answers on {PORT}", "panel.baud"),
        ("silent", 90_000, f"no answer for 1 min on {PORT}", "panel.baud"),
        ("unplugged", 90_000, "gone", "plug it in"),
        ("refused", 900, "gone", "plug it in"),
    ],
)
def test_a_panel_that_is_not_there_is_a_fault_with_its_fix(
    state: State, age_ms: int | None, text: str, hint: str
) -> None:
    """Each kind in its own words."""
    panel = PanelView(state, PORT, reason="gone", hint="plug it in", heard_age_ms=age_ms)

    condition, told, fix = line_of(panel)

    assert (condition, told) == ("fault", text)
    assert hint in fix


def test_an_update_is_no_fault() -> None:
    """The line is lent for as long as it takes."""
    assert line_of(PanelView("lent", PORT, board="wall")) == ("good", "wall is being updated", "")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"starts_last_hour": RESTARTS_NOTICED}, "started 4 times within an hour"),
        ({"presses_dropped": 7}, "7 button presses ignored"),
        ({"times_held_back": 1}, "sends more than a line carries"),
        ({"texts_unshown": 1}, "cannot show 1 message to the household"),
        ({"texts_unshown": 2}, "cannot show 2 messages to the household"),
    ],
)
def test_a_panel_that_misbehaves_is_noticed(wrong: dict[str, int], words: str) -> None:
    """It is shown the home all the same."""
    panel = PanelView("connected", PORT, board="wall", **wrong)  # type: ignore[arg-type]

    condition, text, hint = line_of(panel)

    assert condition == "notice"
    assert words in text
    assert hint
