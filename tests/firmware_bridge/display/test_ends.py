"""Hub and panel over a bad line: exactly once, in order, and the latest always wins."""

import dataclasses
import random

import pytest

from firmware_bridge.display.framing import SmpLine, seal_frame
from firmware_bridge.display.hub_end import (
    BUTTONS_PER_S_MAX,
    TEXTS_MAX,
    Delivered,
    HubEnd,
    Joined,
    OtherVersion,
    Said,
)
from firmware_bridge.display.messages import (
    Ack,
    Button,
    Display,
    Log,
    Ping,
    Refused,
    Status,
    Text,
    Time,
    Welcome,
)
from firmware_bridge.display.panel_end import NO_NEWS_MS, PRESSES_MAX, PanelEnd
from firmware_bridge.display.wire import OUTGOING_BYTES_MAX, Arrived, Wire
from tests.support.panel_line import HELLO, PanelLine, corrupted, events_of


@pytest.fixture(name="line")
def _line() -> PanelLine:
    made = PanelLine()
    made.run(100)
    return made


def test_both_sides_meet(line: PanelLine) -> None:
    """HELLO is asked for and given at once; one welcome is one joining."""
    assert line.hub.panel == HELLO
    assert line.panel.is_welcome
    assert events_of(Joined, line.events) == [Joined(HELLO)]


def test_updates_arrive_exactly_once_in_order_over_a_bad_line() -> None:
    """With 0.05 % of bytes changed both ways, each update is waited for."""
    chance = random.Random(7)
    line = PanelLine(lambda raw: corrupted(raw, 0.0005, chance))
    count = 300

    for power_w in range(count):
        line.settle()
        line.hub.show(Display(power_w=power_w, today_wh=123_456, currency="GBP"), line.now_ms)
    line.settle()

    assert line.news_of(Display) == [
        Display(power_w=power_w, today_wh=123_456, currency="GBP") for power_w in range(count)
    ]
    assert line.hub.resends > 0


def test_lost_acknowledgements_double_nothing(line: PanelLine) -> None:
    """The panel takes what comes again for what it is, texts and presses alike."""
    chance = random.Random(3)
    line.spoil = lambda raw: b"" if chance.random() < 0.3 else raw

    for number in range(1, 21):
        line.hub.tell(Text(message_id=number, text="x"), line.now_ms)
        line.panel.press(1, line.now_ms)
        line.run(3_000)

    assert [getattr(one, "message_id", 0) for one in line.news_of(Text)] == list(range(1, 21))
    pressed = [one.message for one in line.events if isinstance(one, Said)]
    assert [one.event_id for one in pressed if isinstance(one, Button)] == list(range(1, 21))


def test_latest_display_wins(line: PanelLine) -> None:
    """What waited and was replaced is never sent, nor is what timed out sent again."""
    line.spoil = lambda _: b""
    line.hub.show(Display(power_w=1), line.now_ms)
    line.hub.show(Display(power_w=2), line.now_ms)
    line.step()
    line.spoil = bytes
    line.hub.show(Display(power_w=3), line.now_ms)

    line.settle()

    assert line.news_of(Display) == [Display(power_w=3)]


def test_the_latest_is_shown_with_every_fifth_frame_lost(line: PanelLine) -> None:
    """What a panel shows is never older than 2 s, in ten minutes of one update a second."""
    chance = random.Random(11)
    line.spoil = lambda raw: b"" if chance.random() < 0.2 else raw
    oldest_ms = 0

    for second in range(600):
        line.hub.show(Display(power_age_s=second), line.now_ms)
        shown = line.news_of(Display)[-1:]
        line.news[:] = shown
        for one in shown:
            assert isinstance(one, Display)
            assert one.power_age_s is not None
            oldest_ms = max(oldest_ms, (second - one.power_age_s) * 1_000)
        line.run(1_000)

    assert oldest_ms <= 2_000


def test_a_hub_started_anew_is_not_taken_for_the_old_one(line: PanelLine) -> None:
    """It counts from the start, and its first frame is no repetition."""
    line.hub.tell(Text(message_id=1, text="old"), line.now_ms)
    line.settle()
    line.hub = HubEnd(session=8)
    line.run(100)

    line.hub.tell(Text(message_id=2, text="new"), line.now_ms)
    line.settle()

    assert [getattr(one, "message_id", 0) for one in line.news_of(Text)] == [1, 2]


def test_a_panel_that_started_anew_counts_anew(line: PanelLine) -> None:
    """Its first press is new though the number is that of an earlier boot."""
    line.panel.press(1, line.now_ms)
    line.run(100)
    line.panel = PanelEnd(dataclasses.replace(HELLO, boot_id=2))
    line.run(1_000)
    line.panel.press(1, line.now_ms)
    line.run(100)

    assert len(events_of(Said, line.events)) == 2
    assert len(events_of(Joined, line.events)) == 2


def test_a_panel_of_more_versions_is_welcomed_to_the_hubs() -> None:
    """The highest that both speak."""
    line = PanelLine(hello=dataclasses.replace(HELLO, version_max=3))

    line.run(100)

    (welcome,) = line.news_of(Welcome)
    assert isinstance(welcome, Welcome)
    assert welcome.version == 1


def test_what_a_panel_says_before_it_is_met_is_not_acknowledged() -> None:
    """It may be meant for the hub before this one: nothing of it would be known here."""
    hub, panel = HubEnd(session=1), Wire()
    panel.send(Button(event_id=1, button=1, press=0), 1)
    panel.send(Ping(), 2)
    panel.send(Status(uptime_s=1))

    assert hub.receive(panel.take_outgoing(), 0) == []
    assert hub.take_outgoing() == b""


