"""One device taken in turns by a meter's link and by whoever gives it firmware."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from random import Random

import pytest

from firmware_bridge.links import Backoff, LendableDevice, Link, LinkEvent, LinkEventKind, chunks
from shared.errors import LinkError, OperatorError
from tests.simulation.loop import VirtualLoop

LENT_S = 300.0


class Stick:
    """A radio that says a byte a second while it is open, and may be open once."""

    is_finite = False
    longest_pause_s = 0.0

    def __init__(self) -> None:
        self.is_open = False
        self.opened = 0
        self.fault: Exception | None = None

    async def open(self) -> Link:
        """Open it; a second time at once would be two programs on one port."""
        assert not self.is_open
        await asyncio.sleep(0.5)
        if self.fault is not None:
            raise self.fault
        self.is_open = True
        self.opened += 1
        return self

    async def read(self) -> bytes:
        """Say the next byte."""
        await asyncio.sleep(1)
        return b"x"

    async def close(self) -> None:
        """Let go, which takes a moment too."""
        await asyncio.sleep(0.2)
        self.is_open = False


class Stage:
    """A device, its stick, and the meter's link that is read through it."""

    def __init__(self) -> None:
        self.device = LendableDevice()
        self.stick = Stick()
        self.waits = 0
        self.heard = 0
        self.events: list[LinkEvent] = []

    def stream(self) -> AsyncGenerator[bytes, None]:
        """Open the meter's link as the hub does."""
        opener = self.device.opener(self.stick.open, self._wait)
        return chunks(opener, silence_s=30, backoff=Backoff(), on_event=self.events.append)

    async def read(self) -> None:
        """Read for ever."""
        async with aclosing(self.stream()) as stream:
            async for chunk in stream:
                self.heard += len(chunk)

    def _wait(self) -> None:
        self.waits += 1


def play(script: Callable[[Stage], Coroutine[None, None, None]]) -> Stage:
    """Run a script beside the meter's link, on virtual time."""
    stage = Stage()

    async def both() -> None:
        reading = asyncio.create_task(stage.read())
        await script(stage)
        reading.cancel()
        await asyncio.wait([reading])

    loop = VirtualLoop(Random(1))
    loop.run_until_complete(both())
    loop.close()
    return stage


def test_the_link_lets_go_and_goes_on_by_itself() -> None:
    """It is closed before the device is borrowed, and opened again once it is given back."""

    async def script(stage: Stage) -> None:
        await asyncio.sleep(10)
        async with stage.device.borrow():
            assert not stage.stick.is_open
            heard = stage.heard
            await asyncio.sleep(LENT_S)
            assert (stage.stick.is_open, stage.heard) == (False, heard)
        await asyncio.sleep(10)
        assert stage.heard > heard

    stage = play(script)

    assert stage.stick.opened == 2
    assert stage.waits == 1
    lost = [event for event in stage.events if event.kind is LinkEventKind.LOST]
    assert [event.reason for event in lost] == ["its device is being given firmware"]


def test_a_device_that_no_link_uses_is_borrowed_at_once() -> None:
    """A radio on a port of its own."""

    async def run() -> float:
        before_s = asyncio.get_running_loop().time()
        async with LendableDevice().borrow():
            return asyncio.get_running_loop().time() - before_s

    loop = VirtualLoop(Random(1))
    assert loop.run_until_complete(run()) == 0
    loop.close()


def test_a_device_is_borrowed_by_one_at_a_time() -> None:
    """The second waits for the first; the link comes after both or between them, never beside."""

    async def borrow(stage: Stage, spans: list[tuple[float, float]]) -> None:
        async with stage.device.borrow():
            assert not stage.stick.is_open
            start_s = asyncio.get_running_loop().time()
            await asyncio.sleep(60)
            spans.append((start_s, asyncio.get_running_loop().time()))

    async def script(stage: Stage) -> None:
        spans: list[tuple[float, float]] = []
        await asyncio.sleep(5)
        await asyncio.gather(borrow(stage, spans), borrow(stage, spans))
        assert spans[0][1] <= spans[1][0]
        await asyncio.sleep(10)
        assert stage.stick.is_open

    play(script)


def test_who_asks_while_it_is_lent_has_it_next_or_after_the_link() -> None:
    """The link waits too by then: it is asked for the device anew, and not for good forgotten."""

    async def borrow(stage: Stage) -> None:
        async with stage.device.borrow():
            await asyncio.sleep(1)

    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        async with stage.device.borrow():
            await asyncio.sleep(60)
            second = asyncio.create_task(borrow(stage))
            await asyncio.sleep(1)
        async with asyncio.timeout(20):
            await second

    play(script)


def test_an_update_that_fails_gives_the_device_back() -> None:
    """The meter is read again, by the firmware before."""

    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        with pytest.raises(OperatorError):
            async with stage.device.borrow():
                raise OperatorError("no bootloader", hint="")
        heard = stage.heard
        await asyncio.sleep(10)
        assert stage.heard > heard

    play(script)


def test_a_borrower_that_was_cancelled_while_it_waits_changes_nothing() -> None:
    """The job was called off; the link, which had to let go by then, goes on."""

    async def borrow(stage: Stage) -> None:
        async with stage.device.borrow():
            raise AssertionError

    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        waiting = asyncio.create_task(borrow(stage))
        await asyncio.sleep(0.1)
        waiting.cancel()
        heard = stage.heard
        await asyncio.sleep(10)
        assert stage.heard > heard + 5

    play(script)


def test_a_borrower_that_was_cancelled_takes_nothing_from_another() -> None:
    """Both came while the link was being opened; it is asked to let go for the one that stays."""

    async def borrow(stage: Stage) -> None:
        async with stage.device.borrow():
            assert not stage.stick.is_open

    async def script(stage: Stage) -> None:
        await asyncio.sleep(0.1)
        stays, leaves = (asyncio.create_task(borrow(stage)) for _ in range(2))
        await asyncio.sleep(0.1)
        leaves.cancel()
        async with asyncio.timeout(20):
            await stays

    play(script)


def test_a_link_that_does_not_open_holds_nothing() -> None:
    """Between two tries a stick that answers nobody can be given firmware: that may mend it."""

    async def script(stage: Stage) -> None:
        stage.stick.fault = LinkError("it does not answer")
        await asyncio.sleep(20)
        async with asyncio.timeout(5), stage.device.borrow():
            stage.stick.fault = None
        await asyncio.sleep(40)
        assert stage.stick.is_open

    play(script)
