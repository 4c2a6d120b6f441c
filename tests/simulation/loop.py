"""An event loop whose time is virtual: instead of waiting it jumps to the next timer.

Threads there are none: what is handed to an executor runs on the loop, some virtual time later, so
that a seed gives the same run every time. Owns time; knows nothing of hubs or clouds.
"""

import asyncio
import selectors
from collections.abc import Callable
from random import Random
from typing import Any

DISK_S_MAX = 0.5
"""A card that is busy with its own housekeeping takes this long over one commit."""


class _Jumps(selectors.SelectSelector):
    """Waits for nothing: what it is asked to wait is added to the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is scheduled any more: this run would wait for ever")
        self.now_s += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop for one run; `draw` decides how long the disk takes."""

    def __init__(self, draw: Random) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)
        self._clock_resolution = 1e-6
        self._draw = draw

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumps.now_s

    def jump(self, seconds: float) -> None:
        """Let so much time pass at once; every timer in it is late."""
        self._jumps.now_s += seconds

    def call_soon_threadsafe(  # type: ignore[override]  # as it is called here
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        """There is one thread: nobody needs waking."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]  # as it is called here
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Run `func` on the loop after a while, and tell of it after another.

        Between the two lies what a kill finds done and not yet known.
        """
        told: asyncio.Future[Any] = self.create_future()
        is_slow = self._draw.random() < 0.1
        longest_s = DISK_S_MAX if is_slow else 0.01
        self.call_later(self._draw.random() * longest_s, self._perform, told, func, args)
        return told

    def _perform(
        self, told: "asyncio.Future[Any]", func: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        if told.cancelled():
            return
        try:
            result = func(*args)
        except Exception as error:  # noqa: BLE001  # handed to whoever awaits it, as a thread does
            self.call_later(0.001, _settle, told, None, error)
        else:
            self.call_later(self._draw.random() * 0.01, _settle, told, result, None)


def _settle(told: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if told.done():
        return
    if error is not None:
        told.set_exception(error)
    else:
        told.set_result(result)
