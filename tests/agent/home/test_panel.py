"""The panel's feed: what is told when, and that no panel can slow the hub."""

import asyncio
import dataclasses
import logging
from collections.abc import Iterator

import pytest

from agent.home.messages import Messages
from agent.home.panel import LEAST_S, QUIET_MS, HouseholdMessages, PanelFacts, PanelFeed
from agent.home.panelrecord import PanelRecord
from agent.home.shown import build_shown
from firmware_bridge.display.framing import seal_frame
from firmware_bridge.display.hub_end import HubEnd
from firmware_bridge.display.line import HubLine
from firmware_bridge.display.messages import Display, Hello, Log, Refused, Status, Text, Time
from firmware_bridge.display.panel_end import PanelEnd
from firmware_bridge.meters.codec import Telegram
from shared.errors import LinkError
from shared.readings import Medium, Sample
from tests.support.home_inputs import LONDON, home_inputs
from tests.support.panel_line import HELLO
from tests.support.panel_port import FakePort, loop_ms, play

SHOWN = build_shown(home_inputs())
UNDATED = build_shown(home_inputs(is_clock_trusted=False))


class Wall:
    """A feed with a panel at its port, and a meter that is heard once a second."""

    def __init__(self, *ports: FakePort, is_trusted: bool = True) -> None:
        self.reads = 0
        self.heard_at_ms = 0
        self.is_heard = True
        self.messages = Messages(None, 0)
        self.fails = False
        self._is_trusted = is_trusted
        self._ports = iter(ports)
        self.feed = PanelFeed(
            lambda take: HubLine(self._open, HubEnd(session=1), take, loop_ms),
            PanelRecord("/dev/ttyPANEL"),
            HouseholdMessages(self.messages.open, lambda number: self.messages.answer(number, 0)),
            self._read,
            lambda: loop_ms() if self.is_heard else self.heard_at_ms,
            loop_ms,
        )
        self.tasks = [asyncio.create_task(self.feed.run())]
        self.tasks += [asyncio.create_task(port.live()) for port in ports]

    def hear(self, text: str) -> None:
        """Let a meter tell the household something."""
        said = Telegram((Sample("M1", Medium.ELECTRICITY, None, {}),), (text,))
        self.messages.hear(said, "meter", now_ms=loop_ms(), utc_ms=loop_ms())

    def _open(self) -> FakePort:
        port = next(self._ports, None)
        if port is None:
            raise LinkError("not there", hint="plug it in")
        return port

    def _read(self) -> PanelFacts:
        self.reads += 1
        if self.fails:
            raise ZeroDivisionError
        return PanelFacts(SHOWN if self._is_trusted else UNDATED, LONDON)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What the feed logs of faults that a test makes is not the test's matter."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def test_a_panel_is_shown_the_home_and_told_the_time() -> None:
    """Once it is there; then each second while the meter speaks, and the time once an hour."""

    async def run() -> None:
        port = FakePort()
        wall = Wall(port)
        await asyncio.sleep(31)

        shown = port.news_of(Display)
        assert 28 <= len(shown) <= 33
        assert shown[0] == shown[-1]
        assert getattr(shown[0], "power_w", None) == SHOWN.power.net_w
        (time,) = port.news_of(Time)
        assert getattr(time, "unix_s", None) == SHOWN.now_ms // 1_000
        assert wall.feed.view().state == "connected"
        assert wall.feed.view().name == "pty 1.2.3"

    play(run())


def test_nothing_is_computed_for_a_panel_that_is_not_there() -> None:
    """A port without a panel, or without a port, costs no figures."""

    async def run() -> None:
        port = FakePort()
        port.is_mute = True
        wall = Wall(port)
        await asyncio.sleep(60)

        assert wall.reads == 0
        assert wall.feed.view().state == "silent"

    play(run())


def test_a_silent_meter_is_told_seldom() -> None:
    """Nothing new: the ages alone move on, and a panel counts those as well."""

    async def run() -> None:
        port = FakePort()
        wall = Wall(port)
        wall.is_heard = False
        await asyncio.sleep(60)

        assert 5 <= len(port.news_of(Display)) <= 8
        assert wall.reads * QUIET_MS <= 80_000

    play(run())


def test_a_time_that_may_be_wrong_is_not_told() -> None:
    """A hub that woke in 1970 sets no clock on a wall."""

    async def run() -> None:
        port = FakePort()
        Wall(port, is_trusted=False)
        await asyncio.sleep(5)

        assert port.news_of(Display)
        assert port.news_of(Time) == []

    play(run())


