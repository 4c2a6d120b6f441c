"""A batch of several hubs waits for nobody: who is to be waited for is taken alone."""

import threading
from pathlib import Path

from cloud.households.repository import lock_free_hubs, lock_hub
from cloud.ingest import repository
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.scope import Scope
from shared.clock import DrivenClock
from shared.units import MS_PER_DAY
from tests.support.cloud import START_MS, database_in, payload_of, samples_of
from tests.support.stores import kept_on

NOW_MS = START_MS + MS_PER_DAY
THINGS = ("hub-1", "hub-2", "hub-3")
WAIT_S = 60.0


def _messages(first: int) -> list[Message]:
    return [
        Message(
            thing,
            payload_of(samples_of(first, 10), log_id=thing.encode().rjust(16), meter=f"M-{thing}"),
            NOW_MS,
        )
        for thing in THINGS
    ]


def test_a_hub_that_another_worker_has_keeps_nobody_waiting(tmp_path: Path) -> None:
    """The others of its batch are stored meanwhile; it is, as soon as it is free."""
    with kept_on("postgresql"):
        database = database_in(tmp_path, NOW_MS)
        service = IngestService(database, DrivenClock(NOW_MS), Rules())
        service.ingest(_messages(1))

        def stored() -> list[int]:
            with database.reading() as connection:
                logs = repository.list_logs(connection, Scope.of("home"))
            return [one.coverage[-1][1] for one in logs]

        with database.writing() as connection:
            lock_hub(connection, "hub-2", NOW_MS)
            worker = threading.Thread(target=service.ingest, args=(_messages(11),))
            worker.start()
            for _ in range(1_000):
                if stored()[2] == 20:
                    break
                worker.join(0.01)
            meanwhile = stored()
        worker.join(WAIT_S)

        assert (meanwhile, stored()) == ([20, 10, 20], [20, 20, 20])
        database.close()


def test_locks_are_taken_of_hubs_that_are_known_and_free(tmp_path: Path) -> None:
    """Of no other: not of one that another transaction has, nor of one nobody heard of."""
    with kept_on("postgresql"):
        database = database_in(tmp_path, NOW_MS)
        IngestService(database, DrivenClock(NOW_MS), Rules()).ingest(_messages(1))

        with database.writing() as first, database.writing() as second:
            lock_hub(first, "hub-1", NOW_MS)
            taken = lock_free_hubs(second, [*THINGS, "hub-9"])

        assert sorted(taken) == ["hub-2", "hub-3"]
        database.close()
