"""A card of another release: aged to the first schema, or come from a later one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.log import Log
from agent.torture.card import FIRST_SCHEMA, LATER_SCHEMA, age, set_schema
from agent.upkeep import sealing
from shared.errors import OperatorError
from tests.support.hubs import log_with, sound_rows


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

    assert set_schema(path, FIRST_SCHEMA) == FIRST_SCHEMA
    with closing(sqlite3.connect(path)) as disk:
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


def test_a_later_database_is_refused_and_let_go(tmp_path: Path) -> None:
    """What refused it does not keep it locked: the right release opens it next."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 3)
    log.close()
    schema = set_schema(path, LATER_SCHEMA)

    with pytest.raises(OperatorError) as refused:
        Log(path)

    set_schema(path, schema)
    log = Log(path)
    assert len(sound_rows(log, meter_log)) == 3
    assert "schema" in refused.value.message
    log.close()