def test_the_panel_may_ask_whether_the_hub_is_there(line: PanelLine) -> None:
    """PING is either side's."""
    line.panel.wire.send(Ping(), 9)
    line.hub.receive(line.panel.take_outgoing(), line.now_ms)

    answer = Wire().receive(line.hub.take_outgoing())
    assert answer == [Arrived(0, Ack(acknowledged_sequence=9, acknowledged_type=Ping.TYPE))]


def test_what_was_begun_on_another_line_is_forgotten() -> None:
    """Half a frame must not spoil the first one of the new line, nor an old one go out on it."""
    wire = Wire()
    wire.send(Ping())
    wire.receive(b"\x00\x05\x01")

    wire.forget()

    assert wire.take_outgoing() == b""
    heard = wire.receive(seal_frame(Ping.TYPE, 3, b"\xa0")[1:] + seal_frame(0x0B, 4, b"\xa0"))
    assert heard[-1] == Arrived(4, Ping())
    assert wire.refused.total() == 0


@pytest.mark.parametrize("versions", [(2, 3), (9, 9)])
def test_a_newer_panel_is_refused_with_both_versions(versions: tuple[int, int]) -> None:
    """The hub says which it speaks and leaves it alone; the panel knows why."""
    newest = dataclasses.replace(HELLO, version_min=versions[0], version_max=versions[1])
    line = PanelLine(hello=newest)

    line.run(5_000)

    assert events_of(OtherVersion, line.events) == [OtherVersion(*versions)]
    (refused,) = line.news_of(Refused)
    assert isinstance(refused, Refused)
    assert (refused.version_min, refused.version_max) == (1, 1)
    assert not line.panel.is_welcome


def test_a_frame_of_another_version_is_refused(line: PanelLine) -> None:
    """Though its HELLO cannot be read."""
    events = line.hub.receive(seal_frame(1, 0, b"\xa0", version=3), line.now_ms)

    assert events == [OtherVersion(3, 3)]
    assert line.hub.panel is None


def test_a_flood_of_presses_is_dropped_and_counted(line: PanelLine) -> None:
    """Ten a second are taken, the others acknowledged all the same."""
    for _ in range(50):
        line.panel.press(1, line.now_ms)
        line.step()

    assert len(events_of(Said, line.events)) == BUTTONS_PER_S_MAX
    assert line.hub.buttons_dropped == 40


def test_presses_wait_for_a_hub() -> None:
    """As many as the panel has room for."""
    line = PanelLine()
    for _ in range(PRESSES_MAX + 3):
        line.panel.press(2, 0, is_long=True)
    line.run(500)

    assert len(events_of(Said, line.events)) == PRESSES_MAX
    assert line.panel.presses_dropped == 3


def test_texts_that_wait_are_bounded() -> None:
    """The hub says no instead of keeping ever more."""
    hub = HubEnd(session=1)

    taken = [hub.tell(Text(message_id=number, text="x"), 0) for number in range(TEXTS_MAX + 1)]

    assert taken == [True] * TEXTS_MAX + [False]


def test_bytes_that_nobody_takes_are_bounded() -> None:
    """Frames are dropped whole, and counted."""
    wire = Wire()

    for _ in range(1_000):
        wire.send(Ping())

    assert len(wire.take_outgoing()) <= OUTGOING_BYTES_MAX
    assert wire.outgoing_dropped > 0


def test_everything_else_gets_through(line: PanelLine) -> None:
    """The time, status, the panel's log, and the update's lines both ways."""
    line.hub.set_time(Time(unix_s=1_700_000_000, offset_min=60), line.now_ms)
    line.settle()
    line.panel.say(Status(uptime_s=5))
    line.panel.say(Log(level=1, text="hot"))
    line.panel.wire.write(b"\x06\x09AA\n")
    line.hub.wire.write(b"\x06\x09BB\n")
    line.run(50)

    assert line.news_of(Time) == [Time(unix_s=1_700_000_000, offset_min=60)]
    assert SmpLine(b"\x06\x09BB\n") in line.news
    assert line.events[-3:] == [
        Said(Status(uptime_s=5)),
        Said(Log(level=1, text="hot")),
        SmpLine(b"\x06\x09AA\n"),
    ]
    assert len(events_of(Delivered, line.events)) == 1


def test_old_numbers_are_not_shown(line: PanelLine) -> None:
    """A minute after the last update a panel has no news; before the first it has none either."""
    assert line.panel.has_no_news(line.now_ms)
    line.hub.show(Display(power_w=1), line.now_ms)
    line.settle()

    assert not line.panel.has_no_news(line.now_ms + NO_NEWS_MS - 1_000)
    assert line.panel.has_no_news(line.now_ms + NO_NEWS_MS)


def test_a_panel_goes_by_its_own_boot_alone(line: PanelLine) -> None:
    """A welcome for another boot is late: it counts for nothing."""
    panel = PanelEnd(HELLO)
    wire = Wire()
    wire.send(Welcome(version=1, boot_id=99, session=1))

    assert panel.receive(wire.take_outgoing(), 0) == []
    assert not panel.is_welcome


def test_a_babbling_panel_costs_nothing_but_counts(line: PanelLine) -> None:
    """Noise raises nothing, and the panel that speaks after it is heard."""
    noise = random.Random(1).randbytes(20_000)

    line.hub.receive(noise, line.now_ms)
    line.hub.receive(b"\x00", line.now_ms)
    line.hub.show(Display(power_w=5), line.now_ms)
    line.run(1_000)

    assert line.news_of(Display) == [Display(power_w=5)]
    assert line.hub.wire.refused.total() > 0
