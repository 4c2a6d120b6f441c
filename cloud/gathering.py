"""Questions that wait are answered together: one thread, one transaction for all that are there.

A question that comes while few are being answered is answered at once and alone; the more wait, the
more share what each would pay for: a thread's turn, a connection, a transaction. Nothing is kept:
every question is answered from what holds after it was asked. Knows nothing of what is asked.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool

TOGETHER_MAX = 32
"""Questions in one transaction: some milliseconds, so that none waits long for the others."""

_log = logging.getLogger(__name__)

Question = TypeVar("Question")
Said = TypeVar("Said")


class _Turn:
    """In place of an answer: whoever is told this answers for all that wait."""


class _Waiting(Generic[Question, Said]):
    """What waits on one event loop, and how many threads are at work for it."""

    def __init__(self) -> None:
        self.asked: deque[tuple[Question, asyncio.Future[Said | _Turn]]] = deque()
        self.at_work = 0

    def take(self, most: int) -> "list[tuple[Question, asyncio.Future[Said | _Turn]]]":
        """Take what waits, but for whoever has gone meanwhile."""
        taken = [self.asked.popleft() for _ in range(min(len(self.asked), most))]
        return [one for one in taken if not one[1].done()]

    def pass_on(self) -> None:
        """Have the next that waits work, in place of one that has done or cannot."""
        self.at_work -= 1
        while self.asked:
            _, future = self.asked.popleft()
            if not future.done():
                self.at_work += 1
                future.set_result(_Turn())
                return


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
        # An application may be asked on several loops, as tests do: futures are of one.
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting[Question, Said]] = (
            WeakKeyDictionary()
        )

    async def ask(self, question: Question) -> Said:
        """Answer a question; raises what `answer` raises for it."""
        loop = asyncio.get_running_loop()
        waiting = self._by_loop.setdefault(loop, _Waiting())
        if waiting.at_work < self._at_work_max:
            waiting.at_work += 1
            return await self._work(waiting, question)
        future: asyncio.Future[Said | _Turn] = loop.create_future()
        waiting.asked.append((question, future))
        try:
            said = await future
        except asyncio.CancelledError:
            # Told to work and cancelled in the same instant: another is to.
            is_told = not future.cancelled() and not future.exception()
            if is_told and isinstance(future.result(), _Turn):
                waiting.pass_on()
            raise
        return await self._work(waiting, question) if isinstance(said, _Turn) else said

    async def _work(self, waiting: _Waiting[Question, Said], question: Question) -> Said:
        """Answer one's own question, and with it what waits."""
        others = waiting.take(TOGETHER_MAX - 1)
        try:
            asked = [question, *(one for one, _ in others)]
            mine, *answers = await run_in_threadpool(self._answers, asked)
        except asyncio.CancelledError:
            waiting.asked.extendleft(reversed(others))
            raise
        else:
            for (_, future), answer in zip(others, answers, strict=True):
                _tell(future, answer)
        finally:
            waiting.pass_on()
        if isinstance(mine, Exception):
            raise mine
        return mine

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


def _tell(future: "asyncio.Future[Said | _Turn]", answer: Said | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
