"""A panel's end of the protocol, as the simulated panel plays it; the C reference does the same.

Pure: takes bytes and the monotonic time in milliseconds, gives bytes and what is new to the panel.
"""

from collections import deque

from firmware_bridge.display.framing import SmpLine
from firmware_bridge.display.messages import (
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
from firmware_bridge.display.wire import Arrived, Wire

HELLO_MS = 500
"""Between two HELLOs of a panel that nobody has welcomed."""

REFUSED_MS = 60_000
"""A refused panel asks again when its hub may have been updated."""

HUB_SILENT_MS = 15_000
"""Three of the hub's pings: a hub that says nothing for so long is gone."""

NO_NEWS_MS = 60_000
"""A panel that was shown nothing for so long says "no data", and no number any more."""

PRESSES_MAX = 8
"""Presses that wait for the hub; whoever presses more has seen that nothing happens."""


class PanelEnd:
    """One boot of a panel; `hello` carries the boot's id."""

    def __init__(self, hello: Hello) -> None:
        self.wire = Wire()
        self.is_welcome = False
        self.presses_dropped = 0
        self._hello = hello
        self._sender = StopAndWait(self.wire)
        self._presses: deque[Button] = deque()
        self._event_id = 0
        self._session: int | None = None
        self._last_sequence: int | None = None
        self._hello_at_ms = 0
        self._heard_at_ms = 0
        self._shown_at_ms: int | None = None

    def has_no_news(self, now_ms: int) -> bool:
        """Tell whether what was shown last is too old to be looked at."""
        return self._shown_at_ms is None or now_ms - self._shown_at_ms >= NO_NEWS_MS

    def press(
        self, button: int, now_ms: int, *, is_long: bool = False, message_id: int | None = None
    ) -> None:
        """Report a button; dropped and counted where PRESSES_MAX of them wait already."""
        if len(self._presses) >= PRESSES_MAX:
            self.presses_dropped += 1
            return
        self._event_id += 1
        self._presses.append(
            Button(
                event_id=self._event_id, button=button, press=int(is_long), message_id=message_id
            )
        )
        self._send_next(now_ms)

    def say(self, message: Status | Log) -> None:
        """Send what needs no answer, if there is a hub."""
        if self.is_welcome:
            self.wire.send(message)

    def take_outgoing(self) -> bytes:
        """Take the bytes that are to be written."""
        return self.wire.take_outgoing()

    def advance(self, now_ms: int) -> None:
        """Do what the time asks for: HELLO, sending again, giving the hub up."""
        if self.is_welcome:
            is_silent = now_ms - self._heard_at_ms >= HUB_SILENT_MS
            if is_silent or self._sender.advance(now_ms) is Turn.LOST:
                self.is_welcome = False
                self._hello_at_ms = now_ms
        if not self.is_welcome and now_ms >= self._hello_at_ms:
            self._say_hello(now_ms)

    def receive(self, received: bytes, now_ms: int) -> list[PanelMessage | SmpLine]:
        """Take bytes from the line and return what is new: each message once, in order."""
        news: list[PanelMessage | SmpLine] = []
        for incoming in self.wire.receive(received):
            match incoming:
                case Arrived(sequence, message):
                    self._heard_at_ms = now_ms
                    if self._is_news(message, sequence, now_ms):
                        news.append(message)
                case SmpLine():
                    news.append(incoming)
                case _:
                    pass
        self._send_next(now_ms)
        return news

    def _is_news(self, message: PanelMessage, sequence: int, now_ms: int) -> bool:
        match message:
            case Welcome():
                return self._enter(message, now_ms)
            case Refused():
                self.is_welcome = False
                self._hello_at_ms = now_ms + REFUSED_MS
                return True
            case Ping(wants_hello=True):
                self._say_hello(now_ms)
            case Ack():
                self._sender.acknowledge(message, now_ms)
            case Display() | Text() | Time() | Ping() if self.is_welcome:
                return self._take(message, sequence, now_ms)
            case _:
                pass
        return False

    def _enter(self, welcome: Welcome, now_ms: int) -> bool:
        """Go by a welcome for this boot; a hub that was started anew counts anew."""
        if welcome.boot_id != self._hello.boot_id:
            return False
        if welcome.session != self._session:
            self._session, self._last_sequence = welcome.session, None
        self.is_welcome = True
        self._sender.resume(now_ms)
        return True

    def _take(self, message: PanelMessage, sequence: int, now_ms: int) -> bool:
        """Acknowledge a message, and tell whether it is another than the one before."""
        self.wire.send(Ack(acknowledged_sequence=sequence, acknowledged_type=message.TYPE))
        is_new = sequence != self._last_sequence
        self._last_sequence = sequence
        if isinstance(message, Display):
            self._shown_at_ms = now_ms
        return is_new and not isinstance(message, Ping)

    def _say_hello(self, now_ms: int) -> None:
        self.wire.send(self._hello)
        self._hello_at_ms = now_ms + HELLO_MS

    def _send_next(self, now_ms: int) -> None:
        if self.is_welcome and self._sender.underway is None and self._presses:
            self._sender.start(self._presses.popleft(), now_ms)
