"""Every sample comes to the lake once, whatever is sent, cut off, put back or done twice."""

import json
import random
from collections import Counter
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from cloud.ingest.repository import renew_store
from cloud.lake import export, layout, repository
from cloud.lake.lake import Lake
from cloud.lake.objects import LakeError, Objects
from cloud.readings.export import samples
from cloud.tables import lake_exports, store
from shared.errors import OperatorError
from shared.frames import Gap, GapKind, encode_frame, frame_of
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.cloud import (
    LOG_ID,
    METER,
    START_MS,
    config_in,
    frame_at,
    payload_of,
    samples_of,
)
from tests.support.ingest import Cloud
from tests.support.lake import INTERVAL_H, LakeStage

SEEN = "SELECT log_id, seq, revision, taken_at_ms, register, value FROM samples ORDER BY ALL"


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> LakeStage:
    return LakeStage(tmp_path)


def _stored(cloud: Cloud) -> list[tuple[object, ...]]:
    """List what the store itself says counts, by its own plain reader."""
    with cloud.database.reading() as connection:
        lines = [json.loads(line) for line in samples(connection, with_all=False)]
    return sorted(
        (one["log_id"], one["seq"], one["revision"], one["taken_at_ms"], register, value)
        for one in lines
        for register, value in one["registers"].items()
    )


