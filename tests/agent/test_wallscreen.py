"""A hub with a screen on its pins, from the meter's word to the picture."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from luma.core.device import dummy  # type: ignore[import-untyped]
from PIL import Image

from agent import optional, wallscreen
from agent.app import build_hub
from agent.hub import Hub
from agent.screen.device import LumaScreen
from shared.errors import OperatorError
from tests.support.hubs import config_in, take, telegram

DEADLINE_S = 10.0


class Panel(dummy):  # type: ignore[misc]  # luma has no types
    """One of luma's devices, which keeps its pictures and tells of each."""

    def __init__(self) -> None:
        super().__init__(width=128, height=64, mode="1")
        self.pictures: list[Image.Image] = []
        self.on_picture: Callable[[], object] = lambda: None

    def display(self, image: Image.Image) -> None:
        """Take a picture."""
        self.pictures.append(image.copy())
        self.on_picture()


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A hub that is told of a screen."""
    return build_hub(config_in(tmp_path, screen_driver="ssd1306"))


def test_what_the_meter_says_is_drawn(hub: Hub) -> None:
    """Through the hub's own wiring; a hub that stops leaves nothing on the screen."""
    panel = Panel()

    async def look() -> None:
        loop, drawn = asyncio.get_running_loop(), asyncio.Event()
        panel.on_picture = lambda: loop.call_soon_threadsafe(drawn.set)
        async with asyncio.TaskGroup() as group, asyncio.timeout(DEADLINE_S):
            (task,) = optional.start_optional(group, hub, {})
            await drawn.wait()
            task.cancel()

    take(hub, [telegram(1_000, power_import_w=1_436)])
    with mock.patch.object(wallscreen, "open_screen", return_value=LumaScreen(panel, 0)):
        asyncio.run(look())
    hub.log.close()

    assert panel.pictures[0].getbbox() is not None
    assert panel.pictures[-1].getbbox() is None


def test_the_mark_changes_with_each_telegram_and_message(hub: Hub) -> None:
    """Then, and not before, the home is read again."""
    before = wallscreen._read_mark(hub)
    still = wallscreen._read_mark(hub)
    hub.budget.set(45_000_000)
    budgeted = wallscreen._read_mark(hub)
    take(hub, [telegram(1_000, power_import_w=1_436)])
    heard = wallscreen._read_mark(hub)
    hub.log.close()

    assert before == still
    assert len({before, budgeted, heard}) == 3


def test_a_hub_without_a_screen_starts_none(tmp_path: Path) -> None:
    """Nor loads what draws."""
    hub = build_hub(config_in(tmp_path))

    async def start() -> int:
        async with asyncio.TaskGroup() as group:
            return len(optional.start_optional(group, hub, {}))

    assert asyncio.run(start()) == 0
    hub.log.close()


def test_a_screen_without_its_packages_is_the_operators(hub: Hub) -> None:
    """Said at the start, with what to install."""

    async def start() -> None:
        async with asyncio.TaskGroup() as group:
            with pytest.raises(OperatorError, match=r"screen\.driver needs the package"):
                optional.start_optional(group, hub, {})

    missing = {"agent.wallscreen": None}
    with mock.patch.dict(sys.modules, missing):
        asyncio.run(start())
    hub.log.close()
