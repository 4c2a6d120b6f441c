"""The hub's line to a panel: never waits for one, opens again, and can be lent."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from firmware_bridge.display.hub_end import HubEnd, HubEvent, Joined, PanelLost
from firmware_bridge.display.line import BURST_BYTES, HEARD_BYTES_PER_S, HubLine
from firmware_bridge.display.loan import LOAN_BYTES_MAX, WRITE_S_MAX, Loan
from firmware_bridge.display.messages import Display, Text, Time
from firmware_bridge.display.wire import OUTGOING_BYTES_MAX
from shared.errors import LinkError
from tests.support.panel_line import HELLO
from tests.support.panel_port import FakePort, loop_ms, play

ASKED_ONCE_BYTES = 200
"""HELLO asked for now and then, a welcome, a snapshot: and not what a minute's asking comes to."""


class Stage:
    """A line whose ports a test hands out one after another."""

    def __init__(self, *ports: FakePort | LinkError, now_ms: Callable[[], int] = loop_ms) -> None:
        self.events: list[HubEvent] = []
        self.opened = 0
        self._ports = list(ports)
        self.line = HubLine(self._open, HubEnd(session=7), self.events.append, now_ms)
        self._tasks = [asyncio.create_task(self.line.run())]
        self._tasks += [
            asyncio.create_task(port.live()) for port in ports if isinstance(port, FakePort)
        ]

    def _open(self) -> FakePort:
        self.opened += 1
        port = self._ports.pop(0) if self._ports else LinkError("nothing there", hint="plug it in")
        if isinstance(port, LinkError):
            raise port
        return port


def test_a_panel_is_met_and_shown_what_there_is() -> None:
    """Within a second of the port's opening, and each snapshot after it at once."""

    async def run() -> None:
        port = FakePort()
        stage = Stage(port)
        await asyncio.sleep(1)
        stage.line.show(Display(power_w=5))
        stage.line.set_time(Time(unix_s=1, offset_min=0))
        assert stage.line.tell(Text(message_id=1, text="hello"))
        await asyncio.sleep(0.2)

        assert stage.line.end.panel == HELLO
        assert [event for event in stage.events if isinstance(event, Joined)] == [Joined(HELLO)]
        assert port.news_of(Display) == [Display(power_w=5)]
        assert port.news_of(Text) == [Text(message_id=1, text="hello")]
        assert stage.line.state.is_open

    play(run())


def test_what_is_shown_goes_out_without_waiting_for_the_next_look() -> None:
    """The line would look again after seconds of silence; a snapshot does not wait for that."""

    async def run() -> None:
        port = FakePort()
        stage = Stage(port)
        await asyncio.sleep(1)
        asked_at_s = asyncio.get_running_loop().time()
        stage.line.show(Display(power_w=6))
        while not port.news_of(Display):  # noqa: ASYNC110 (virtual time)
            await asyncio.sleep(0.001)

        assert asyncio.get_running_loop().time() - asked_at_s < 0.02

    play(run())


def test_a_lost_frame_is_sent_again_in_time() -> None:
    """The look is moved to when the resend is due, from the seconds it stood at."""

    async def run() -> None:
        port = FakePort()
        stage = Stage(port)
        await asyncio.sleep(1)
        port.is_deaf = True
        stage.line.show(Display(power_w=7))
        await asyncio.sleep(0.01)
        port.is_deaf = False
        await asyncio.sleep(0.2)

        assert port.news_of(Display) == [Display(power_w=7)]
        assert stage.line.end.resends == 1

    play(run())


def test_a_panel_that_takes_no_bytes_holds_nobody_up() -> None:
    """Its port is full: what waits is bounded, and showing it something returns at once."""

    async def run() -> None:
        port = FakePort()
        port.room_bytes = 0
        port.is_mute = True
        stage = Stage(port)
        for power_w in range(10_000):
            stage.line.show(Display(power_w=power_w))
        await asyncio.sleep(60)

        assert port.written == b""
        assert len(stage.line._unsent) <= OUTGOING_BYTES_MAX
        port.room_bytes = None
        port.is_mute = False
        await asyncio.sleep(1)
        assert port.news_of(Display) == [Display(power_w=9_999)]
        assert len(port.written) < ASKED_ONCE_BYTES

    play(run())


def test_a_panel_that_babbles_is_held_back() -> None:
    """A megabyte of noise is taken no faster than three lines could carry it, then forgotten."""

    async def run() -> None:
        port = FakePort()
        stage = Stage(port)
        await asyncio.sleep(1)
        port.arrive(b"babble\n" * 150_000)
        began_s = asyncio.get_running_loop().time()
        while port._received:  # noqa: ASYNC110 (virtual time)
            await asyncio.sleep(0.05)
        took_s = asyncio.get_running_loop().time() - began_s

        assert took_s >= (1_050_000 - 2 * BURST_BYTES) / HEARD_BYTES_PER_S
        assert stage.line.state.times_held_back > 10
        stage.line.show(Display(power_w=8))
        await asyncio.sleep(2)
        assert port.news_of(Display) == [Display(power_w=8)]

    play(run())


def test_other_work_has_its_turn_between_pieces_of_noise() -> None:
    """A read of 16 KB is sixteen pieces, with the loop's other tasks between them."""

    async def run() -> None:
        port = FakePort()
        stage = Stage(port)
        await asyncio.sleep(1)
        port.arrive(b"x" * 16_384)
        seen = set()
        for _ in range(40):
            await asyncio.sleep(0)
            seen.add(len(stage.events))

        assert len(seen) >= 16

    play(run())


