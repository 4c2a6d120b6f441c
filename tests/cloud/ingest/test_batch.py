"""Hubs heard together share a transaction; what one of them meets is no other's."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from cloud.changes.repository import list_changes
from cloud.db import Database
from cloud.households.tenancies import hand_over
from cloud.ingest import repository
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.scope import Scope
from shared.clock import DrivenClock
from shared.frames import encode_frame
from shared.protocol import Receipt
from shared.units import MS_PER_DAY
from tests.support.cloud import (
    METER,
    START_MS,
    database_in,
    frame_at,
    payload_of,
    samples_of,
    stored_days,
)

pytestmark = pytest.mark.usefixtures("either_store")

NOW_MS = START_MS + MS_PER_DAY
THINGS = [f"hub-{number}" for number in range(4)]


def _log_of(thing: str) -> bytes:
    return thing.encode().rjust(16, b"\0")


def _message(thing: str, first: int, count: int = 10, meter: str = "") -> Message:
    """Make a frame of a hub's own meter, or of one that it shares."""
    frame = frame_at(samples_of(first, count), log_id=_log_of(thing), meter=meter or f"M-{thing}")
    return Message(thing, encode_frame(frame), NOW_MS)


class Commits:
    """Counts the commits of every database."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, _connection: object) -> None:
        """Take one into account."""
        self.count += 1


@pytest.fixture(name="commits")
def _commits() -> Iterator[Commits]:
    commits = Commits()
    event.listen(Engine, "commit", commits.note)
    yield commits
    event.remove(Engine, "commit", commits.note)


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = database_in(tmp_path, NOW_MS)
    yield database
    database.close()


def _service(database: Database) -> IngestService:
    return IngestService(database, DrivenClock(NOW_MS), Rules())


def _send(service: IngestService, *messages: Message) -> dict[str, Receipt]:
    """Ingest as one batch; the last receipt of each hub."""
    return {one.thing: one.receipt for one in service.ingest(messages)}


def _stored(database: Database) -> dict[str, list[tuple[int, int, int]]]:
    with database.reading() as connection:
        logs = repository.list_logs(connection, Scope.of("home"))
    return {one.thing: one.coverage for one in logs}


def test_hubs_that_are_known_share_one_commit(database: Database, commits: Commits) -> None:
    """The first frame of each has its own, those that follow one for all."""
    service = _service(database)
    _send(service, *(_message(thing, 1) for thing in THINGS))
    commits.count = 0

    receipts = _send(service, *(_message(thing, 11) for thing in THINGS))

    assert commits.count == 1
    assert {thing: one.stored for thing, one in receipts.items()} == _stored(database)
    assert _stored(database) == {thing: [(1, 20, 0)] for thing in THINGS}


def test_a_hub_that_is_new_is_taken_beside_those_that_are_known(
    database: Database, commits: Commits
) -> None:
    """And one whose meter is new: nobody waits for the other's lock."""
    service = _service(database)
    _send(service, *(_message(thing, 1) for thing in THINGS[:3]))
    commits.count = 0

    receipts = _send(
        service,
        _message(THINGS[0], 11),
        _message(THINGS[1], 11),
        Message(THINGS[2], payload_of(samples_of(1, 5), log_id=b"n" * 16, meter="M-new"), NOW_MS),
        _message(THINGS[3], 1),
    )

    assert commits.count == 3
    assert receipts[THINGS[2]].stored == [(1, 5, 0)]
    assert _stored(database)[THINGS[3]] == [(1, 10, 0)]
    assert list(receipts) == THINGS


