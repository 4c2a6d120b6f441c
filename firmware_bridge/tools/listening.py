"""Listens at one port setting after another until a meter is understood.

Owns the plan and the patience; who speaks is decided by the codecs (`recognition.py`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from firmware_bridge.meters.catalog import CODECS, PortSettings
from firmware_bridge.tools.recognition import Hearing, best_hearing, hearings

MIN_BURST_BYTES = 16
"""Fewer bytes may be a click of plugging in: they do not tell that a setting is wrong."""

MAX_STRANGE_BYTES = 12_288
"""More than the longest telegram of any protocol: at the right setting one would be there."""

TEXT_PERCENT = 90
"""So much printable text is heard only at the right speed: wait for a telegram from its start."""

LOW_BITS = bytes(byte & 0x7F for byte in range(256))
"""What a 7E1 port would give, from the bytes of an 8N1 one: the eighth bit is the parity."""

_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n\x02\x03\x06"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds; a test has less."""

    window_s: float = 11.0
    """Most meters push at least every ten seconds."""
    idle_s: float = 0.25
    """A pause that ends a burst: longer than between two frames of one telegram."""
    asking_s: float = 20.0
    """A readout at 9600 baud takes some seconds; a meter that does not answer takes two."""
    total_s: float = 57.0
    """An installer waits a minute."""


class Line(Protocol):
    """What listening needs of a link."""

    async def read(self) -> bytes:
        """Return the next bytes; safe to cancel."""


@dataclass(slots=True)
class Heard:
    """What came at one setting (None: a line that has none), and what it was understood as."""

    settings: PortSettings | None
    seconds: float = 0.0
    size: int = 0
    printable: int = 0
    found: Hearing | None = None
    was_asked: bool = False

    @property
    def printable_percent(self) -> int:
        """How much of it is text."""
        return 100 * self.printable // self.size if self.size else 0


@dataclass(slots=True)
class _Burst:
    """The bytes since the last pause; it is whole if a pause came before it."""

    is_whole: bool = False
    size: int = 0


class Listener:
    """Hears one line through all codecs; `on_progress` is told what has been heard so far."""

    def __init__(
        self,
        line: Line,
        zone: ZoneInfo,
        patience: Patience,
        on_progress: Callable[[Heard], None],
    ) -> None:
        self._line = line
        self._zone = zone
        self._patience = patience
        self._on_progress = on_progress
        self._codecs: list[tuple[PortSettings | None, Hearing]] = []
        self._start_s = 0.0
        self._burst = _Burst()
        self.heard = Heard(None)

    async def listen(self, settings: PortSettings | None, window_s: float) -> Heard:
        """Listen until a meter is understood, the setting is known to be wrong, or time is up."""
        self.begin(settings)
        while (left_s := window_s - self.heard.seconds) > 0:
            chunk = await self.hear(min(self._patience.idle_s, left_s))
            if not chunk:
                if self._is_understood() or self._is_wrong():
                    break
                self._burst = _Burst(is_whole=True)
            elif self._burst.size > MAX_STRANGE_BYTES and not self._is_understood():
                break
        return self.conclude()

    def begin(self, settings: PortSettings | None, *, was_asked: bool = False) -> None:
        """Start anew at a setting; `was_asked` says that the meter answers a request."""
        self.heard, self._burst = Heard(settings, was_asked=was_asked), _Burst()
        self._start_s = asyncio.get_running_loop().time()
        self._codecs = [(settings, hearing) for hearing in hearings(self._zone)]
        also = seven_bit_of(settings)
        if also is not None:
            self._codecs += [(also, hearing) for hearing in hearings(self._zone)]

    async def hear(self, wait_s: float) -> bytes:
        """Take what comes within `wait_s` seconds; return it, b"" for nothing."""
        chunk = b""
        try:
            async with asyncio.timeout(wait_s):
                chunk = await self._line.read()
        except TimeoutError:
            pass
        self.heard.seconds = asyncio.get_running_loop().time() - self._start_s
        if chunk:
            self._take(chunk)
        self._on_progress(self.heard)
        return chunk

    def conclude(self) -> Heard:
        """Say what was heard since the beginning, and which protocol it was understood as."""
        for _, hearing in self._codecs:
            hearing.feed(b"")
        heard = self.heard
        heard.found = best_hearing(
            (hearing for _, hearing in self._codecs), was_asked=heard.was_asked
        )
        for settings, hearing in self._codecs:
            if hearing is heard.found:
                heard.settings = settings
        return heard

    def _take(self, chunk: bytes) -> None:
        self.heard.size += len(chunk)
        self.heard.printable += len(chunk) - len(chunk.translate(None, _PRINTABLE))
        self._burst.size += len(chunk)
        for settings, hearing in self._codecs:
            is_seven_bit = settings is not self.heard.settings
            hearing.feed(chunk.translate(LOW_BITS) if is_seven_bit else chunk)

    def _is_understood(self) -> bool:
        return any(hearing.is_recognised for _, hearing in self._codecs)

    def _is_wrong(self) -> bool:
        """Tell that a whole burst was heard and nothing in it understood."""
        is_strange = self.heard.printable_percent < TEXT_PERCENT
        return self._burst.is_whole and self._burst.size >= MIN_BURST_BYTES and is_strange


def plan() -> list[PortSettings]:
    """List the settings to listen at, the likeliest first; 7E1 is heard through 8N1."""
    found: dict[PortSettings, None] = {}
    most = max(len(protocol.ports) for protocol in CODECS.values())
    for rank in range(most):
        for protocol in CODECS.values():
            if rank < len(protocol.ports) and not protocol.must_ask:
                port = protocol.ports[rank]
                is_seven_bit = port.framing == "7E1"
                found[PortSettings(port.baud) if is_seven_bit else port] = None
    return list(found)


def seven_bit_of(settings: PortSettings | None) -> PortSettings | None:
    """Name the 7E1 setting that is heard along with an 8N1 one, where meters have it."""
    if settings is None or settings.framing != "8N1":
        return None
    also = PortSettings(settings.baud, "7E1")
    return also if any(also in protocol.ports for protocol in CODECS.values()) else None


def window_s(left_s: float, settings_left: int, patience: Patience) -> float:
    """Share what time is left: a full window each while there is enough, then less."""
    return max(0.0, min(patience.window_s, max(left_s / settings_left, left_s - patience.window_s)))
