"""The hub's end of the panel protocol: who is there, what it must be shown, what it answers.

Pure: takes bytes and the monotonic time in milliseconds, gives bytes and events; whoever owns the
port drives it with `receive`, `advance` and `take_outgoing`.
"""

from collections import deque
from dataclasses import dataclass

from firmware_bridge.display.framing import Console, SmpLine
from firmware_bridge.display.messages import (
    VERSION_MAX,
    VERSION_MIN,
    Ack,
    Button,
    Display,
    Hello,
    Log,
    PanelMessage,
    Ping,
    Refused,
    Status,
    Text,
    Time,
    Welcome,
)
from firmware_bridge.display.stop_and_wait import StopAndWait, Turn
from firmware_bridge.display.wire import Arrived, ForeignVersion, Incoming, Wire

SILENCE_MS = 5_000
"""A panel that said nothing for so long is asked whether it is there."""

ASK_MS = 250
"""Between two requests for HELLO: 12 bytes each, of a line that carries 11,520 a second."""

REFUSED_ASK_MS = 60_000
"""A panel of another version stays one until somebody updates it."""

TEXTS_MAX = 8
"""Suppliers send a message a week; a panel shows one at a time."""

PARKED_MS_MAX = 10_000
"""What a lost link has held up for longer is no news of the home any more, and no time of day; who
feeds a panel says the same again that often."""

BUTTONS_PER_S_MAX = 10
"""No finger is faster; a stuck contact is."""

MS_PER_S = 1_000


@dataclass(frozen=True, slots=True)
class Joined:
    """A panel is there: for the first time, after its start, or after the link was lost."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class PanelLost:
    """The panel does not acknowledge any more; it is asked for HELLO until it answers."""


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """A panel was refused: both sides' versions."""

    panel_min: int
    panel_max: int
    hub_min: int = VERSION_MIN
    hub_max: int = VERSION_MAX


@dataclass(frozen=True, slots=True)
class Delivered:
    """The panel acknowledged this message."""

    message: PanelMessage


@dataclass(frozen=True, slots=True)
class Said:
    """The panel said this, new and not heard before."""

    message: Button | Status | Log


HubEvent = Joined | PanelLost | OtherVersion | Delivered | Said | SmpLine | Console


