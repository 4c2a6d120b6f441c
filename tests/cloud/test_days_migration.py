"""What meter-days become where they are numbered by their run, and back."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import column, select, table

from cloud.db import Database, migrations
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import RunKey
from cloud.scope import Scope
from cloud.tables import meter_days
from shared.meterdays import Edges, SlotEdges, pack_day
from shared.units import SLOT_MS, SLOTS_PER_UTC_DAY
from tests.support.cloud import database_in
from tests.support.stores import STORES, kept_on

BEFORE = "0014"
NAMES = ("household_id", "meter", "register", "run")
OLD_RUNS = table("register_runs", *map(column, (*NAMES, "modulus")))
OLD_DAYS = table("meter_days", *map(column, (*NAMES, "utc_day", "edges")))

Run = tuple[str, str, str, str]


@pytest.fixture(name="database", params=STORES)
def _database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with kept_on(request.param):
        opened = database_in(tmp_path)
        yield opened
        opened.close()


def _go_back(database: Database) -> None:
    with database.writing() as connection:
        settings = migrations()
        settings.attributes["connection"] = connection
        command.downgrade(settings, BEFORE)


def _truth() -> dict[Run, dict[int, SlotEdges]]:
    """Runs of two homes with days between days that nobody knows, and one without any."""
    rng = random.Random(5)
    names = [
        (household, meter, register, run)
        for household in ("home", "other")
        for meter in ("M1", "M2")
        for register in ("import_mwh", "export_mwh")
        for run in ("", "log:40")
    ]
    known: dict[Run, dict[int, SlotEdges]] = {}
    for name in names[:-1]:
        known[name] = {}
        for utc_day in rng.sample(range(20_000, 20_040), rng.randint(1, 12)):
            slots = rng.sample(range(SLOTS_PER_UTC_DAY), rng.randint(1, SLOTS_PER_UTC_DAY))
            known[name][utc_day] = {
                utc_day * SLOTS_PER_UTC_DAY + slot: _edges(utc_day, slot, rng.randrange(10**9))
                for slot in slots
            }
    return {**known, names[-1]: {}}


def _edges(utc_day: int, slot: int, value: int) -> Edges:
    start_ms = (utc_day * SLOTS_PER_UTC_DAY + slot) * SLOT_MS
    return Edges(start_ms + 7_000, value, start_ms + SLOT_MS, value + 900)


def _fill(database: Database, truth: dict[Run, dict[int, SlotEdges]]) -> None:
    with database.writing() as connection:
        for place, (name, days) in enumerate(truth.items()):
            named: dict[str, Any] = dict(zip(NAMES, name, strict=True))
            connection.execute(OLD_RUNS.insert(), {**named, "modulus": place})
            for utc_day, edges in days.items():
                row = {**named, "utc_day": utc_day, "edges": pack_day(edges)}
                connection.execute(OLD_DAYS.insert(), row)


def _old_rows(database: Database) -> list[list[tuple[Any, ...]]]:
    with database.reading() as connection:
        return [sorted(map(tuple, connection.execute(select(one)))) for one in (OLD_RUNS, OLD_DAYS)]


def test_days_are_carried_over_and_back(database: Database) -> None:
    """Each run has its modulus and days, the newest not laid down; back, all is as it was."""
    truth = _truth()
    _go_back(database)
    _fill(database, truth)
    before = _old_rows(database)

    database.migrate()

    with database.reading() as connection:
        store = SqlReadingStore(connection)
        for place, (name, days) in enumerate(truth.items()):
            household, meter, key = Scope.of(name[0]), name[1], RunKey(*name[2:])
            assert store.runs(household, meter)[key] == place
            assert store.days(household, meter, key, 20_000, 20_040) == days
        laid = len(connection.execute(select(meter_days.c.stretch)).all())
    stretches = [{utc_day // 2 for utc_day in days} for days in truth.values() if days]
    assert laid == sum(len(one) - 1 for one in stretches)
    _go_back(database)
    assert _old_rows(database) == before