def test_one_hubs_poison_costs_the_others_nothing(database: Database) -> None:
    """It is set aside and answered; what the others sent is stored."""
    service = _service(database)
    _send(service, *(_message(thing, 1) for thing in THINGS))
    conflict = frame_at(
        samples_of(1, 10, value=5), log_id=_log_of(THINGS[1]), meter=f"M-{THINGS[1]}"
    )

    receipts = _send(
        service,
        _message(THINGS[0], 11),
        Message(THINGS[1], encode_frame(conflict), NOW_MS),
        Message(THINGS[2], b"noise", NOW_MS),
        _message(THINGS[3], 11),
    )

    assert receipts[THINGS[1]].rejected == [(1, 10, "conflict")]
    assert THINGS[2] not in receipts
    assert _stored(database) == {
        THINGS[0]: [(1, 20, 0)],
        THINGS[1]: [(1, 10, 0)],
        THINGS[2]: [(1, 10, 0)],
        THINGS[3]: [(1, 20, 0)],
    }


def test_two_hubs_on_one_meter_are_joined_within_a_batch(database: Database) -> None:
    """The second builds on what the first has not written yet, be it a run that is new."""
    service = _service(database)
    _send(service, *(_message(thing, 1, 1, METER) for thing in THINGS))
    frames = [_message(thing, 2, 600, METER) for thing in THINGS]
    alone = _message("hub-x", 1, 601, "M-alone")

    _send(service, *frames)
    together = stored_days(database)
    _send(service, alone)

    assert stored_days(database) == together
    assert {slot for day in together.values() for slot in day} == {
        START_MS // 1_800_000 + n for n in range(4)
    }


def test_a_frame_of_another_hubs_log_is_refused_within_a_batch(database: Database) -> None:
    """Also where the log was begun by the same batch."""
    service = _service(database)
    _send(service, *(_message(thing, 1, 10, METER) for thing in THINGS[:2]))
    theirs = payload_of(samples_of(11, 10), log_id=b"t" * 16, meter=METER)

    receipts = _send(
        service, Message(THINGS[0], theirs, NOW_MS), Message(THINGS[1], theirs, NOW_MS)
    )

    assert receipts[THINGS[0]].stored == [(11, 20, 0)]
    assert receipts[THINGS[1]].rejected == [(11, 20, "wrong-hub")]


def test_changes_are_noted_for_each_household(database: Database) -> None:
    """One batch may be of hubs in several."""
    service = _service(database)
    _send(service, *(_message(thing, 1) for thing in THINGS[:2]))
    with database.writing() as connection:
        hub, _ = hand_over(connection, THINGS[1], "next", "Europe/London", NOW_MS, at_ms=START_MS)
    moved = Message(
        THINGS[1], payload_of(samples_of(1, 5), log_id=b"m" * 16, meter="M-moved"), NOW_MS
    )
    _send(service, moved)

    _send(
        service,
        _message(THINGS[0], 2_000),
        moved._replace(payload=payload_of(samples_of(6, 900), log_id=b"m" * 16, meter="M-moved")),
    )

    with database.reading() as connection:
        home, other = (
            {(one.kind.value, one.subject) for one in list_changes(connection, scope, 0, 100)}
            for scope in (Scope.of("home"), Scope.of(hub.household_id))
        )
    assert ("usage", f"M-{THINGS[0]}") in home
    assert ("usage", "M-moved") in other
    assert ("usage", "M-moved") not in home


def test_however_frames_are_batched_the_store_is_the_same(tmp_path: Path) -> None:
    """Hub by hub or all together, in any order, some twice, and corrected."""
    rng = random.Random(5)
    messages = [_message(thing, first) for thing in THINGS for first in range(1, 80, 10)]
    corrected = samples_of(21, 30, start_ms=START_MS + 5_000)
    for thing in THINGS[:2]:
        frame = frame_at(corrected, revision=1, log_id=_log_of(thing), meter=f"M-{thing}")
        messages.append(Message(thing, encode_frame(frame), NOW_MS))
    arriving = [*messages, *rng.sample(messages, 6)]
    rng.shuffle(arriving)

    alone, together = (database_in(tmp_path / name, NOW_MS) for name in ("alone", "together"))
    for one in arriving:
        _service(alone).ingest([one])
    for place in range(0, len(arriving), 9):
        _service(together).ingest(arriving[place : place + 9])

    assert _stored(together) == _stored(alone)
    assert stored_days(together) == stored_days(alone)
    for database in (alone, together):
        database.close()
