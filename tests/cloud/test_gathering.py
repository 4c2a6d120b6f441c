"""Questions that wait are answered together, and none of them fails another."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from cloud import gathering
from cloud.gathering import TOGETHER_MAX, Gathering

AT_WORK_MAX = 2


class Slow:
    """Doubles numbers, once it is let; odd ones have none."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.is_let = threading.Event()

    def answer(self, numbers: Sequence[int]) -> list[int | Exception]:
        """Wait until it is let, and answer."""
        self.batches.append(list(numbers))
        self.is_let.wait(10)
        return [ValueError(str(one)) if one % 2 else 2 * one for one in numbers]


async def _until(is_so: "threading.Event | None", slow: Slow, count: int) -> None:
    """Wait until so many threads are at work, then let them."""
    async with asyncio.timeout(10):
        while len(slow.batches) < count:  # noqa: ASYNC110  # threads count, and have no loop
            await asyncio.sleep(0)
    if is_so is not None:
        is_so.set()


def test_who_asks_in_one_turn_is_answered_together() -> None:
    """Also where nobody is answering yet."""
    slow = Slow()
    slow.is_let.set()

    async def ask() -> list[int]:
        asked: Gathering[int, int] = Gathering(slow.answer, AT_WORK_MAX)
        return await asyncio.gather(*(asked.ask(2 * one) for one in range(5)))

    answers = asyncio.run(ask())

    assert answers == [0, 4, 8, 12, 16]
    assert slow.batches == [[0, 2, 4, 6, 8]]


def test_who_waits_is_answered_together() -> None:
    """While as many threads as there may be are at work; each has the answer to its own."""
    slow = Slow()

    async def ask() -> list[int]:
        asked: Gathering[int, int] = Gathering(slow.answer, AT_WORK_MAX)
        tasks = []
        for one in range(AT_WORK_MAX):
            tasks.append(asyncio.create_task(asked.ask(2 * one)))
            await _until(None, slow, one + 1)
        for one in range(AT_WORK_MAX, AT_WORK_MAX + 3):
            tasks.append(asyncio.create_task(asked.ask(2 * one)))
            await asyncio.sleep(0)
        slow.is_let.set()
        return await asyncio.gather(*tasks)

    answers = asyncio.run(ask())

    assert answers == [4 * one for one in range(AT_WORK_MAX + 3)]
    assert [len(batch) for batch in slow.batches] == [1] * AT_WORK_MAX + [3]


def test_no_more_than_so_many_are_taken_together() -> None:
    """The rest is answered by the next."""
    slow = Slow()

    async def ask() -> None:
        asked: Gathering[int, int] = Gathering(slow.answer, AT_WORK_MAX)
        count = AT_WORK_MAX + 2 * TOGETHER_MAX + 1
        tasks = [asyncio.create_task(asked.ask(2 * one)) for one in range(count)]
        await _until(slow.is_let, slow, 1)
        await asyncio.gather(*tasks)

    asyncio.run(ask())

    assert max(map(len, slow.batches)) == TOGETHER_MAX


def test_an_exception_is_raised_to_whom_it_concerns() -> None:
    """The others that were asked with it have their answers."""
    slow = Slow()

    async def ask() -> list[int | BaseException]:
        asked: Gathering[int, int] = Gathering(slow.answer, AT_WORK_MAX)
        tasks = [asyncio.create_task(asked.ask(one)) for one in (0, 2, 3, 4)]
        await _until(slow.is_let, slow, 1)
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(ask())

    assert [answers[place] for place in (0, 1, 3)] == [0, 4, 8]
    assert isinstance(answers[2], ValueError)


def test_a_failure_of_all_is_asked_again_one_by_one() -> None:
    """What one question breaks for all, it breaks for itself alone in the end."""
    slow = Slow()

    def answer(numbers: Sequence[int]) -> list[int | Exception]:
        answers = slow.answer(numbers)
        if 6 in numbers:
            raise RuntimeError("six")
        return answers

    async def ask() -> list[int | BaseException]:
        asked: Gathering[int, int] = Gathering(answer, AT_WORK_MAX)
        tasks = [asyncio.create_task(asked.ask(one)) for one in (0, 2, 6, 8)]
        await _until(slow.is_let, slow, 1)
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(ask())

    assert [answers[place] for place in (0, 1, 3)] == [0, 4, 16]
    assert isinstance(answers[2], RuntimeError)


def test_who_leaves_holds_up_nobody() -> None:
    """Whether it is being answered, or waits: it is not answered for nothing, and others are."""
    slow = Slow()

    async def ask() -> list[int | BaseException]:
        asked: Gathering[int, int] = Gathering(slow.answer, 1)
        tasks = [asyncio.create_task(asked.ask(0))]
        await _until(None, slow, 1)
        tasks += [asyncio.create_task(asked.ask(2 * one)) for one in range(1, 5)]
        await asyncio.sleep(0)
        for place in (0, 1, 3):
            tasks[place].cancel()
        slow.is_let.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(ask())

    left = [isinstance(one, asyncio.CancelledError) for one in answers]
    assert left == [True, True, False, True, False]
    assert [answers[2], answers[4]] == [8, 16]
    assert slow.batches == [[0], [4, 8]]


def test_as_many_as_the_last_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes in later turns of the loop is answered with the first, as soon as all are there."""
    monkeypatch.setattr(gathering, "MOMENT_S", 10.0)
    slow = Slow()
    slow.is_let.set()

    async def ask() -> list[int]:
        asked: Gathering[int, int] = Gathering(slow.answer, 1)
        await asyncio.gather(*(asked.ask(2 * one) for one in range(3)))
        tasks = []
        for one in range(3, 6):
            tasks.append(asyncio.create_task(asked.ask(2 * one)))
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            return await asyncio.gather(*tasks)

    answers = asyncio.run(ask())

    assert answers == [12, 16, 20]
    assert slow.batches == [[0, 2, 4], [6, 8, 10]]


def test_who_stays_alone_waits_a_moment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After that nobody else is expected any more."""
    monkeypatch.setattr(gathering, "MOMENT_S", 0.001)
    slow = Slow()
    slow.is_let.set()

    async def ask() -> list[int]:
        asked: Gathering[int, int] = Gathering(slow.answer, 1)
        await asyncio.gather(asked.ask(0), asked.ask(2))
        alone = [await asked.ask(4)]
        monkeypatch.setattr(gathering, "MOMENT_S", 10.0)
        async with asyncio.timeout(5):
            return [*alone, await asked.ask(6)]

    answers = asyncio.run(ask())

    assert answers == [8, 12]
    assert slow.batches == [[0, 2], [4], [6]]


def test_loops_have_their_own_questions() -> None:
    """An application that is asked on one loop after another answers each on its own."""
    slow = Slow()
    slow.is_let.set()
    asked: Gathering[int, int] = Gathering(slow.answer, 1)

    answers = [asyncio.run(asked.ask(one)) for one in (2, 4)]

    assert answers == [4, 8]
