"""Samples that come together are taken together, in their order, and asked about once."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.exc import OperationalError

from cloud.live.inbox import ANSWER_HOLDS_S, LOOKED_UP_AT_ONCE, MAX_WAITING, Inbox
from shared.protocol import Live
from shared.readings import Medium
from tests.support.cloud import METER, START_MS


class Post:
    """An inbox with what it asked and gave, and a clock that the test drives."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.asked: list[list[str]] = []
        self.given: list[tuple[str | None, int]] = []
        self.fails = False
        self.inbox = Inbox(self._households_of, self._give, lambda: self.now_s)

    def put(self, thing: str, power_w: int) -> bool:
        """Let a hub say its power."""
        live = Live(METER, Medium.ELECTRICITY, START_MS, {"power_import_w": power_w})
        return self.inbox.put(thing, live)

    def _households_of(self, things: Sequence[str]) -> dict[str, str]:
        self.asked.append(list(things))
        if self.fails:
            raise OperationalError("select", {}, Exception("gone"))
        return {thing: f"home of {thing}" for thing in things if thing != "stranger"}

    def _give(self, household_id: str | None, live: Live) -> None:
        self.given.append((household_id, live.registers["power_import_w"]))


def played(scenario: Callable[[Post], Any]) -> Post:
    """Run a scenario on an event loop until all that was put is given."""
    post = Post()

    async def run() -> None:
        post.inbox.attach(asyncio.get_running_loop())
        found = scenario(post)
        if found is not None:
            await found
        await post.inbox.settle()

    asyncio.run(asyncio.wait_for(run(), 10))
    return post


def test_what_comes_together_is_asked_about_once() -> None:
    """However many hubs, by name; each sample goes to its own household, in order."""

    def burst(post: Post) -> None:
        for power_w in range(3):
            for thing in ("b", "a", "stranger"):
                post.put(thing, power_w)

    post = played(burst)

    assert post.asked == [["a", "b", "stranger"]]
    assert post.given == [
        (household_id, power_w)
        for power_w in range(3)
        for household_id in ("home of b", "home of a", None)
    ]


def test_an_answer_holds_for_a_moment() -> None:
    """Then it is asked again: of a hub that was found, and of one that was not."""

    async def again(post: Post) -> None:
        for passed_s in (0.0, ANSWER_HOLDS_S - 0.1, 0.1):
            post.now_s += passed_s
            post.put("a", 1)
            post.put("stranger", 2)
            await post.inbox.settle()

    assert played(again).asked == [["a", "stranger"], ["a", "stranger"]]


def test_what_comes_while_it_asks_is_given_after() -> None:
    """From other threads too: one hub's samples do not overtake each other."""

    async def from_threads(post: Post) -> None:
        def say(thing: str) -> None:
            for power_w in range(200):
                post.put(thing, power_w)

        threads = [threading.Thread(target=say, args=(thing,)) for thing in ("a", "b")]
        for one in threads:
            one.start()
        for one in threads:
            await asyncio.to_thread(one.join)

    post = played(from_threads)

    for thing in ("a", "b"):
        assert [w for home, w in post.given if home == f"home of {thing}"] == list(range(200))


def test_it_holds_so_many_and_asks_so_many_at_once() -> None:
    """One more takes the place of the oldest; no question names more hubs than a store takes."""

    def burst(post: Post) -> None:
        for number in range(MAX_WAITING + 5):
            post.put(f"hub-{number % (LOOKED_UP_AT_ONCE + 1):03d}", number)

    post = played(burst)

    assert [power_w for _, power_w in post.given] == list(range(5, MAX_WAITING + 5))
    assert [len(one) for one in post.asked] == [LOOKED_UP_AT_ONCE, 1]


def test_a_store_out_of_reach_shows_nobody_anything() -> None:
    """And is not asked for every sample while it is."""

    async def fail(post: Post) -> None:
        post.fails = True
        for _ in range(2):
            post.put("a", 1)
            await post.inbox.settle()
        post.fails, post.now_s = False, post.now_s + ANSWER_HOLDS_S
        post.put("a", 2)

    post = played(fail)

    assert post.given == [(None, 1), (None, 1), ("home of a", 2)]
    assert len(post.asked) == 2


def test_nothing_is_taken_before_the_loop_runs_or_after_it() -> None:
    """There is nobody to give it to."""
    post = Post()

    assert post.put("a", 1) is False
    after = played(lambda one: None)
    assert after.put("a", 1) is False
    assert (post.given, after.given) == ([], [])
