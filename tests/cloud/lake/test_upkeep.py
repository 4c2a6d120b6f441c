"""A worker exports a little each minute, and prunes nothing that is not in the lake."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from cloud.ingest.repository import renew_store
from cloud.ingest.upkeep import Upkeep
from cloud.lake.upkeep import ConfiguredLake
from cloud.readings.store import FRAMES_KEPT_MS
from cloud.tables import frames
from shared.units import MS_PER_DAY
from tests.support.cloud import payload_of, samples_of
from tests.support.lake import LakeStage


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> LakeStage:
    return LakeStage(tmp_path)


def _upkeep(stage: LakeStage) -> Upkeep:
    lake = ConfiguredLake(stage.config, stage.database, stage.clock)
    return Upkeep(stage.service, stage.database, stage.clock, lake)


def _frames(stage: LakeStage) -> int:
    with stage.database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(frames)).scalar_one())


def test_worker_exports_what_is_due_and_then_leaves_the_lake_alone(stage: LakeStage) -> None:
    """The lake is begun by the first round; until the next window is due none looks at it."""
    stage.send(payload_of(samples_of(1, 30)))
    upkeep = _upkeep(stage)

    upkeep.run()
    stage.folder.rename(stage.folder.with_name("away"))
    upkeep.run()

    assert upkeep.counts["frames-exported"] == 1
    assert upkeep.counts["failed-exports"] == 0


def test_frames_that_are_not_in_the_lake_are_kept_however_old(stage: LakeStage) -> None:
    """While the lake is away nothing goes; receipts do, and letters expire."""
    stage.folder.write_text("no folder")
    stage.send(payload_of(samples_of(1, 30)), payload_of(samples_of(31, 30)), b"noise")
    stage.clock.advance_to(stage.clock.utc_ms() + FRAMES_KEPT_MS + 1)
    upkeep = _upkeep(stage)

    upkeep.run()

    assert (_frames(stage), upkeep.counts["failed-exports"]) == (2, 1)
    assert upkeep.counts["dead-letters-expired"] == 1


def test_exported_frames_go_in_time_all_but_the_newest(stage: LakeStage) -> None:
    """A number that SQLite gives out twice would pass for exported."""
    stage.send(payload_of(samples_of(1, 30)), payload_of(samples_of(31, 30)))
    stage.clock.advance_to(stage.clock.utc_ms() + FRAMES_KEPT_MS + 1)

    _upkeep(stage).run()
    kept = _frames(stage)
    stage.send(payload_of(samples_of(61, 30, start_ms=stage.clock.utc_ms() - MS_PER_DAY)))
    stage.clock.advance_to(stage.clock.utc_ms() + MS_PER_DAY)
    _upkeep(stage).run()

    assert (kept, _frames(stage)) == (1, 1)
    assert stage.ask("SELECT count(DISTINCT seq) FROM samples") == [(90,)]


def test_store_put_back_trusts_no_position(stage: LakeStage) -> None:
    """What it has is offered to the lake again before any of it goes."""
    stage.send(payload_of(samples_of(1, 30)), payload_of(samples_of(31, 30)))
    lake = ConfiguredLake(stage.config, stage.database, stage.clock)
    lake.run()
    before = lake.exported_to()

    with stage.database.writing() as connection:
        renew_store(connection, stage.clock.utc_ms())

    assert (before, lake.exported_to(), lake.run(), lake.exported_to()) == (2, 0, 2, 2)
    assert stage.ask("SELECT count(*) FROM written") == [(60,)]
