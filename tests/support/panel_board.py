"""A whole panel for updates, on any clock: flash, bootloader, SMP server and the panel's end.

It is started anew, browns out, loses answers and runs firmware that says nothing, as a test wants.
"""

import random
from collections.abc import Collection, Mapping

from firmware_bridge.display.framing import SmpLine
from firmware_bridge.display.image import FirmwareImage
from firmware_bridge.display.messages import Capability, Hello
from firmware_bridge.display.panel_end import PanelEnd
from firmware_bridge.simulator.smp_boots import SmpBoots
from firmware_bridge.simulator.smp_flash import BrownOutError, Flash
from firmware_bridge.simulator.smp_server import SmpServer
from shared.errors import OperatorError
from tests.support.firmware import BOARD

RESTART_MS = 40
"""MCUmgr answers before it restarts."""

START_MS = 200


class Board:
    """One panel; `firmware` is what runs, None while it starts or where nothing can be started."""

    def __init__(
        self,
        flash: Flash,
        keys_pem: str,
        *,
        silent: Collection[str] = (),
        says: Mapping[str, str] | None = None,
        loss: float = 0.0,
        chance: random.Random | None = None,
        board: str = BOARD,
    ) -> None:
        self.flash = flash
        self.firmware: FirmwareImage | None = None
        self.is_bricked = False
        self.starts = 0
        self.answers_lost = 0
        self.started: list[str] = []
        self._boots = SmpBoots(flash, keys_pem)
        self._board = board
        self._silent = silent
        self._says = says or {}
        self.loss = loss
        self._chance = chance or random.Random(1)
        self._outgoing = bytearray()
        self._start_at_ms: int | None = 0
        self.server = SmpServer(flash)
        self._end: PanelEnd | None = None

    def cut_power(self, now_ms: int) -> None:
        """Lose all but the flash, and start a moment later."""
        self.firmware = self._end = None
        self._outgoing.clear()
        self._start_at_ms = now_ms + START_MS

    def advance(self, now_ms: int) -> None:
        """Let time pass."""
        if self._start_at_ms is not None and now_ms >= self._start_at_ms:
            self._start(now_ms)
        if self._end is not None and self.firmware is not None:
            self._end.advance(now_ms)
            said = self._end.take_outgoing()
            if str(self.firmware.version) not in self._silent:
                self._outgoing += said

    def receive(self, raw: bytes, now_ms: int) -> None:
        """Take bytes from the line."""
        if self._end is None:
            return
        for news in self._end.receive(raw, now_ms):
            if isinstance(news, SmpLine):
                answer = self.server.receive(news.line)
                if self.server.is_dark:
                    self.cut_power(now_ms)
                    return
                if answer and self._chance.random() < self.loss:
                    self.answers_lost += 1
                else:
                    self._outgoing += answer
        if self.server.wants_restart and self._start_at_ms is None:
            self._start_at_ms = now_ms + RESTART_MS

    def take_outgoing(self) -> bytes:
        """Take what is on the line to the hub."""
        taken = bytes(self._outgoing)
        self._outgoing.clear()
        return taken

    def _start(self, now_ms: int) -> None:
        """Let the bootloader do its part, then start what it found; power may fail in it."""
        self.firmware = self._end = self._start_at_ms = None
        try:
            self.firmware, self.server = self._boots.start()
        except BrownOutError:
            self._start_at_ms = now_ms + START_MS
            return
        except OperatorError:
            self.is_bricked = True
            return
        self.is_bricked = False
        self.starts += 1
        version = str(self.firmware.version)
        self.started.append(version)
        self._end = PanelEnd(
            Hello(
                version_min=1,
                version_max=1,
                boot_id=self.starts,
                board=self._board,
                firmware=self._says.get(version, version),
                capabilities=int(Capability.DISPLAY | Capability.UPDATE),
                slots=2,
            )
        )
