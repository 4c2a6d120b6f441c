"""A batch of several hubs waits for none while it holds others, and once for those others have."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event

from cloud.db import Database
from cloud.households.repository import known_hubs, lock_free_hubs, lock_hub
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


def _message(thing: str, first: int, log: str = "") -> Message:
    """Make a frame of a hub's first log, or of another, which is another meter's."""
    log_id, meter = f"{thing}{log}".encode().rjust(16), f"M-{thing}{log}"
    return Message(thing, payload_of(samples_of(first, 10), log_id=log_id, meter=meter), NOW_MS)


def _messages(first: int) -> list[Message]:
    return [_message(thing, first) for thing in THINGS]


@contextmanager
def _busy(database: Database, *things: str) -> Iterator[Counter[str]]:
    """Hold the locks of these hubs, as another worker does; counts the commits of the others."""
    commits: Counter[str] = Counter()
    with database.writing() as connection:
        for thing in things:
            lock_hub(connection, thing, NOW_MS)
        event.listen(database.engine, "commit", lambda _: commits.update(["all"]))
        yield commits
    commits.subtract(["all"])


def _coverage(database: Database) -> dict[str, list[tuple[int, int, int]]]:
    with database.reading() as connection:
        logs = repository.list_logs(connection, Scope.of("home"))
    return {one.meter: one.coverage for one in logs}


def _ingest_behind(
    commits: Counter[str], service: IngestService, messages: list[Message]
) -> threading.Thread:
    """Begin to ingest, and come back once what is free is stored."""
    worker = threading.Thread(target=service.ingest, args=(messages,))
    worker.start()
    for _ in range(1_000):
        if commits["all"]:
            break
        worker.join(0.01)
    return worker


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


def test_hubs_that_another_worker_has_are_taken_together_once_they_are_free(
    tmp_path: Path,
) -> None:
    """The first of them is waited for; the others come with it and pay for no commit each."""
    with kept_on("postgresql"):
        database = database_in(tmp_path, NOW_MS)
        service = IngestService(database, DrivenClock(NOW_MS), Rules())
        service.ingest(_messages(1))

        with _busy(database, *THINGS) as commits:
            worker = _ingest_behind(commits, service, _messages(11))
        worker.join(WAIT_S)

        assert commits["all"] == 2, "what was free, which is none, and then all three"
        assert set(map(tuple, _coverage(database).values())) == {((1, 20, 0),)}
        database.close()


def test_a_busy_hub_with_a_new_meter_is_taken_alone_after_the_others(tmp_path: Path) -> None:
    """Its meter is locked while no other hub's is: so nobody waits in a ring."""
    with kept_on("postgresql"):
        database = database_in(tmp_path, NOW_MS)
        service = IngestService(database, DrivenClock(NOW_MS), Rules())
        service.ingest(_messages(1))
        heard = [*_messages(11)[1:], _message("hub-1", 1, log="b"), _message("hub-9", 1)]

        with _busy(database, "hub-1", "hub-3") as commits:
            worker = _ingest_behind(commits, service, heard)
        worker.join(WAIT_S)

        assert commits["all"] == 4, "hub 2, then 3 behind 1, then 1 with its new meter, then 9"
        assert _coverage(database) == {
            "M-hub-1": [(1, 10, 0)],
            "M-hub-1b": [(1, 10, 0)],
            "M-hub-2": [(1, 20, 0)],
            "M-hub-3": [(1, 20, 0)],
            "M-hub-9": [(1, 10, 0)],
        }
        database.close()


def test_hubs_are_known_whoever_has_them(tmp_path: Path) -> None:
    """Others are new: they join a household before anything of them is merged."""
    with kept_on("postgresql"):
        database = database_in(tmp_path, NOW_MS)
        IngestService(database, DrivenClock(NOW_MS), Rules()).ingest(_messages(1))

        with _busy(database, "hub-2"), database.reading() as connection:
            known = known_hubs(connection, ["hub-3", "hub-2", "hub-9"])

        assert known == ["hub-2", "hub-3"]
        database.close()
