"""Keeping a screen up to date, on virtual time: seldom, only what changed, and come what may."""

import asyncio
import logging
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from random import Random
from typing import Any

import pytest
from PIL import Image

from agent.screen.face import Face
from agent.screen.palette import Depth
from agent.screen.task import CLOSE_S_MAX, LOOK_AGAIN_S, RETRY_S, ScreenTask
from shared.errors import OperatorError
from tests.simulation.loop import VirtualLoop
from tests.support.screen_pictures import face_of

EVENING = face_of("evening")


class Wall:
    """A screen that keeps its pictures, and a home whose power a test sets."""

    size = (64, 32)
    depth: Depth = "1"

    def __init__(self) -> None:
        self.pictures: list[Image.Image] = []
        self.opened = self.closed = self.reads = 0
        self.is_spoilt = False
        self.fault: Exception | None = None
        self.power = "1.44"
        self.mark: Hashable = 0
        self.clock = "18:32"
        self.dimmed: list[bool] = []

    def open(self) -> "Wall":
        """Open it, unless it is unplugged."""
        self.opened += 1
        if self.fault is not None:
            raise self.fault
        return self

    def show(self, picture: Image.Image) -> None:
        """Take a picture, unless it is unplugged."""
        if self.fault is not None:
            raise self.fault
        self.pictures.append(picture)

    def dim(self, *, is_dim: bool) -> None:
        """Note how dark it is to be."""
        self.dimmed.append(is_dim)

    def close(self) -> None:
        """Switch it off; an unplugged one cannot be."""
        self.closed += 1
        if self.fault is not None:
            raise self.fault

    def read(self) -> Face:
        """Read the home."""
        self.reads += 1
        if self.is_spoilt:
            raise ZeroDivisionError
        return EVENING._replace(number=self.power, clock=self.clock)

    def say(self, power: str) -> None:
        """Hear the meter say another power."""
        self.power = power
        self.mark = object()


