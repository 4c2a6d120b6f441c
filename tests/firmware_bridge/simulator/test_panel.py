"""A simulated panel against the hub's end, on virtual time: what it does, and what goes wrong."""

from collections.abc import Iterable

import pytest

from firmware_bridge.display.hub_end import (
    HubEnd,
    HubEvent,
    Joined,
    OtherVersion,
    PanelLost,
    Said,
)
from firmware_bridge.display.messages import Button, Display, PanelMessage, Status, Text
from firmware_bridge.simulator.panel import ANSWER_BUTTON, Boot, SimulatedPanel
from firmware_bridge.simulator.panel_faults import read_panel_faults

STEP_MS = 10


class Bench:
    """A hub's end and a simulated panel, byte for byte in step."""

    def __init__(self, panel: SimulatedPanel) -> None:
        self.panel = panel
        self.hub = HubEnd(session=1)
        self.events: list[HubEvent] = []
        self.heard = b""
        self.now_ms = 0

    def run(self, duration_ms: int) -> None:
        """Let time pass."""
        for _ in range(duration_ms // STEP_MS):
            self.now_ms += STEP_MS
            self.events += self.hub.advance(self.now_ms)
            self.panel.receive(self.hub.take_outgoing(), self.now_ms)
            self.panel.advance(self.now_ms)
            said = self.panel.take_outgoing(self.now_ms)
            self.heard += said
            self.events += self.hub.receive(said, self.now_ms)

    def told(self, kind: type[PanelMessage]) -> list[PanelMessage]:
        """What the panel was told of one kind."""
        return [one.message for one in self.panel.told if isinstance(one.message, kind)]

    def said(self, kind: type[PanelMessage]) -> list[PanelMessage]:
        """What the hub heard of one kind."""
        heard = [one.message for one in self.events if isinstance(one, Said)]
        return [one for one in heard if isinstance(one, kind)]


def bench(faults: str = "seed=1", answer_after_ms: int | None = None) -> Bench:
    """A bench whose panel has these faults."""
    return Bench(SimulatedPanel(read_panel_faults(faults), answer_after_ms=answer_after_ms))


def count(kind: type[HubEvent], events: Iterable[HubEvent]) -> int:
    """How many events are of a kind."""
    return sum(isinstance(one, kind) for one in events)


def test_it_meets_a_hub_shows_what_it_is_told_and_says_how_it_is() -> None:
    """HELLO, a snapshot, a status a second after its start."""
    made = bench()
    made.run(200)
    made.hub.show(Display(power_w=5), made.now_ms)

    made.run(2_000)

    assert made.panel.is_welcome
    assert made.panel.shown == Display(power_w=5)
    assert [getattr(one, "uptime_s", None) for one in made.said(Status)] == [1]
    assert made.hub.panel is not None
    assert (made.hub.panel.board, made.hub.panel.firmware) == ("simulated", "1.0.0")


def test_a_text_is_answered_after_a_while_where_that_is_asked() -> None:
    """By a button, with the message's number; once."""
    made = bench(answer_after_ms=1_000)
    made.run(200)
    made.hub.tell(Text(message_id=7, text="Hello", needs_answer=True), made.now_ms)
    made.hub.tell(Text(message_id=8, text="No answer wanted"), made.now_ms)

    made.run(3_000)

    assert made.said(Button) == [Button(event_id=1, button=ANSWER_BUTTON, press=0, message_id=7)]


def test_bytes_are_changed_and_lost_both_ways_and_everything_arrives() -> None:
    """One in a thousand: resent until it is there, each once."""
    made = bench("flip=1/1000,lose=1/2000,drop=1/100,seed=4")
    made.run(1_000)
    for power_w in range(200):
        made.hub.show(Display(power_w=power_w, today_wh=123_456), made.now_ms)
        for _ in range(300):
            made.run(STEP_MS)
            if made.hub.panel is not None and made.hub.is_idle:
                break

    shown = [getattr(one, "power_w", None) for one in made.told(Display)]
    assert shown == list(range(200))
    assert made.hub.resends > 0


def test_a_reset_is_a_new_boot_that_is_told_everything_again() -> None:
    """Its boot id is another, and what it showed is gone."""
    made = bench("reset@2s")
    made.run(500)
    made.hub.show(Display(power_w=5), made.now_ms)
    made.run(1_000)
    assert made.told(Display)
    made.run(1_000)

    boots = [one.hello.boot_id for one in made.events if isinstance(one, Joined)]
    assert len(set(boots)) == 2
    assert made.panel.starts == 2
    assert made.panel.shown is None


def test_a_loop_of_resets_ends() -> None:
    """A start each fifth of a second, for two seconds; then it stays."""
    made = bench("loop=200ms@1s+2s")

    made.run(6_000)

    assert made.panel.starts == 11
    assert made.panel.is_welcome


def test_a_stalled_panel_is_lost_and_found() -> None:
    """It hears and says nothing for five seconds, and is the same one after."""
    made = bench("stall=5s@1s")
    made.run(900)
    made.hub.show(Display(power_w=1), made.now_ms)
    made.run(300)
    made.hub.show(Display(power_w=2), made.now_ms)
    made.run(9_000)

    assert count(PanelLost, made.events) == 1
    assert made.panel.starts == 1
    assert made.panel.shown == Display(power_w=2)


def test_a_banner_is_printed_with_each_start_and_harms_nothing() -> None:
    """With zeros in it, as noise has."""
    made = bench("banner,reset@2s")

    made.run(4_000)

    assert made.heard.count(b"Booting MCUboot") == 2
    assert made.panel.is_welcome


def test_another_version_is_refused() -> None:
    """It is told which the hub speaks."""
    made = bench("version=2")

    made.run(1_000)

    assert isinstance(made.events[0], OtherVersion)
    assert not made.panel.is_welcome


@pytest.mark.parametrize("word", ["babble@1s+2s", "flood@1s+2s"])
def test_a_panel_that_was_wild_can_be_spoken_with_after(word: str) -> None:
    """Noise ends, a contact lets go."""
    made = bench(word)
    made.run(6_000)
    made.hub.show(Display(power_w=3), made.now_ms)

    made.run(1_000)

    assert made.panel.shown == Display(power_w=3)


def test_a_flood_of_presses_is_a_flood() -> None:
    """More than the hub takes."""
    made = bench("flood@1s+3s")

    made.run(5_000)

    assert 0 < len(made.said(Button)) <= 50
    assert made.hub.buttons_dropped > 0


class Echo:
    """An updater that answers each line with itself, and restarts when it is told to."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.wants_restart = False

    def receive(self, line: bytes) -> bytes:
        """Answer a line."""
        self.lines.append(line)
        self.wants_restart = b"reset" in line
        return line


def test_smp_lines_are_its_updaters_and_a_restart_brings_the_next_boot() -> None:
    """Each boot has a firmware and an updater of its own; the answer leaves before the start."""
    echo = Echo()
    boots = iter([Boot("1.0.0", echo), Boot("2.0.0", Echo())])
    made = Bench(SimulatedPanel(None, lambda: next(boots)))
    made.run(200)

    made.panel.receive(b"\x06\x09list\n\x06\x09reset\n", made.now_ms)
    made.run(1_000)

    assert echo.lines == [b"\x06\x09list\n", b"\x06\x09reset\n"]
    assert b"\x06\x09list\n\x06\x09reset\n" in made.heard
    assert made.hub.panel is not None
    assert made.hub.panel.firmware == "2.0.0"
    assert made.hub.panel.slots == 2


def test_smp_lines_without_an_updater_are_left_alone() -> None:
    """A panel that cannot be updated says so in its HELLO, and answers nothing."""
    made = bench()
    made.run(200)
    made.panel.receive(b"\x06\x09list\n", made.now_ms)

    assert made.panel.take_outgoing(made.now_ms) == b""
    assert made.hub.panel is not None
    assert made.hub.panel.slots == 0
