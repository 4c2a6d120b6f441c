"""A panel is sent what its HELLO says that it can show, and nothing else."""

import dataclasses

import pytest

from firmware_bridge.display.fields import U32_MAX
from firmware_bridge.display.hub_end import Delivered
from firmware_bridge.display.messages import Capability, Display, Hello, Text, Time
from firmware_bridge.display.panel_end import PanelEnd
from tests.support.panel_line import HELLO, PanelLine, events_of

MESSAGE = Text(message_id=4, text="Power cut on Monday", needs_answer=True)
FIGURES = Display(power_w=1_234)
NOON = Time(unix_s=1_795_305_600, offset_min=0)


def hello_of(can: Capability | int | None, boot_id: int = 1) -> Hello:
    """A panel that says this of itself; None for nothing."""
    said = None if can is None else int(can)
    return dataclasses.replace(HELLO, boot_id=boot_id, capabilities=said)


def met(can: Capability | int | None) -> PanelLine:
    """Let hub and panel meet."""
    line = PanelLine(hello=hello_of(can))
    line.run(100)
    return line


@pytest.mark.parametrize(
    ("can", "figures", "texts"),
    [
        (None, True, False),
        (0, False, False),
        (Capability.DISPLAY, True, False),
        (Capability.LEDS, True, False),
        (Capability.BUTTONS | Capability.UPDATE, False, False),
        (Capability.TEXT, False, True),
        (Capability.DISPLAY | Capability.TEXT, True, True),
        (U32_MAX, True, True),
        (1 << 30, False, False),
    ],
)
def test_each_panel_is_sent_what_it_can_show(
    can: Capability | int | None, figures: bool, texts: bool
) -> None:
    """Lights go by the figures; what a later release adds to the sum is passed over."""
    line = met(can)

    line.hub.show(FIGURES, line.now_ms)
    is_taken = line.hub.tell(MESSAGE, line.now_ms)
    line.hub.set_time(NOON, line.now_ms)
    line.settle()

    assert line.news_of(Display) == [FIGURES] * figures
    assert line.news_of(Text) == [MESSAGE] * texts
    assert line.news_of(Time) == [NOON]
    assert is_taken == texts


def test_what_waits_for_a_panel_goes_to_the_one_that_comes() -> None:
    """Nobody knows yet what that one can show; what it cannot, it is not sent."""
    blind, reading = PanelLine(hello=hello_of(Capability.DISPLAY)), PanelLine()

    for line in (blind, reading):
        assert line.hub.tell(MESSAGE, line.now_ms)
        line.settle()

    assert blind.news_of(Text) == []
    assert reading.news_of(Text) == [MESSAGE]


@pytest.mark.parametrize(
    ("before", "after", "sent"),
    [
        (Capability.TEXT, Capability.DISPLAY, MESSAGE),
        (Capability.DISPLAY, Capability.TEXT, FIGURES),
    ],
)
def test_what_was_under_way_is_left_where_another_panel_cannot_show_it(
    before: Capability, after: Capability, sent: Text | Display
) -> None:
    """It is never delivered, and nothing after it waits for its answer."""
    line = met(before)
    line.spoil = lambda _: b""
    if isinstance(sent, Text):
        line.hub.tell(sent, line.now_ms)
    else:
        line.hub.show(sent, line.now_ms)
    line.step()

    line.panel, line.spoil = PanelEnd(hello_of(after, boot_id=2)), bytes
    line.run(2_000)
    line.hub.set_time(NOON, line.now_ms)
    line.settle()

    assert line.hub.panel == hello_of(after, boot_id=2)
    assert line.news_of(type(sent)) == []
    assert events_of(Delivered, line.events) == [Delivered(NOON)]


def test_a_panel_of_the_same_kind_is_sent_what_was_under_way() -> None:
    """A message is not lost over a panel's restart."""
    line = met(Capability.TEXT)
    line.spoil = lambda _: b""
    line.hub.tell(MESSAGE, line.now_ms)
    line.step()

    line.panel, line.spoil = PanelEnd(hello_of(Capability.TEXT, boot_id=2)), bytes
    line.run(2_000)

    assert line.news_of(Text) == [MESSAGE]
