"""Questions that wait are answered together: one thread, one transaction for all that are there.

A question that comes while few are being answered is answered at once, with those that came in the
same turn of the loop, or where many were the last time within a moment; the more wait, the more
share what each would pay for: a thread's turn, a connection, a transaction. Nothing is kept: every
question is answered from what holds after it was asked. Knows nothing of what is asked.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

TOGETHER_MAX = 32
"""Questions in one transaction: some milliseconds, so that none waits long for the others."""

MOMENT_S = 0.002
"""What a question waits for others where the last were several: about what answering it takes."""

_log = logging.getLogger(__name__)

Question = TypeVar("Question")
Said = TypeVar("Said")


class _Waiting(Generic[Question, Said]):
    """What waits on one event loop, and how many threads are at work for it.

    `last` is how many were answered together last, `due` when the next will be.
    """

    def __init__(self) -> None:
        self.asked: deque[tuple[Question, asyncio.Future[Said]]] = deque()
        self.at_work = 0
        self.last = 0
        self.due: asyncio.Handle | None = None

    def take(self) -> "list[tuple[Question, asyncio.Future[Said]]]":
        """Take what waits, but for whoever has gone meanwhile."""
        taken: list[tuple[Question, asyncio.Future[Said]]] = []
        while self.asked and len(taken) < TOGETHER_MAX:
            one = self.asked.popleft()
            if not one[1].done():
                taken.append(one)
        return taken


class Gathering(Generic[Question, Said]):
    """Gives questions to `answer`, as many at once as wait.

    `answer` runs in a thread and returns as many answers as it had questions, in their order, or in
    place of one the exception to raise. Where it raises itself for several, they are given to it
    again one by one: nobody's question fails another's.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Question]], Sequence[Said | Exception]],
        at_work_max: int,
    ) -> None:
        """`at_work_max` is how many threads answer at once: the fewer, the more is shared."""
        self._answer = answer
        self._at_work_max = at_work_max
        self._threads = ThreadPoolExecutor(at_work_max, "gathering")
        # An application may be asked on several loops, as tests do: futures are of one.
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting[Question, Said]] = (
            WeakKeyDictionary()
        )

    async def ask(self, question: Question) -> Said:
        """Answer a question; raises what `answer` raises for it."""
        loop = asyncio.get_running_loop()
        waiting = self._by_loop.get(loop)
        if waiting is None:
            waiting = self._by_loop[loop] = _Waiting()
        future: asyncio.Future[Said] = loop.create_future()
        waiting.asked.append((question, future))
        if waiting.due is None:
            self._plan(waiting, loop)
        elif len(waiting.asked) == waiting.last:
            waiting.due.cancel()
            waiting.due = loop.call_soon(self._start, waiting, loop)
        return await future

    def _plan(self, waiting: _Waiting[Question, Said], loop: asyncio.AbstractEventLoop) -> None:
        """Have what waits answered: after this turn of the loop, in which others are asked too.

        Where the last ones were several, as many are about to come, and are waited for.
        """
        if waiting.at_work >= self._at_work_max or not waiting.asked:
            return
        if len(waiting.asked) < waiting.last:
            waiting.due = loop.call_later(MOMENT_S, self._start, waiting, loop)
        else:
            waiting.due = loop.call_soon(self._start, waiting, loop)

    def _start(self, waiting: _Waiting[Question, Said], loop: asyncio.AbstractEventLoop) -> None:
        """Have a thread answer what waits."""
        waiting.due = None
        taken = waiting.take()
        waiting.last = len(taken)
        if not taken:
            return
        waiting.at_work += 1
        work = loop.run_in_executor(self._threads, self._answers, [one for one, _ in taken])
        work.add_done_callback(lambda done: self._tell(waiting, loop, taken, done))

    def _tell(
        self,
        waiting: _Waiting[Question, Said],
        loop: asyncio.AbstractEventLoop,
        taken: "Sequence[tuple[Question, asyncio.Future[Said]]]",
        done: "asyncio.Future[Sequence[Said | Exception]]",
    ) -> None:
        """Give the answers to those who still wait, and have the next ones answered."""
        waiting.at_work -= 1
        for (_, future), answer in zip(taken, done.result(), strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        if waiting.due is None:
            self._plan(waiting, loop)

    def _answers(self, questions: Sequence[Question]) -> Sequence[Said | Exception]:
        if len(questions) > 1:
            try:
                return self._answer(questions)
            except Exception as error:  # noqa: BLE001  # raised to whom it concerns, if again
                _log.info("%d questions are asked again one by one: %s", len(questions), error)
        return [self._alone(one) for one in questions]

    def _alone(self, question: Question) -> Said | Exception:
        try:
            return self._answer([question])[0]
        except Exception as error:  # noqa: BLE001  # raised again where it was asked
            return error
