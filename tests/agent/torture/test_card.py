"""A card of another release: aged to the first schema, or come from a later one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.database import READABLE_FROM
from agent.log import Log
from agent.torture.card import FIRST_SCHEMA, LATER_SCHEMA, age, come_from_later, name_schema
from agent.upkeep import sealing
from shared.errors import OperatorError
from tests.support.hubs import append, log_with, rows_every, sound_rows


def test_an_aged_database_is_brought_up_to_date_with_every_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks become the rows they were made of, as the first release wrote them."""
    monkeypatch.setattr(sealing, "BLOCK_ROWS", 4)
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 10)
    sealing.seal(log)
    before = sound_rows(log, meter_log)
    log.close()

    assert age(path)

    with closing(sqlite3.connect(path)) as disk:
        assert disk.execute("PRAGMA user_version").fetchone() == (FIRST_SCHEMA,)
        assert disk.execute("SELECT count(*) FROM samples").fetchone() == (10,)
    log = Log(path)
    assert sound_rows(log, meter_log) == before
    assert log.meters[meter_log.meter].next_seq == 11
    log.close()


def test_a_database_with_damage_declared_is_left_as_it_is(tmp_path: Path) -> None:
    """The first release had no word for it."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 3)
    log.declare_lost(meter_log.log, 7, 9, "salvaged")
    log.close()

    assert not age(path)

    log = Log(path)
    assert log.declared_damage(meter_log.log) == [(7, 9, "salvaged")]
    log.close()


def test_a_later_database_is_gone_on_with_only_where_it_says_so(tmp_path: Path) -> None:
    """What refused it does not keep it locked: a release that may opens it next."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 3)
    log.close()
    come_from_later(path, LATER_SCHEMA)

    with pytest.raises(OperatorError, match="schema"):
        Log(path)

    come_from_later(path, READABLE_FROM)
    log = Log(path)
    append(log, log.meters[meter_log.meter], rows_every(4, first_seq=4))
    assert len(sound_rows(log, meter_log)) == 7
    log.close()


def test_the_clouds_schema_is_named_otherwise_and_back(tmp_path: Path) -> None:
    """Nothing else in its file is touched."""
    path = tmp_path / "cloud.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("CREATE TABLE alembic_version (version_num)")
        store.execute("INSERT INTO alembic_version VALUES ('0005')")

    assert name_schema(path, "later") == "0005"
    assert name_schema(path, "0005") == "later"
