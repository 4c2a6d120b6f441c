"""Who may set the page's first PIN, and until when."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from agent.app import first_pin_door
from agent.home.changes import TOKEN_HEADER
from agent.home.firstpin import OPEN_MINUTES
from agent.home.pinfile import PinFile
from shared.units import MS_PER_MINUTE
from tests.support.home_page import Home
from tests.support.hubs import config_in


@pytest.mark.parametrize(
    ("up_minutes", "address", "status"),
    [
        (OPEN_MINUTES - 1, "192.168.1.7", 200),
        (OPEN_MINUTES, "192.168.1.7", 403),
        (OPEN_MINUTES, "fe80::1", 403),
        (OPEN_MINUTES, "testclient", 403),
        (OPEN_MINUTES, "127.0.0.1", 200),
        (OPEN_MINUTES, "::1", 200),
        (OPEN_MINUTES, "::ffff:127.0.0.1", 200),
    ],
)
def test_the_first_pin_is_for_whoever_has_the_hub_in_hand(
    tmp_path: Path, up_minutes: int, address: str, status: int
) -> None:
    """On the hub itself, or minutes after it was switched on; not the whole network for ever."""
    home = Home()
    app = home.page(pin="", pin_file=PinFile(tmp_path))
    client = TestClient(
        app,
        base_url="http://hub.home:8080",
        headers={TOKEN_HEADER: app.state.token},
        client=(address, 40_000),
    )
    home.up_ms = up_minutes * MS_PER_MINUTE

    hint = client.get("/view.json").json()["pin_hint"]
    answer = client.post("/pin", json={"pin": "2468"})

    assert answer.status_code == status
    assert bool(hint) == (up_minutes >= OPEN_MINUTES)
    if status == 403:
        assert "Unplug the hub" in answer.json()["hint"]
        assert not list(tmp_path.iterdir())


def test_the_first_start_of_all_opens_the_door_and_no_later_one(tmp_path: Path) -> None:
    """A hub put on a machine that has long been up; from then on only a boot opens it."""
    config = config_in(tmp_path)
    config.hub_state_dir.mkdir(exist_ok=True)

    first = first_pin_door(config)
    config.database_path.touch()
    later = first_pin_door(config)

    assert first.is_open
    assert first.opened_ms > 0
    assert later.opened_ms == 0