class Inline(Executor):
    """A thread that is none: what it is given is done at once."""

    def submit(self, do: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Do it."""
        future: Future[Any] = Future()
        try:
            future.set_result(do(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the caller's)
            future.set_exception(error)
        return future


class StuckLoop(VirtualLoop):
    """A loop in whose threads closing a screen never ends; all else is done as ever."""

    def run_in_executor(  # type: ignore[override]  # as in VirtualLoop
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Do it, or leave it undone for good."""
        if getattr(func, "__name__", "") == "_close":
            return self.create_future()
        return super().run_in_executor(executor, func, *args)


def run(
    wall: Wall,
    script: Callable[[], Any],
    every_s: float = 1.0,
    dim: tuple[str, str] | None = None,
    loop: VirtualLoop | None = None,
) -> ScreenTask:
    """Run the task beside a script, in virtual time."""
    task = ScreenTask(
        wall.open,
        wall.read,
        lambda: wall.mark,
        Inline(),
        every_s=every_s,
        theme="dark",
        dim=dim,
    )

    async def both() -> None:
        running = asyncio.create_task(task.run())
        await script()
        running.cancel()
        await asyncio.wait([running], timeout=CLOSE_S_MAX + 1)
        assert running.done()

    loop = loop or VirtualLoop(Random(1))
    loop.run_until_complete(both())
    loop.close()
    return task


def test_what_has_not_changed_is_not_drawn_again() -> None:
    """A bus and e-paper are slow, and the picture is there."""
    wall = Wall()

    task = run(wall, lambda: asyncio.sleep(60))

    assert task.drawn == len(wall.pictures) == 1


def test_a_home_that_says_nothing_new_is_seldom_read() -> None:
    """For its ages and the clock alone."""
    wall = Wall()

    run(wall, lambda: asyncio.sleep(60))

    assert wall.reads <= 60 / LOOK_AGAIN_S + 1


def test_a_change_is_drawn_within_the_interval_and_not_twice_in_it() -> None:
    """However often the meter speaks."""
    wall = Wall()

    async def speak() -> None:
        for number in range(40):
            wall.say(f"{number}")
            await asyncio.sleep(0.25)

    task = run(wall, speak)

    assert 9 <= task.drawn <= 11


def test_paper_is_drawn_once_in_its_minute() -> None:
    """It wears, and flickers while it is drawn."""
    wall = Wall()

    async def speak() -> None:
        for number in range(300):
            wall.say(f"{number}")
            await asyncio.sleep(1)

    task = run(wall, speak, every_s=60)

    assert 5 <= task.drawn <= 6


def test_a_screen_that_comes_back_is_drawn_anew() -> None:
    """It was opened again, and said to be gone once."""
    wall = Wall()

    async def unplug() -> None:
        await asyncio.sleep(5)
        wall.fault = OSError("gone")
        wall.say("9")
        await asyncio.sleep(3 * RETRY_S)
        wall.fault = None
        await asyncio.sleep(RETRY_S + 1)

    task = run(wall, unplug)

    assert wall.opened >= 3
    assert task.failures >= 3
    assert len(wall.pictures) == 2


def test_a_drivers_own_fault_ends_nothing_but_the_picture(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An assertion in a library is no reason to lose a reading: it is opened anew later."""
    wall = Wall()

    async def break_down() -> None:
        await asyncio.sleep(5)
        wall.fault = AssertionError("Total segment width does not cover full image width")
        wall.say("9")
        await asyncio.sleep(5)
        wall.fault = None
        await asyncio.sleep(RETRY_S)

    task = run(wall, break_down)

    assert (task.failures, task.drawn, wall.opened) == (1, 2, 2)
    assert "segment width" in caplog.text


def test_a_screen_that_stays_away_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """Not each minute of a year."""
    wall = Wall()
    wall.fault = OperatorError("screen.driver needs spidev", hint="install it")

    with caplog.at_level(logging.WARNING):
        task = run(wall, lambda: asyncio.sleep(10 * RETRY_S))

    assert task.failures == 10
    assert [record.getMessage() for record in caplog.records] == [
        "the screen shows nothing: screen.driver needs spidev (install it)"
    ]


def test_a_fault_in_the_figures_leaves_the_screen_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged and counted, and the next figures are drawn."""
    wall = Wall()

    async def spoil() -> None:
        await asyncio.sleep(5)
        wall.is_spoilt = True
        wall.say("9")
        await asyncio.sleep(5)
        wall.is_spoilt = False
        wall.say("8")
        await asyncio.sleep(5)

    task = run(wall, spoil)

    assert (task.failures, task.drawn) == (1, 2)
    assert "could not be told" in caplog.text


def test_a_screen_is_dark_for_the_night() -> None:
    """By the clock that it shows; it is told once, and again when it was opened anew."""
    wall = Wall()

    async def live() -> None:
        for clock in ("21:59", "22:00 BST", "23:10", "06:29", "06:30"):
            wall.clock = clock
            await asyncio.sleep(LOOK_AGAIN_S + 2)
        wall.clock = "22:30"
        await asyncio.sleep(LOOK_AGAIN_S + 2)
        wall.fault = OSError("gone")
        wall.say("9")
        await asyncio.sleep(RETRY_S)
        wall.fault = None
        await asyncio.sleep(2 * RETRY_S)

    run(wall, live, dim=("22:00", "06:30"))

    assert wall.dimmed[:3] == [True, False, True]
    assert wall.dimmed[3:] == [True]


def test_a_hub_that_stops_does_not_wait_for_paper() -> None:
    """Coloured paper takes half a minute, and the last readings are committed after the screen."""
    wall = Wall()

    task = run(wall, lambda: asyncio.sleep(5), loop=StuckLoop(Random(1)))

    assert task.drawn == 1
    assert wall.closed == 0


def test_a_hub_that_stops_switches_its_screen_off() -> None:
    """Nothing old stays on the wall."""
    wall = Wall()

    run(wall, lambda: asyncio.sleep(5))

    assert wall.closed == 1
