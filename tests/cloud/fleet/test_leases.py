"""One of several processes answers; another takes over when it is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.db import Database
from cloud.fleet.leases import LEASE_MS, MAX_AHEAD_MS, give_up_lease, take_lease
from tests.support.cloud import START_MS, database_in

pytestmark = pytest.mark.usefixtures("either_store")


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = database_in(tmp_path)
    yield database
    database.close()


def _take(database: Database, holder: str, now_ms: int) -> bool:
    with database.writing() as connection:
        return take_lease(connection, "devices", holder, now_ms)


def test_one_holds_and_another_waits(database: Database) -> None:
    """The holder keeps it for as long as it asks again; the other has it when that ends."""
    assert _take(database, "a", START_MS)
    assert not _take(database, "b", START_MS + 1)
    assert _take(database, "a", START_MS + LEASE_MS - 1)
    assert not _take(database, "b", START_MS + LEASE_MS)
    assert _take(database, "b", START_MS + 2 * LEASE_MS)
    assert not _take(database, "a", START_MS + 2 * LEASE_MS)


def test_lease_given_up_is_free_at_once(database: Database) -> None:
    """By its holder alone."""
    _take(database, "a", START_MS)

    with database.writing() as connection:
        give_up_lease(connection, "devices", "b")
    kept = _take(database, "b", START_MS)
    with database.writing() as connection:
        give_up_lease(connection, "devices", "a")

    assert not kept
    assert _take(database, "b", START_MS)


def test_lease_of_a_wrong_clock_does_not_last(database: Database) -> None:
    """A process whose clock was years ahead does not lock the others out for years."""
    _take(database, "a", START_MS + 10 * MAX_AHEAD_MS)

    assert _take(database, "b", START_MS)