def test_an_unplugged_panel_is_opened_again() -> None:
    """The port's loss ends nothing: it is opened anew, and the panel is told everything again."""

    async def run() -> None:
        first, second = FakePort(), FakePort()
        stage = Stage(first, LinkError("not there", hint="plug it in"), second)
        await asyncio.sleep(1)
        first.pull()
        await asyncio.sleep(0.1)
        assert not stage.line.state.is_open
        assert stage.line.end.panel is None
        assert (stage.line.state.reason, stage.line.state.hint) == (
            "the port hung up",
            "plug it in",
        )
        await asyncio.sleep(5)

        assert stage.opened == 3
        assert first.is_closed
        assert stage.line.state.times_lost == 1
        assert stage.line.end.panel == HELLO
        assert (stage.line.state.is_open, stage.line.state.reason) == (True, "")

    play(run())


def test_a_write_that_fails_is_a_loss_too() -> None:
    """Nothing is raised at whoever shows something; the line is opened again."""

    async def run() -> None:
        first, second = FakePort(), FakePort()
        stage = Stage(first, second)
        await asyncio.sleep(1)
        first._lost = True
        stage.line.show(Display(power_w=9))
        await asyncio.sleep(5)

        assert stage.opened == 2
        assert second.news_of(Display) == [Display(power_w=9)]

    play(run())


def test_a_port_that_is_not_there_is_tried_at_growing_pauses() -> None:
    """Ten seconds at most: some dozens of tries in ten minutes, each with its reason kept."""

    async def run() -> None:
        stage = Stage()
        await asyncio.sleep(600)

        assert 60 <= stage.opened <= 160
        assert stage.line.state.reason == "nothing there"

    play(run())


def test_a_lent_line_is_the_borrowers_alone() -> None:
    """The hub says nothing meanwhile, hears nothing, and asks for HELLO when it has it back."""

    async def run() -> None:
        port = FakePort()
        stage = Stage(port)
        await asyncio.sleep(1)
        port.is_deaf = True
        async with stage.line.lend() as loan:
            before = len(port.written)
            stage.line.show(Display(power_w=10))
            for _ in range(10):
                await asyncio.sleep(1)
                port.arrive(b"babble\n")
            assert len(port.written) == before
            assert not [event for event in stage.events if isinstance(event, PanelLost)]
            await asyncio.sleep(1)
            while loan._received:
                assert set((await loan.read()).split()) == {b"babble"}
            await loan.write(b"\x06\x09question\n")
            port.arrive(b"\x06\x09answer\n")
            assert await loan.read() == b"\x06\x09answer\n"
            assert port.written[before:] == b"\x06\x09question\n"
            assert stage.line.is_lent
        assert stage.line.end.panel is None
        assert stage.line.state.times_lent == 1
        port.is_deaf = False
        async with asyncio.timeout(1):
            assert await stage.line.wait_joined() == HELLO
        stage.line.show(Display(power_w=11))
        await asyncio.sleep(0.2)

        assert port.news_of(Display) == [Display(power_w=11)]
        with pytest.raises(LinkError, match="given back"):
            await loan.read()

    play(run())


def test_a_line_is_lent_once_and_only_where_it_is_open() -> None:
    """Two updates at a time would be none."""

    async def run() -> None:
        closed = Stage()
        with pytest.raises(LinkError, match="not open"):
            async with closed.line.lend():
                pass
        port = FakePort()
        stage = Stage(port)
        await asyncio.sleep(1)
        async with stage.line.lend():
            with pytest.raises(LinkError, match="lent already"):
                async with stage.line.lend():
                    pass

    play(run())


def test_a_port_lost_while_lent_ends_the_loan() -> None:
    """Who waits for an answer is told; the line itself comes back without them."""

    async def run() -> None:
        first, second = FakePort(), FakePort()
        stage = Stage(first, second)
        await asyncio.sleep(1)
        async with stage.line.lend() as loan:
            asyncio.get_running_loop().call_later(1, first.pull)
            with pytest.raises(LinkError, match="hung up"):
                await loan.read()
        await asyncio.sleep(3)

        assert stage.line.end.panel == HELLO

    play(run())


def test_a_borrower_that_reads_nothing_is_bounded() -> None:
    """What it leaves lying is dropped and counted."""

    async def run() -> None:
        loan = Loan(FakePort())
        for _ in range(80):
            loan.take(b"x" * 1_024)

        assert loan.dropped_bytes == 80 * 1_024 - LOAN_BYTES_MAX
        assert await loan.read() == b"x" * 1_024

    play(run())


def test_a_borrower_gives_a_panel_up_that_takes_nothing() -> None:
    """After two seconds without a byte taken; one that takes them slowly is waited for."""

    async def run() -> None:
        port = FakePort()
        port.room_bytes = 3
        loan = Loan(port)
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(LinkError, match="took nothing"):
            await loan.write(b"12345")

        assert port.written == b"123"
        took_s = asyncio.get_running_loop().time() - began_s
        assert took_s == pytest.approx(WRITE_S_MAX, rel=0.05)

    play(run())


def test_cancelling_the_line_releases_the_port() -> None:
    """A hub that stops leaves nothing open."""

    async def run() -> None:
        port = FakePort()
        stage = Stage(port)
        await asyncio.sleep(1)
        stage._tasks[0].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stage._tasks[0]

        assert port.is_closed

    play(run())
