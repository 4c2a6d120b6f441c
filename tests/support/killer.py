"""Kills processes with SIGKILL at random moments of what they do, and adds up what that cost.

Processes are forked off one that has imported everything, so that hundreds can die in minutes.
"""

import multiprocessing
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

LATEST = 1.1
"""A kill comes up to a tenth later than a whole run takes: the end is struck too."""

BEGIN_S_MAX = 30.0
END_S_MAX = 60.0


@dataclass
class KillToll:
    """Kills that came before the end, those that came too late, and what became of the hubs."""

    kills: int = 0
    too_late: int = 0
    lost: int = 0
    unfinished: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Tell whether every hub lived, and came to its end."""
        return not (self.lost or self.unfinished)

    def add(self, *, in_the_middle: bool) -> bool:
        """Count a kill; tell whether it came before the end."""
        self.kills += in_the_middle
        self.too_late += not in_the_middle
        return in_the_middle


class Killer:
    """Runs a hub's process to its end, or to a random moment of it."""

    def __init__(self, seed: int, preload: str) -> None:
        """`preload` is the module whose imports the processes share."""
        self._draw = random.Random(seed)
        self._whole_s = self._last_s = 0.0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([preload])

    def finish(self, doing: Callable[..., None], *words: object) -> bool:
        """Run it undisturbed; tell whether it ended well."""
        process, begun = self._start(doing, words)
        began_s = time.monotonic()
        process.join(END_S_MAX)
        if process.is_alive():
            process.kill()
            process.join()
        begun.close()
        self._last_s = time.monotonic() - began_s
        return bool(process.exitcode == 0)

    def measure(self, doing: Callable[..., None], *words: object) -> None:
        """Run it undisturbed to know how long it takes; the shortest such run counts."""
        assert self.finish(doing, *words), "not even undisturbed does it end well"
        self._whole_s = min(self._whole_s or self._last_s, self._last_s)

    def kill(self, doing: Callable[..., None], *words: object) -> bool:
        """Run it and kill it; tell whether that came before its end."""
        process, begun = self._start(doing, words)
        process.join(self._draw.uniform(0, self._whole_s * LATEST))
        process.kill()
        process.join()
        begun.close()
        return process.exitcode != 0

    def _start(
        self, doing: Callable[..., None], words: tuple[object, ...]
    ) -> tuple[ForkServerProcess, Connection]:
        begun, tell = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_begin, args=(tell, doing, words))
        process.start()
        tell.close()
        assert begun.poll(BEGIN_S_MAX), "the hub's process does not begin"
        begun.recv()
        return process, begun


def _begin(tell: Connection, doing: Callable[..., None], words: tuple[Any, ...]) -> None:
    tell.send(True)
    doing(*words)
