"""The trial of a program just installed: it proves itself within minutes, or goes back by itself.

Runs inside the new program; one that does not come so far is counted out by starter.py.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agent.update.slots import Slots, Trial

TRIAL_S = 600.0
"""A Pi folds a long log for minutes first; a meter that is asked in rounds answers within."""

HEALTHY_FOR_S = 60.0
LOOK_EVERY_S = 2.0

_logger = logging.getLogger(__name__)

FindFaults = Callable[[Trial], Awaitable[list[str]]]
"""Says what of the hub does not work yet that must; empty where all does."""


class TrialWatch:
    """Watches one start of a program; `run` is its task, and ends at once without a trial."""

    def __init__(
        self,
        slots: Slots,
        find_faults: FindFaults,
        restart: Callable[[str], None],
        *,
        trial_s: float = TRIAL_S,
        healthy_for_s: float = HEALTHY_FOR_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._slots = slots
        self._find_faults = find_faults
        self._restart = restart
        self._trial_s = trial_s
        self._healthy_for_s = healthy_for_s
        self._look_every_s = look_every_s

    def pending(self) -> Trial | None:
        """Return the trial that this very program is on."""
        trial = self._slots.trial()
        if trial is None or trial.outcome or trial.slot != self._slots.running():
            return None
        return trial

    async def run(self) -> None:
        """Confirm the program once all of it has worked for a while, or go back when time is up."""
        trial = self.pending()
        if trial is None:
            return
        _logger.info("version %s is on trial, start %d", trial.version, trial.starts)
        loop = asyncio.get_running_loop()
        began_s = sound_since_s = loop.time()
        while True:
            faults = await self._find_faults(trial)
            now_s = loop.time()
            if faults:
                sound_since_s = now_s
            elif now_s - sound_since_s >= self._healthy_for_s:
                self._slots.confirm(trial)
                _logger.info("version %s has proved itself", trial.version)
                return
            if now_s - began_s >= self._trial_s:
                break
            await asyncio.sleep(self._look_every_s)
        reason = f"after {self._trial_s:.0f} s: {'; '.join(faults) or 'not sound for long enough'}"
        _logger.error("version %s goes back to the one before: %s", trial.version, reason)
        self._slots.give_up(trial, reason)
        self._restart("the program before is started again")
