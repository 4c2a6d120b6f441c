"""A simulated panel: boots of the protocol's panel end, on a line as bad as its script of faults.

Pure: takes bytes and the milliseconds since its start, gives bytes. Its updates are another's: each
boot is given an SMP responder, which gets the SMP lines as they come and may ask for a new start.
"""

import random
from collections.abc import Callable
from typing import NamedTuple, Protocol

from firmware_bridge.display.fields import U32_MAX
from firmware_bridge.display.framing import SmpLine
from firmware_bridge.display.messages import (
    Capability,
    Display,
    Hello,
    PanelMessage,
    Status,
    Text,
)
from firmware_bridge.display.panel_end import PanelEnd
from firmware_bridge.simulator.panel_faults import PanelFaults, Spell, Trouble
from firmware_bridge.simulator.panel_texts import StandingTexts

WIDTH_PX, HEIGHT_PX = 432, 256
FRAME_BYTES_MAX = 256
STATUS_EVERY_MS = 60_000
FIRST_STATUS_MS = 1_000
RAM_FREE_BYTES = 11_264
BABBLE_BYTES = 512
"""Of noise with each step of 10 ms: five times what 115,200 baud carry."""

PAGE_BUTTON, ANSWER_BUTTON = 1, 2
POWER_ON, WATCHDOG = 0, 1
BANNER = (
    b"*** Booting MCUboot v2.1.0 ***\r\nI: Image index: 0, Swap type: none\r\n"
    b"\x00\xff\x00I: Jumping to the first image slot\r\n*** panel ***\r\n"
)


class SmpResponder(Protocol):
    """What answers a panel's SMP lines for one boot; `wants_restart` asks for the next one."""

    @property
    def wants_restart(self) -> bool:
        """Whether the panel is to start anew, now that the answer has left."""

    def receive(self, line: bytes) -> bytes:
        """Take a line, its end included, and return the lines of the answer, or nothing."""


class Boot(NamedTuple):
    """What runs from one start to the next: a firmware's version, and its updater's other side."""

    firmware: str = "1.0.0"
    smp: SmpResponder | None = None


class Told(NamedTuple):
    """What a panel was told, and when."""

    at_ms: int
    message: PanelMessage


