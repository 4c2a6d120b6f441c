"""The panel's feed turn by turn, on a clock of the test's: when what is told, and told again."""

import dataclasses
import logging

import pytest

from agent.home.inputs import Message
from agent.home.panel import QUIET_MS, TELL_LOG_MS, TIME_EVERY_MS, HouseholdMessages, PanelFacts
from agent.home.panel import PanelFeed as Feed
from agent.home.panelrecord import PanelRecord
from agent.home.shown import Shown
from agent.screen.sample import NOW_MS, ZONE, sample_states
from firmware_bridge.display.framing import SmpLine
from firmware_bridge.display.hub_end import HubEnd
from firmware_bridge.display.line import HubLine
from firmware_bridge.display.loan import Loan, PanelPort
from firmware_bridge.display.messages import (
    Capability,
    Display,
    Log,
    PanelMessage,
    Status,
    Text,
    Time,
)
from firmware_bridge.display.panel_end import PanelEnd
from shared.errors import LinkError
from tests.support.panel_line import HELLO
from tests.support.panel_port import FakePort

SHOWN: Shown = sample_states()["evening"]()
ROUNDS = 12
"""Frames that a turn makes, each with its answer."""


def _no_port() -> PanelPort:
    raise LinkError("the test carries the bytes")


class Desk:
    """A feed and a panel side by side; `talk` carries the bytes and makes a turn."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.heard_ms = 0
        self.open: list[Message] = []
        self.news: list[PanelMessage | SmpLine] = []
        self.panel = PanelEnd(HELLO)
        self.feed = Feed(
            lambda take: HubLine(_no_port, HubEnd(session=1), take, lambda: self.now_ms),
            PanelRecord("/dev/ttyPANEL"),
            HouseholdMessages(lambda: self.open, self._answer),
            lambda: PanelFacts(SHOWN, ZONE),
            lambda: self.heard_ms,
            lambda: self.now_ms,
        )
        self.panel.advance(0)

    def talk(self, kind: type[PanelMessage] | None = None) -> list[PanelMessage | SmpLine]:
        """Let both sides speak, and a turn be made between; return the panel's news of a kind."""
        self.news = []
        self._carry()
        self.feed.take_turn()
        self._carry()
        return [one for one in self.news if kind is None or isinstance(one, kind)]

    def news_of(self, kind: type[PanelMessage]) -> list[PanelMessage | SmpLine]:
        """List what the panel was told of one kind when both sides spoke last."""
        return [one for one in self.news if isinstance(one, kind)]

    def start_panel(self, boot_id: int, can: Capability | None = None) -> None:
        """Start the panel anew, or another that can do this."""
        hello = dataclasses.replace(HELLO, boot_id=boot_id)
        if can is not None:
            hello = dataclasses.replace(hello, capabilities=int(can))
        self.panel = PanelEnd(hello)
        self.panel.advance(self.now_ms)

    def _carry(self) -> None:
        for _ in range(ROUNDS):
            for event in self.feed.line.end.receive(self.panel.take_outgoing(), self.now_ms):
                self.feed._take(event)
            self.news += self.panel.receive(self.feed.line.end.take_outgoing(), self.now_ms)

    def _answer(self, number: int) -> None:
        self.open = [one for one in self.open if one.message_id != number]