def test_a_message_stands_until_a_button_answers_it() -> None:
    """It is told once, again to a panel that started anew, and no more once it is answered."""

    async def run() -> None:
        port = FakePort()
        wall = Wall(port)
        wall.hear("Power cut on Monday, " + "é" * 200)
        await asyncio.sleep(5)
        (told,) = port.news_of(Text)
        assert isinstance(told, Text)
        assert told.needs_answer
        assert len(told.text.encode()) <= 160

        port.panel = PanelEnd(dataclasses.replace(HELLO, boot_id=2))
        await asyncio.sleep(5)
        assert len(port.news_of(Text)) == 2
        port.panel.press(2, loop_ms(), message_id=told.message_id)
        port.speak()
        await asyncio.sleep(1)
        assert wall.messages.open() == []
        assert port.news_of(Text)[2:] == [Text(message_id=told.message_id, text="")]

        port.panel = PanelEnd(dataclasses.replace(HELLO, boot_id=3))
        await asyncio.sleep(5)
        assert len(port.news_of(Text)) == 3
        assert wall.feed.view().presses == 1

    play(run())


def test_a_button_for_the_panels_own_pages_answers_nothing() -> None:
    """It is counted; what it does is the panel's business."""

    async def run() -> None:
        port = FakePort()
        wall = Wall(port)
        wall.hear("x")
        await asyncio.sleep(2)
        port.panel.press(1, loop_ms())
        port.speak()
        await asyncio.sleep(1)

        assert len(wall.messages.open()) == 1
        assert wall.feed.view().presses == 1

    play(run())


def test_status_and_log_are_kept_and_counted() -> None:
    """The last status, and how many lines of each level."""

    async def run() -> None:
        port = FakePort()
        wall = Wall(port)
        await asyncio.sleep(2)
        port.panel.say(Status(uptime_s=9, crc_errors=3, ram_free_bytes=512))
        for _ in range(100):
            port.panel.say(Log(level=3, text="brown-out\n\x1b[2Jfake line"))
            port.speak()
            await asyncio.sleep(0.1)

        view = wall.feed.view()
        assert (view.uptime_s, view.crc_errors, view.ram_free_bytes) == (9, 3, 512)
        assert view.log_lines == {"error": 100}

    play(run())


def test_a_panel_that_resets_in_a_loop_has_no_figures_computed_for_each_start() -> None:
    """Fifty starts a second: told four times a second at most, counted, and named on the page."""

    async def run() -> None:
        port = FakePort()
        wall = Wall(port)
        for boot_id in range(500):
            port.panel = PanelEnd(dataclasses.replace(HELLO, boot_id=boot_id))
            port.panel.advance(loop_ms())
            port.speak()
            await asyncio.sleep(0.02)

        assert wall.reads <= 10 / LEAST_S + 2
        assert wall.feed.view().starts > 200
        assert wall.feed.view().starts_last_hour == 64

    play(run())


def test_a_flood_of_buttons_is_counted_and_dropped() -> None:
    """A stuck contact: ten a second are taken."""

    async def run() -> None:
        port = FakePort()
        wall = Wall(port)
        await asyncio.sleep(2)
        for _ in range(3_000):
            port.panel.press(1, loop_ms())
            port.speak()
            await asyncio.sleep(0.002)

        view = wall.feed.view()
        assert view.presses <= 80
        assert view.presses_dropped > 500

    play(run())


def test_another_version_is_refused_in_words() -> None:
    """With the versions both sides speak, and which of them to bring up to date."""

    async def run() -> None:
        port = FakePort(Hello(version_min=2, version_max=3, boot_id=1))
        wall = Wall(port)
        await asyncio.sleep(5)

        view = wall.feed.view()
        assert view.state == "refused"
        assert "speaks version 2 to 3 of the protocol, the hub 1" in view.reason
        assert view.hint == "update the hub"
        assert port.news_of(Refused)
        assert wall.reads == 0

    play(run())


def test_bad_frames_are_counted_by_their_fault() -> None:
    """A line that spoils bytes is seen in the metrics, not in what is shown."""

    async def run() -> None:
        port = FakePort()
        wall = Wall(port)
        await asyncio.sleep(2)
        spoilt = bytearray(seal_frame(0x09, 1, b"\xa1\x00\x01"))
        spoilt[-3] ^= 0x40
        port.arrive(bytes(spoilt))
        await asyncio.sleep(1)

        assert wall.feed.view().frames_refused == {"crc": 1}

    play(run())


def test_a_fault_of_ours_ends_no_hub() -> None:
    """It is logged and counted, and the feed goes on once it can."""

    async def run() -> None:
        first, second = FakePort(), FakePort()
        wall = Wall(first, second)
        wall.fails = True
        await asyncio.sleep(5)
        assert wall.feed.view().failures == 1
        wall.fails = False
        await asyncio.sleep(20)

        assert not wall.tasks[0].done()
        assert second.news_of(Display)

    play(run())