class HubEnd:
    """One panel on one UART; `session` is a number that no earlier start of the hub had."""

    def __init__(self, session: int, hub: str | None = None) -> None:
        self.wire = Wire()
        self.panel: Hello | None = None
        self.buttons_dropped = 0
        self._session = session
        self._hub = hub
        self._sender = StopAndWait(self.wire)
        self._display: Display | None = None
        self._time: Time | None = None
        self._texts: deque[Text] = deque()
        self._boot_id: int | None = None
        self._last_event_id = 0
        self._pressed_at_ms: deque[int] = deque(maxlen=BUTTONS_PER_S_MAX)
        self._heard_at_ms = 0
        self._ask_at_ms = 0

    @property
    def resends(self) -> int:
        """How many frames had to be sent again."""
        return self._sender.resends

    @property
    def is_idle(self) -> bool:
        """Tell whether all that was to be sent has been acknowledged."""
        return self._sender.underway is None and self._next() is None

    @property
    def shows_texts(self) -> bool:
        """Whether texts may be told: to the panel that is there, or to one that will be."""
        return self.panel is None or self.panel.shows_texts

    def show(self, display: Display, now_ms: int) -> None:
        """Show this as soon as the panel can take it; it replaces what still waits."""
        if self.panel is None or self.panel.shows_figures:
            self._display = display
        self._send_next(now_ms)

    def set_time(self, time: Time, now_ms: int) -> None:
        """Tell the panel the time; it replaces what still waits."""
        self._time = time
        self._send_next(now_ms)

    def tell(self, text: Text, now_ms: int) -> bool:
        """Send a message to the household; False where TEXTS_MAX of them wait already.

        False too where the panel that is there shows none.
        """
        if len(self._texts) >= TEXTS_MAX or not self.shows_texts:
            return False
        self._texts.append(text)
        self._send_next(now_ms)
        return True

    def begin_anew(self, now_ms: int) -> None:
        """Take the panel for gone and ask for HELLO at once: its line was away, or lent."""
        self.panel = None
        self._ask_at_ms = now_ms
        self.wire.forget()

    def take_outgoing(self) -> bytes:
        """Take the bytes that are to be written."""
        return self.wire.take_outgoing()

    def due_ms(self) -> int:
        """When `advance` has something to do, if nothing arrives before."""
        if self.panel is None:
            return self._ask_at_ms
        if self._sender.underway is not None:
            return self._sender.due_ms()
        return self._heard_at_ms + SILENCE_MS

    def advance(self, now_ms: int) -> list[HubEvent]:
        """Do what the time asks for: send again, ask whether the panel is there, give it up."""
        if self.panel is None:
            if now_ms >= self._ask_at_ms:
                self.wire.send(Ping(wants_hello=True))
                self._ask_at_ms = now_ms + ASK_MS
            return []
        if self._sender.underway is None:
            if now_ms >= self._heard_at_ms + SILENCE_MS:
                self._sender.start(Ping(), now_ms)
            return []
        newer = self._display if isinstance(self._sender.underway, Display) else None
        turn = self._sender.advance(now_ms, newer)
        if turn is Turn.LOST:
            self.panel = None
            self._ask_at_ms = now_ms
            return [PanelLost()]
        if turn is Turn.RESENT and newer is not None:
            self._display = None
        return []

    def receive(self, received: bytes, now_ms: int) -> list[HubEvent]:
        """Take bytes from the line and return what they mean."""
        events: list[HubEvent] = []
        for incoming in self.wire.receive(received):
            events += self._take(incoming, now_ms)
        self._send_next(now_ms)
        return events

    def _take(self, incoming: Incoming, now_ms: int) -> list[HubEvent]:
        match incoming:
            case Arrived(sequence, message):
                return self._answer(message, sequence, now_ms)
            case ForeignVersion(version):
                return self._refuse(version, version, now_ms)
            case _:
                return [incoming]

    def _answer(self, message: PanelMessage, sequence: int, now_ms: int) -> list[HubEvent]:
        if isinstance(message, Hello):
            return self._greet(message, now_ms)
        if self.panel is None:
            # It does not know yet that this is another hub: it is asked for HELLO, not answered.
            return []
        self._heard_at_ms = now_ms
        match message:
            case Ack():
                done = self._sender.acknowledge(message, now_ms)
                return [] if done is None or isinstance(done, Ping) else [Delivered(done)]
            case Button():
                self._acknowledge(message, sequence)
                return [Said(message)] if self._is_new(message, now_ms) else []
            case Ping():
                self._acknowledge(message, sequence)
            case Status() | Log():
                return [Said(message)]
            case _:
                pass
        return []

    def _greet(self, hello: Hello, now_ms: int) -> list[HubEvent]:
        """Welcome a panel of our version; what was under way to it is sent again, if not old."""
        if hello.version_max < VERSION_MIN or hello.version_min > VERSION_MAX:
            return self._refuse(hello.version_min, hello.version_max, now_ms)
        is_known = self.panel is not None and self._boot_id == hello.boot_id
        if self._boot_id != hello.boot_id:
            self._boot_id, self._last_event_id = hello.boot_id, 0
        self.panel = hello
        self._heard_at_ms = now_ms
        self.wire.send(
            Welcome(
                version=min(hello.version_max, VERSION_MAX),
                boot_id=hello.boot_id,
                hub=self._hub,
                session=self._session,
            )
        )
        if isinstance(self._sender.underway, Display | Time):
            self._sender.abandon_older(now_ms - PARKED_MS_MAX)
        self._leave_out(hello)
        self._sender.resume(now_ms)
        return [] if is_known else [Joined(hello)]

    def _leave_out(self, hello: Hello) -> None:
        """Leave what this panel cannot show, and another before it could: its feeder tells anew."""
        if not hello.shows_texts:
            self._texts.clear()
        if not hello.shows_figures:
            self._display = None
        is_shown = {Text: hello.shows_texts, Display: hello.shows_figures}
        if not is_shown.get(type(self._sender.underway), True):
            self._sender.abandon()

    def _refuse(self, panel_min: int, panel_max: int, now_ms: int) -> list[HubEvent]:
        """Say which versions are spoken here, and leave the panel alone for a while."""
        self.panel = None
        self._ask_at_ms = now_ms + REFUSED_ASK_MS
        said = f"panel speaks {panel_min}-{panel_max}, hub {VERSION_MIN}-{VERSION_MAX}"
        self.wire.send(Refused(version_min=VERSION_MIN, version_max=VERSION_MAX, reason=said))
        return [OtherVersion(panel_min, panel_max)]

    def _acknowledge(self, message: PanelMessage, sequence: int) -> None:
        self.wire.send(Ack(acknowledged_sequence=sequence, acknowledged_type=message.TYPE))

    def _is_new(self, button: Button, now_ms: int) -> bool:
        """Tell whether an event is heard for the first time, and is none of a flood."""
        if button.event_id <= self._last_event_id:
            return False
        self._last_event_id = button.event_id
        pressed = self._pressed_at_ms
        if len(pressed) == BUTTONS_PER_S_MAX and now_ms - pressed[0] < MS_PER_S:
            self.buttons_dropped += 1
            return False
        pressed.append(now_ms)
        return True

    def _next(self) -> PanelMessage | None:
        return self._time or (self._texts[0] if self._texts else None) or self._display

    def _send_next(self, now_ms: int) -> None:
        """Send what waits, if nothing is under way: the time, then texts, then the display."""
        if self.panel is None or self._sender.underway is not None:
            return
        message = self._next()
        if message is None:
            return
        match message:
            case Time():
                self._time = None
            case Text():
                self._texts.popleft()
            case _:
                self._display = None
        self._sender.start(message, now_ms)