def test_the_time_is_told_at_the_start_and_each_hour() -> None:
    """And to a panel that started anew at once, for it has none."""
    desk = Desk()
    assert [getattr(one, "unix_s", 0) for one in desk.talk(Time)] == [NOW_MS // 1_000]
    desk.now_ms = TIME_EVERY_MS - 1
    assert desk.talk(Time) == []
    desk.now_ms = TIME_EVERY_MS + QUIET_MS
    assert len(desk.talk(Time)) == 1

    desk.start_panel(2)

    assert len(desk.talk(Time)) == 1


def test_the_same_figures_are_told_seldom_and_new_ones_at_once() -> None:
    """Where no meter was heard since, only their ages move on."""
    desk = Desk()
    assert len(desk.talk(Display)) == 1
    desk.now_ms = QUIET_MS - 1
    assert desk.talk(Display) == []
    desk.heard_ms = QUIET_MS - 1
    assert len(desk.talk(Display)) == 1

    desk.now_ms = 2 * QUIET_MS
    assert len(desk.talk(Display)) == 1


def test_a_message_answered_at_the_page_leaves_the_wall() -> None:
    """The panel is told an empty text of its number."""
    desk = Desk()
    desk.open = [Message(4, "Power cut on Monday", 0)]
    (told,) = desk.talk(Text)
    assert told == Text(message_id=4, text="Power cut on Monday", needs_answer=True)

    desk.open = []

    assert desk.talk(Text) == [Text(message_id=4, text="")]
    assert desk.talk(Text) == []


def test_a_message_answered_at_the_panel_is_taken_back_too() -> None:
    """One rule for the panel: a text stands until the hub takes it back."""
    desk = Desk()
    desk.open = [Message(4, "x", 0)]
    desk.talk()
    desk.panel.press(2, desk.now_ms, message_id=4)

    assert desk.talk(Text) == [Text(message_id=4, text="")]
    assert desk.open == []


def test_a_message_that_a_panel_cannot_show_is_counted_and_not_sent() -> None:
    """The hub says that it waits, for as long as it does."""
    desk = Desk()
    desk.start_panel(2, Capability.DISPLAY | Capability.BUTTONS)
    desk.open = [Message(4, "x", 0), Message(5, "y", 0)]

    assert desk.talk(Text) == []
    assert desk.news_of(Display)
    assert desk.feed.view().texts_unshown == 2

    desk.open = []
    desk.talk()
    assert desk.feed.view().texts_unshown == 0


def test_a_panel_that_can_show_messages_is_told_what_another_could_not() -> None:
    """All of them, those too that a third was being told when it went."""
    desk = Desk()
    desk.open = [Message(4, "x", 0)]
    desk.talk()
    desk.start_panel(2, Capability.DISPLAY)
    desk.open.append(Message(5, "y", 0))
    desk.talk()
    assert desk.feed.view().texts_unshown == 2

    desk.start_panel(3, Capability.TEXT)

    assert [getattr(one, "message_id", 0) for one in desk.talk(Text)] == [4, 5]
    assert desk.news_of(Display) == []
    assert desk.feed.view().texts_unshown == 0


def test_a_panel_that_is_gone_keeps_no_message_from_anybody() -> None:
    """What is wrong with it then is that it is not there."""
    desk = Desk()
    desk.start_panel(2, Capability.DISPLAY)
    desk.open = [Message(4, "x", 0)]
    desk.talk()

    desk.feed.line.end.begin_anew(desk.now_ms)

    assert desk.feed.view().state != "connected"
    assert desk.feed.view().texts_unshown == 0


def test_a_panel_whose_line_was_lent_is_told_its_messages_again() -> None:
    """An update speaks under a session of its own, at which a panel forgets its texts."""
    desk = Desk()
    desk.open = [Message(4, "x", 0)]
    desk.talk()
    desk.feed.line.state.times_lent += 1
    desk.feed.line.end.begin_anew(desk.now_ms)
    desk.feed.line.end.advance(desk.now_ms)

    assert desk.talk(Text) == [Text(message_id=4, text="x", needs_answer=True)]


def test_nothing_is_told_while_the_line_is_lent() -> None:
    """It would wait in the hub and be old when the line comes back."""
    desk = Desk()
    desk.talk()
    desk.heard_ms = desk.now_ms = QUIET_MS
    desk.feed.line._loan = Loan(FakePort(clock=lambda: 0))
    desk.open = [Message(4, "x", 0)]

    desk.feed.take_turn()

    assert desk.feed.line.end.is_idle


def test_a_status_is_that_of_the_present_boot() -> None:
    """Errors counted before the restart say nothing of the panel that runs now."""
    desk = Desk()
    desk.talk()
    desk.panel.say(Status(uptime_s=9, crc_errors=3))
    desk.talk()
    assert desk.feed.view().crc_errors == 3

    desk.start_panel(2)
    desk.talk()

    assert (desk.feed.view().crc_errors, desk.feed.view().uptime_s) == (None, None)


def test_a_panels_log_goes_into_the_hubs_now_and_then_and_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once a minute at most, with nothing in it that a terminal would obey."""
    caplog.set_level(logging.INFO, logger="agent.home.panel")
    desk = Desk()
    desk.talk()
    caplog.clear()
    desk.now_ms = TELL_LOG_MS
    for _ in range(20):
        desk.panel.say(Log(level=3, text="brown-out\n\x1b[2Jfake line"))
        desk.talk()

    assert caplog.messages == [r"the panel says: brown-out\n\x1b[2Jfake line"]
    assert caplog.records[0].levelno == logging.WARNING
    assert desk.feed.view().log_lines == {"error": 20}
