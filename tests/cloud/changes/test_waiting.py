"""Who waits for changes, and how many of them."""

import asyncio
from pathlib import Path

from cloud.changes.waiting import MAX_WAITING, MAX_WAITING_OF_HOME, ChangeWatch
from tests.support.cloud import database_in


def test_one_home_takes_no_other_homes_place(tmp_path: Path) -> None:
    """One more of a home than may wait is answered at once; another home's request waits."""
    database = database_in(tmp_path)
    watch = ChangeWatch(database)

    async def crowd() -> tuple[int, int]:
        async with asyncio.TaskGroup() as group:
            waits = [
                group.create_task(watch.wait("home", 0, 60)) for _ in range(MAX_WAITING_OF_HOME + 8)
            ]
            other = group.create_task(watch.wait("other", 0, 60))
            for _ in range(3):
                await asyncio.sleep(0)
            seen = sum(one.done() for one in waits), watch.waiting_count
            for one in (*waits, other):
                one.cancel()
        return seen

    answered, waiting = asyncio.run(crowd())
    database.close()

    assert (answered, waiting) == (8, MAX_WAITING_OF_HOME + 1)
    assert watch.waiting_count == 0
    assert MAX_WAITING_OF_HOME < MAX_WAITING