class SimulatedPanel:
    """One panel; `start_boot` is asked at each start what runs from now on."""

    boot: Boot
    end: PanelEnd
    """The present boot's."""
    _status_at_ms: int

    def __init__(
        self,
        faults: PanelFaults | None = None,
        start_boot: Callable[[], Boot] = Boot,
        *,
        board: str = "simulated",
        answer_after_ms: int | None = None,
    ) -> None:
        self.shown: Display | None = None
        self.texts = StandingTexts()
        self.told: list[Told] = []
        """What is new since the caller took it away."""
        self.starts = 0
        self._faults = faults or PanelFaults()
        self._start_boot = start_boot
        self._board = board
        self._answer_after_ms = answer_after_ms
        self._chance = random.Random(self._faults.seed)  # noqa: S311 (no secret)
        self._outgoing = bytearray()
        self._answers: list[tuple[int, int]] = []
        self._once_done: set[Spell] = set()
        self._loop_at_ms = 0
        self._start(0, POWER_ON)

    @property
    def is_welcome(self) -> bool:
        """Whether a hub has taken it in."""
        return self.end.is_welcome

    def receive(self, received: bytes, now_ms: int) -> None:
        """Take bytes from the line; what is new is in `told`."""
        if self._has(Trouble.STALL, now_ms):
            return
        for news in self.end.receive(self._spoil(received), now_ms):
            if isinstance(news, SmpLine):
                self._answer_smp(news.line, now_ms)
            else:
                self._take(news, now_ms)

    def advance(self, now_ms: int) -> None:
        """Do what the time and the script ask for."""
        if self._has(Trouble.STALL, now_ms):
            return
        self._suffer(now_ms)
        for due_ms, message_id in list(self._answers):
            if now_ms >= due_ms:
                self._answers.remove((due_ms, message_id))
                self.press(ANSWER_BUTTON, now_ms, message_id=message_id)
        if now_ms >= self._status_at_ms:
            self._status_at_ms = now_ms + STATUS_EVERY_MS
            self.end.say(self._status(now_ms))
        self.end.advance(now_ms)

    def press(self, button: int, now_ms: int, message_id: int | None = None) -> None:
        """Press a button."""
        self.end.press(button, now_ms, message_id=message_id)

    def take_outgoing(self, now_ms: int) -> bytes:
        """Take the bytes that leave, spoilt as the script says."""
        self._outgoing += self.end.take_outgoing()
        if self._has(Trouble.STALL, now_ms):
            return b""
        left = bytes(self._outgoing)
        self._outgoing.clear()
        return self._spoil(left)

    def _start(self, now_ms: int, cause: int) -> None:
        """Start anew: nothing is remembered but the counts of the whole simulation."""
        self.boot = self._start_boot()
        self.starts += 1
        self.shown, self.texts = None, StandingTexts()
        self._answers.clear()
        self._started_ms, self._cause = now_ms, cause
        self._status_at_ms = now_ms + FIRST_STATUS_MS
        version = self._faults.version
        capabilities = Capability.DISPLAY | Capability.BUTTONS | Capability.TEXT
        if self.boot.smp is not None:
            capabilities |= Capability.UPDATE
        self.end = PanelEnd(
            Hello(
                version_min=version,
                version_max=version,
                board=self._board,
                firmware=self.boot.firmware,
                boot_id=self._chance.randrange(U32_MAX + 1),
                capabilities=int(capabilities),
                frame_bytes_max=FRAME_BYTES_MAX,
                width_px=WIDTH_PX,
                height_px=HEIGHT_PX,
                slots=2 if self.boot.smp is not None else 0,
            )
        )
        if self._faults.has_banner:
            self._outgoing += BANNER

    def _suffer(self, now_ms: int) -> None:
        for spell in self._faults.spells:
            match spell.trouble:
                case Trouble.RESET if now_ms >= spell.at_ms and spell not in self._once_done:
                    self._once_done.add(spell)
                    self._start(now_ms, WATCHDOG)
                case Trouble.LOOP if spell.holds(now_ms) and now_ms >= self._loop_at_ms:
                    self._loop_at_ms = now_ms + spell.every_ms
                    self._start(now_ms, WATCHDOG)
                case Trouble.BABBLE if spell.holds(now_ms):
                    self._outgoing += self._chance.randbytes(BABBLE_BYTES)
                case Trouble.FLOOD if spell.holds(now_ms):
                    self.press(PAGE_BUTTON, now_ms)
                case _:
                    pass

    def _take(self, message: PanelMessage, now_ms: int) -> None:
        self.told.append(Told(now_ms, message))
        self.texts.take(message)
        if isinstance(message, Display):
            self.shown = message
        after_ms = self._answer_after_ms
        if isinstance(message, Text) and message.needs_answer and after_ms is not None:
            self._answers.append((now_ms + after_ms, message.message_id))

    def _answer_smp(self, line: bytes, now_ms: int) -> None:
        smp = self.boot.smp
        if smp is None:
            return
        self._outgoing += smp.receive(line)
        if smp.wants_restart:
            self._start(now_ms, POWER_ON)

    def _status(self, now_ms: int) -> Status:
        return Status(
            uptime_s=(now_ms - self._started_ms) // 1_000,
            reset_cause=self._cause,
            crc_errors=sum(self.end.wire.refused.values()),
            dropped=self.end.wire.outgoing_dropped,
            ram_free_bytes=RAM_FREE_BYTES,
        )

    def _has(self, trouble: Trouble, now_ms: int) -> bool:
        return any(one.trouble is trouble and one.holds(now_ms) for one in self._faults.spells)

    def _spoil(self, raw: bytes) -> bytes:
        faults, chance = self._faults, self._chance
        if not raw or not (faults.flip or faults.lose or faults.drop):
            return raw
        if chance.random() < faults.drop:
            return b""
        return bytes(
            byte ^ chance.randrange(1, 256) if chance.random() < faults.flip else byte
            for byte in raw
            if not faults.lose or chance.random() >= faults.lose
        )
