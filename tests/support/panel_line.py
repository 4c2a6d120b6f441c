"""A UART between a hub's end and a panel's end, on virtual time, as bad as a test wants it."""

import random
from collections.abc import Callable, Iterable

from firmware_bridge.display.framing import SmpLine
from firmware_bridge.display.hub_end import HubEnd, HubEvent
from firmware_bridge.display.messages import Capability, Hello, PanelMessage
from firmware_bridge.display.panel_end import PanelEnd

STEP_MS = 10
HELLO = Hello(
    version_min=1,
    version_max=1,
    boot_id=0x0BAD_CAFE,
    board="pty",
    firmware="1.2.3",
    capabilities=int(Capability.DISPLAY | Capability.BUTTONS | Capability.TEXT),
)


def corrupted(raw: bytes, rate: float, chance: random.Random) -> bytes:
    """Change each byte with probability `rate` into any other."""
    return bytes(
        byte ^ chance.randrange(1, 256) if chance.random() < rate else byte for byte in raw
    )


class PanelLine:
    """Moves bytes both ways, `step` by step; keeps what each side was told."""

    def __init__(self, spoil: Callable[[bytes], bytes] = bytes, hello: Hello = HELLO) -> None:
        self.hub = HubEnd(session=7, hub="hub")
        self.panel = PanelEnd(hello)
        self.now_ms = 0
        self.spoil = spoil
        self.events: list[HubEvent] = []
        self.news: list[PanelMessage | SmpLine] = []

    def step(self) -> None:
        """Let one piece of time pass, with what both sides do in it."""
        self.now_ms += STEP_MS
        self.events += self.hub.advance(self.now_ms)
        self.news += self.panel.receive(self.spoil(self.hub.take_outgoing()), self.now_ms)
        self.panel.advance(self.now_ms)
        self.events += self.hub.receive(self.spoil(self.panel.take_outgoing()), self.now_ms)

    def run(self, duration_ms: int) -> None:
        """Let time pass."""
        for _ in range(duration_ms // STEP_MS):
            self.step()

    def settle(self, steps_max: int = 2_000) -> None:
        """Let time pass until the hub has nothing to send any more."""
        for _ in range(steps_max):
            if self.hub.panel is not None and self.hub.is_idle:
                return
            self.step()
        raise AssertionError(f"not idle after {steps_max} steps")

    def news_of(self, kind: type[PanelMessage]) -> list[PanelMessage | SmpLine]:
        """List what the panel was told of one kind."""
        return [one for one in self.news if isinstance(one, kind)]


def events_of(kind: type[HubEvent], events: Iterable[HubEvent]) -> list[HubEvent]:
    """List the hub's events of one kind."""
    return [one for one in events if isinstance(one, kind)]
