"""A link between hub and panel that is lost: noticed, found again, and what it had under way."""

import pytest

from firmware_bridge.display.hub_end import PARKED_MS_MAX, PanelLost, Said
from firmware_bridge.display.messages import Button, Display, Text, Time
from tests.support.panel_line import PanelLine, events_of


@pytest.fixture(name="line")
def _line() -> PanelLine:
    made = PanelLine()
    made.run(100)
    return made


def test_a_silent_panel_is_lost_and_found(line: PanelLine) -> None:
    """After three resends it is said to be lost; HELLO begins anew and nothing is lost."""
    line.hub.tell(Text(message_id=1, text="before"), line.now_ms)
    line.spoil = lambda _: b""
    line.hub.tell(Text(message_id=2, text="during"), line.now_ms)
    line.run(2_000)
    assert events_of(PanelLost, line.events) == [PanelLost()]
    assert line.hub.panel is None

    line.spoil = bytes
    line.run(1_000)

    assert [getattr(one, "message_id", 0) for one in line.news_of(Text)] == [1, 2]


def test_a_press_is_taken_once_though_the_link_was_lost_over_its_answer(line: PanelLine) -> None:
    """The same boot says HELLO again and sends the press again: the hub knows its number."""
    line.spoil = lambda raw: b"" if b"\x01\x04" in raw else raw
    line.panel.press(1, line.now_ms)
    line.run(1_000)
    line.spoil = bytes
    line.run(1_000)
    line.panel.press(1, line.now_ms)
    line.run(100)

    pressed = [one.message for one in line.events if isinstance(one, Said)]
    assert [one.event_id for one in pressed if isinstance(one, Button)] == [1, 2]


def test_a_text_under_way_is_not_replaced_by_what_is_shown(line: PanelLine) -> None:
    """The latest wins among snapshots alone: a message is sent again until it has arrived."""
    line.spoil = lambda _: b""
    line.hub.tell(Text(message_id=1, text="x"), line.now_ms)
    line.step()
    line.hub.show(Display(power_w=1), line.now_ms)
    line.spoil = bytes

    line.settle()

    assert line.news_of(Text) == [Text(message_id=1, text="x")]
    assert line.news_of(Display) == [Display(power_w=1)]


def test_a_dead_line_is_noticed_though_each_try_is_a_newer_snapshot(line: PanelLine) -> None:
    """What replaces a snapshot is its next try, and no beginning."""
    line.spoil = lambda _: b""
    for power_w in range(20):
        line.hub.show(Display(power_w=power_w), line.now_ms)
        line.run(50)

    assert events_of(PanelLost, line.events) == [PanelLost()]


def test_what_a_lost_link_has_made_old_is_not_shown_again(line: PanelLine) -> None:
    """A panel that comes back after hours is sent neither the snapshot nor the time of then."""
    for late in (Display(power_w=1), Time(unix_s=1, offset_min=0)):
        line.settle()
        line.spoil = lambda _: b""
        if isinstance(late, Display):
            line.hub.show(late, line.now_ms)
        else:
            line.hub.set_time(late, line.now_ms)
        line.run(PARKED_MS_MAX + 1_000)
        line.spoil = bytes
        line.run(1_000)

    line.hub.show(Display(power_w=2), line.now_ms)
    line.settle()

    assert [one for one in line.news if isinstance(one, Display | Time)] == [Display(power_w=2)]


def test_a_text_waits_for_as_long_as_the_link_is_lost(line: PanelLine) -> None:
    """It is the household's, and no less true for being late."""
    line.spoil = lambda _: b""
    line.hub.tell(Text(message_id=1, text="x"), line.now_ms)
    line.run(PARKED_MS_MAX + 5_000)
    line.spoil = bytes

    line.run(1_000)

    assert line.news_of(Text) == [Text(message_id=1, text="x")]


def test_a_short_loss_repeats_what_was_under_way(line: PanelLine) -> None:
    """It is as good as new, and may be the only word of it for a while."""
    line.spoil = lambda _: b""
    line.hub.show(Display(power_w=1), line.now_ms)
    line.run(PARKED_MS_MAX - 1_000)
    assert events_of(PanelLost, line.events)
    line.spoil = bytes

    line.run(1_000)

    assert line.news_of(Display) == [Display(power_w=1)]


def test_silence_is_asked_about(line: PanelLine) -> None:
    """A panel that was unplugged is noticed though nothing is sent to it."""
    line.spoil = lambda _: b""

    line.run(6_000)

    assert events_of(PanelLost, line.events) == [PanelLost()]
