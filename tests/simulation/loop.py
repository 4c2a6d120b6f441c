"""An event loop whose time is virtual: instead of waiting it jumps to the next timer.

Threads there are none: what is handed to an executor runs on the loop, some virtual time later, so
that a seed gives the same run every time. Nor are there files or sockets to be polled: the loop's
turn is its own, a third of what asyncio's costs. Owns time; knows nothing of hubs or clouds.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import Any

DISK_S_MAX = 0.5
"""A card that is busy with its own housekeeping takes this long over one commit."""

RESOLUTION_S = 1e-6
"""Timers closer together than this are due at once, as asyncio has it with a clock's tick."""


class Turn:
    """A callback whose turn comes: what asyncio's own handle does here, without its debugging."""

    __slots__ = ("args", "callback", "context")

    def __init__(self, callback: Any, args: tuple[Any, ...], context: Context | None) -> None:
        self.callback = callback
        self.args = args
        self.context = context

    def cancel(self) -> None:
        """Let its turn not come."""
        self.callback = None

    def cancelled(self) -> bool:
        """Tell whether its turn will not come."""
        return self.callback is None


class Timer(float):
    """A callback that is due at a second, which is its value: timers compare as numbers do."""

    __slots__ = ("args", "callback", "context")

    callback: Any
    args: tuple[Any, ...]
    context: Context | None

    cancel = Turn.cancel
    cancelled = Turn.cancelled

    def when(self) -> float:
        """The second it is due."""
        return float(self)


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop for one run; `draw` decides how long the disk takes."""

    _ready: deque[Turn | Timer]
    _scheduled: list[Timer]
    _stopping: bool

    def __init__(self, draw: Random) -> None:
        super().__init__()
        self._now_s = 0.0
        self._draw = draw

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def jump(self, seconds: float) -> None:
        """Let so much time pass at once; every timer in it is late."""
        self._now_s += seconds

    def call_soon(  # type: ignore[override]  # as it is called here
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> Turn:
        """Run this at the next turn."""
        turn = Turn(callback, args, context)
        self._ready.append(turn)
        return turn

    def call_later(  # type: ignore[override]  # as it is called here
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Timer:
        """Run this in so many virtual seconds."""
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # as it is called here
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Timer:
        """Run this at a virtual second."""
        timer = Timer(when)
        timer.callback, timer.args, timer.context = callback, args, context
        heapq.heappush(self._scheduled, timer)
        return timer

    def call_soon_threadsafe(  # type: ignore[override]  # as it is called here
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> Turn:
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

    def _run_once(self) -> None:
        """Take one turn: jump to the next timer where nothing is ready, then run what is."""
        timers, ready = self._scheduled, self._ready
        while timers and timers[0].callback is None:
            heapq.heappop(timers)
        if not ready and not self._stopping:
            if not timers:
                raise RuntimeError("nothing is scheduled any more: this run would wait for ever")
            self._now_s = max(self._now_s, timers[0].when())
        due_s = self._now_s + RESOLUTION_S
        while timers and timers[0] < due_s:
            ready.append(heapq.heappop(timers))
        for _ in range(len(ready)):
            turn = ready.popleft()
            if turn.callback is not None:
                self._take_turn(turn)

    def _take_turn(self, turn: Turn | Timer) -> None:
        try:
            if turn.context is None:
                turn.callback(*turn.args)
            else:
                turn.context.run(turn.callback, *turn.args)
        except Exception as error:  # noqa: BLE001  # the loop's boundary: it is told
            self.call_exception_handler(
                {"message": f"exception in {turn.callback!r}", "exception": error}
            )

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