def _some_frame(draw: random.Random) -> bytes:
    """A frame somewhere in the log, at some revision, perhaps with a part withheld or damaged."""
    first, revision = draw.randrange(1, 120), draw.choice([0, 0, 0, 1, 2])
    last = first + draw.randrange(1, 30)
    # A revision moves the times: by hours, so that samples change their day.
    content = samples_of(first, last - first + 1, every_ms=MS_PER_HOUR // 2, rise=1_000 + revision)
    shift_ms = revision * MS_PER_HOUR * 3
    moved = [StampedSample(one.seq, one.taken_at_ms - shift_ms, one.registers) for one in content]
    gaps = []
    if draw.random() < 0.4:
        low = draw.randrange(first, last + 1)
        high = draw.randrange(low, last + 1)
        gaps = [Gap(draw.choice(list(GapKind)), low, high)]
        moved = [one for one in moved if not low <= one.seq <= high]
    return encode_frame(frame_of(LOG_ID, METER, revision, moved, gaps=gaps))


@pytest.mark.parametrize("seed", range(4))
def test_lake_says_what_the_store_says(
    stage: LakeStage, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late, doubled, corrected, withheld, exported in any number of windows and pieces."""
    draw = random.Random(seed)
    monkeypatch.setattr(export, "PIECE_ROWS", draw.choice([1, 200, 500_000]))

    for _ in range(25):
        stage.send(_some_frame(draw))
        if draw.random() < 0.2:
            stage.export()
    stage.export()

    assert stage.ask(SEEN) == _stored(stage)
    assert stage.verify().faults == []


def test_nothing_new_makes_nothing(stage: LakeStage) -> None:
    """A second export finds all there, and an object is never written again."""
    stage.send(payload_of(samples_of(1, 30)))
    first = stage.export()
    before = stage.files()

    again = stage.export()

    assert (first.frames, first.objects, again.frames, again.objects) == (1, 2, 0, 0)
    assert stage.files() == before


class _Failing:
    """Objects that can be written so many times, then no more: the process was killed there."""

    def __init__(self, objects: Objects, writes: int) -> None:
        self._objects = objects
        self._left = writes

    def __getattr__(self, name: str) -> object:
        return getattr(self._objects, name)

    def put(self, name: str, content: bytes) -> bytes:
        """Write, or fail before anything is written."""
        if not self._left:
            raise LakeError("cut off")
        self._left -= 1
        return self._objects.put(name, content)


def _fill(stage: LakeStage) -> None:
    stage.send(payload_of(samples_of(1, 30, every_ms=MS_PER_HOUR)))
    stage.send(payload_of(samples_of(5, 9, every_ms=MS_PER_HOUR, value=7), revision=1))
    stage.keep("other", frame_at(samples_of(1, 5), log_id=bytes(16), meter="M2"))


def test_cut_off_at_any_write_the_next_run_makes_the_same(tmp_path: Path) -> None:
    """The same names and bytes as a run that nothing cut off."""
    whole = LakeStage(tmp_path / "whole")
    _fill(whole)
    total = whole.export().objects
    expected, own = whole.files(), whole.lake().store_id

    for writes in range(total):
        stage = LakeStage(tmp_path / f"cut-{writes}")
        _fill(stage)
        with stage.database.writing() as connection:
            connection.execute(update(store).values(store_id=own))
        lake = stage.lake()
        with pytest.raises(LakeError, match="cut off"):
            stage.export(lake._replace(objects=_Failing(lake.objects, writes)))  # type: ignore[arg-type]  # all of the port by __getattr__
        stage.export()
        assert stage.files() == expected


def test_cut_off_before_the_position_is_kept_nothing_doubles(stage: LakeStage) -> None:
    """All was written and the database does not know: what is made again is there already."""
    _fill(stage)
    stage.export()
    before = stage.files()
    with stage.database.writing() as connection:
        values = {"exported_to": 0, "at_household": "", "at_frame": 0}
        connection.execute(update(lake_exports).values(values))

    stage.export()

    assert stage.files() == before
    assert stage.verify().faults == []


def test_window_is_exported_a_little_at_a_time(
    stage: LakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without time left nothing is begun; what came meanwhile waits for the next window."""
    monkeypatch.setattr(export, "PIECE_ROWS", 120)
    stage.send(*[payload_of(samples_of(first, 10)) for first in range(1, 60, 10)])
    begun = stage.export(budget_s=0)
    stage.send(payload_of(samples_of(61, 10)))

    ticks = count()
    monkeypatch.setattr(export, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    parts: list[export.Exported] = []
    while not (parts and parts[-1].is_done):
        parts.append(stage.export(now=False, budget_s=3))

    assert (begun.frames, begun.is_done) == (0, False)
    assert [one.frames for one in parts] == [2, 4, 0]
    assert stage.ask("SELECT count(DISTINCT seq) FROM samples") == [(60,)]


def test_next_window_waits_for_its_time(stage: LakeStage) -> None:
    """So that a day's samples are few objects; a clock that was ahead does not put it off."""
    stage.send(payload_of(samples_of(1, 10)))
    stage.export(now=False)
    stage.send(payload_of(samples_of(11, 10)))

    early = stage.export(now=False)
    stage.clock.advance_to(stage.clock.utc_ms() + INTERVAL_H * MS_PER_HOUR)
    due = stage.export(now=False)
    with stage.database.writing() as connection:
        connection.execute(update(lake_exports).values(opened_at_ms=2 * stage.clock.utc_ms()))
    stage.send(payload_of(samples_of(21, 10)))

    assert (early.frames, due.frames, stage.export(now=False).frames) == (0, 1, 1)


def test_late_frames_make_one_object_more_of_each_day(stage: LakeStage) -> None:
    """However many they are: the window bounds how small pieces get, and nothing is merged."""
    half_hours = 3 * 48
    stage.send(payload_of(samples_of(1, half_hours, every_ms=MS_PER_HOUR // 2)))
    stage.export()
    before = _objects_by_day(stage)

    late = [
        samples_of(first, 2, start_ms=START_MS + 300_000, every_ms=MS_PER_HOUR // 2)
        for first in range(1, half_hours - 2, 6)
    ]
    for one in late:
        stage.send(payload_of(one, log_id=b"late".ljust(16, b"-")))
    stage.export()

    assert len(late) > 20
    assert {day: count + 1 for day, count in before.items()} == _objects_by_day(stage)


def test_another_lake_begun_from_the_store_has_one_object_a_day(stage: LakeStage) -> None:
    """That is how somebody comes to fewer files: readers go over when it is whole."""
    for first in range(0, 96, 24):
        stage.send(payload_of(samples_of(first, 24, every_ms=MS_PER_HOUR // 2)))
        stage.export()
    seen = stage.ask(SEEN)
    pieces = _objects_by_day(stage)

    stage.folder = stage.folder.parent / "another"
    stage.config = config_in(stage.folder.parent, lake_url=stage.folder)
    stage.export(stage.lake(anew=True))

    assert max(pieces.values()) > 1
    assert set(_objects_by_day(stage).values()) == {1}
    assert stage.ask(SEEN) == seen


def _objects_by_day(stage: LakeStage) -> Counter[str]:
    """Count the objects with samples of each day."""
    names = [name for name in stage.files() if layout.holds_samples(name)]
    return Counter(name.rpartition("/")[0] for name in names)


def test_two_exporters_at_once_are_one(stage: LakeStage) -> None:
    """One that stopped in the middle while another went on writes nothing twice."""
    _fill(stage)
    lake = stage.lake()
    slow = export.Exporter(stage.database, lake, stage.clock, INTERVAL_H)
    progress = slow._begin(now=True)

    stage.export()
    before = stage.files()
    stage.send(payload_of(samples_of(31, 5)))
    stage.export()
    after = stage.files()
    slow._export(progress._replace(at_household="home"))
    with stage.database.writing() as connection:
        repository.advance(connection, progress._replace(at_household="home", at_frame=1))
        repository.close_window(connection, progress)

    assert stage.files() == after
    assert before.items() <= after.items()
    assert stage.export().frames == 0
    assert stage.verify().faults == []


def test_households_share_nothing(stage: LakeStage) -> None:
    """One is asked for alone, and removed as a prefix; the other's part stays as it was."""
    _fill(stage)
    stage.export()
    prefix = layout.tenant_prefix("other")
    before = stage.files()

    seen = {one: stage.ask("SELECT DISTINCT meter FROM samples", one) for one in ("home", "other")}
    stage.lake().objects.delete(prefix)

    assert seen == {"home": [(METER,)], "other": [("M2",)]}
    assert stage.files() == {n: c for n, c in before.items() if not n.startswith(prefix)}
    assert stage.ask("SELECT DISTINCT tenant FROM samples") == [("home",)]


def test_store_put_back_from_a_backup_doubles_nothing(stage: LakeStage) -> None:
    """What was exported after the backup comes again from the hub, framed otherwise."""
    stage.send(payload_of(samples_of(1, 10)))
    backup = stage.folder.parent / "backup.db"
    stage.database.copy_to(backup)
    stage.send(payload_of(samples_of(11, 20)))
    stage.export()
    stage.database.replace_with(backup)
    with stage.database.writing() as connection:
        renew_store(connection, stage.clock.utc_ms())

    stage.send(payload_of(samples_of(1, 10)), payload_of(samples_of(11, 5)))
    stage.export()
    stage.send(payload_of(samples_of(16, 25)))
    stage.export()

    assert stage.ask(SEEN) == _stored(stage)
    assert stage.ask("SELECT count(*), count(DISTINCT seq) FROM written") == [(40, 40)]
    assert stage.verify().faults == []


def test_store_renamed_during_an_export_is_noticed(stage: LakeStage) -> None:
    """The position that is known is another store's."""
    lake: Lake = stage.lake()
    with stage.database.writing() as connection:
        renew_store(connection, stage.clock.utc_ms())

    with pytest.raises(LakeError, match="another name"):
        stage.export(lake)


def test_empty_folder_is_not_taken_for_the_lake(stage: LakeStage) -> None:
    """A disk that is not mounted; only on demand is another lake begun, with everything."""
    _fill(stage)
    stage.export()
    stage.folder.rename(stage.folder.with_name("away"))

    with pytest.raises(OperatorError, match="not the one") as refused:
        stage.lake()
    stage.lake(anew=True)

    assert "--anew" in refused.value.hint
    assert stage.export().frames == 3
    assert stage.verify().faults == []


def test_lake_of_another_layout_is_left_alone(stage: LakeStage) -> None:
    """A later program's lake may mean something else by the same names."""
    stage.lake()
    (stage.folder / layout.MARK).write_text('{"lake_id": "x", "layout": 2}')

    with pytest.raises(OperatorError, match="layout 2"):
        stage.lake()


def test_sample_on_midnight_lies_in_the_day_it_closes(stage: LakeStage) -> None:
    """Its object's name says so, and the partition's columns."""
    stage.send(payload_of(samples_of(24, 2, every_ms=MS_PER_DAY // 24)))

    stage.export()

    found = stage.ask("SELECT seq, year, month, day, taken_at FROM samples ORDER BY seq")
    assert [row[:4] for row in found] == [(24, 2026, 3, 1), (25, 2026, 3, 2)]
    assert any("/year=2026/month=03/day=01/" in name for name in stage.files())
