"""A household's part of a lake tells nothing of when a meter was another's."""

from pathlib import Path

import pytest

from cloud.households.spans import Span
from cloud.households.tenancies import Handover, hand_over
from cloud.lake import clipping
from cloud.lake.clipping import PAGE_FRAMES
from shared.units import (
    EARLIEST_PLAUSIBLE_MS,
    LATEST_PLAUSIBLE_MS,
    MS_PER_HOUR,
    SLOT_MS,
)
from tests.support.cloud import METER, START_MS, frame_at, payload_of, samples_of
from tests.support.ingest import THING
from tests.support.lake import LakeStage

LEFT_MS = START_MS + 30 * SLOT_MS
COUNT = 100
CLIPS = "SELECT count(*), min(seq), max(seq) FROM samples"


@pytest.fixture(name="stage")
def _stage(tmp_path: Path, either_store: str) -> LakeStage:
    assert either_store
    stage = LakeStage(tmp_path)
    for first in range(1, COUNT + 1, 10):
        stage.send(payload_of(samples_of(first, 10, every_ms=SLOT_MS)))
    return stage


def _move(stage: LakeStage, at_ms: int = LEFT_MS) -> Handover:
    with stage.database.writing() as connection:
        now_ms = stage.clock.utc_ms()
        return hand_over(connection, THING, "Next", "UTC", now_ms, at_ms=at_ms)[1]


def _clips(stage: LakeStage) -> list[str]:
    return [name for name in stage.files() if "clip-" in name]


def test_what_lies_in_the_lake_already_is_decided_against(stage: LakeStage) -> None:
    """The reading at the end itself stays; no file is rewritten, and none is written again."""
    stage.export()
    before = stage.files()
    _move(stage)

    first, again = stage.export(), stage.export()

    after = stage.files()
    assert {name: after[name] for name in before} == before
    assert sorted(name.split("/")[1] for name in set(after) - set(before)) == [
        "corrections",
        "manifests",
    ]
    assert (first.objects, again.objects) == (2, 0)
    assert stage.ask(CLIPS, "home") == [(30, 1, 30)]
    assert stage.ask("SELECT count(*) FROM half_hours", "home") == [(30,)]
    assert stage.verify().faults == []


def test_what_comes_into_the_lake_after_the_move_is_clipped_too(stage: LakeStage) -> None:
    """In the same export; each household has its own days, and together each sample once."""
    done = _move(stage)
    other = bytes([7] * 16)
    new = samples_of(COUNT + 1, 10, every_ms=SLOT_MS)
    stage.send(payload_of(new, log_id=other))

    stage.export()

    assert stage.ask(CLIPS, "home") == [(30, 1, 30)]
    assert stage.ask(CLIPS, done.household.household_id) == [(10, COUNT + 1, COUNT + 10)]
    assert stage.ask("SELECT max(revision) FROM samples") == [(0,)]
    assert stage.verify().faults == []


def test_a_household_that_never_moved_has_no_clip(stage: LakeStage) -> None:
    """Nor has one that was handed over on the day: nothing was read after it."""
    stage.export()
    _move(stage, stage.clock.utc_ms())

    assert stage.export().objects == 0
    assert _clips(stage) == []
    assert stage.ask(CLIPS, "home") == [(COUNT, 1, COUNT)]


def test_no_revision_brings_back_what_was_clipped(stage: LakeStage) -> None:
    """Also a correction that was exported before."""
    corrected = samples_of(40, 5, every_ms=SLOT_MS, rise=900)
    stage.send(payload_of(corrected, revision=3))
    stage.export()
    _move(stage)

    stage.export()

    assert stage.ask(CLIPS, "home") == [(30, 1, 30)]


def test_other_meters_of_the_household_stay_whole(tmp_path: Path) -> None:
    """A tenancy is of one meter."""
    stage = LakeStage(tmp_path)
    stage.send(payload_of(samples_of(1, 50, every_ms=SLOT_MS)))
    stage.keep("home", frame_at(samples_of(1, 50, every_ms=SLOT_MS), log_id=b"z" * 16, meter="M2"))
    _move(stage)

    stage.export()

    found = stage.ask("SELECT meter, count(*) FROM samples GROUP BY ALL ORDER BY ALL", "home")
    assert found == [(METER, 30), ("M2", 50)]


def test_many_frames_are_read_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a page is full of frames that all end together."""
    monkeypatch.setattr(clipping, "PAGE_FRAMES", 2)
    stage = LakeStage(tmp_path)
    for log in range(9):
        samples = samples_of(1, 40 + log % 2, every_ms=SLOT_MS)
        stage.send(payload_of(samples, log_id=bytes([log + 1] * 16)))
    stage.export()
    _move(stage)

    stage.export()

    assert PAGE_FRAMES > 2
    assert stage.ask("SELECT count(*), max(seq) FROM samples", "home") == [(9 * 30, 30)]


def test_times_in_no_tenancy_are_those_between_them() -> None:
    """Both ends of a tenancy are its own."""
    hour = MS_PER_HOUR

    assert clipping._between([Span(0, LATEST_PLAUSIBLE_MS)]) == []
    late = [Span(START_MS, START_MS + hour), Span(START_MS + 2 * hour, START_MS + 3 * hour)]
    assert clipping._between(late) == [
        (EARLIEST_PLAUSIBLE_MS, START_MS - 1),
        (START_MS + hour + 1, START_MS + 2 * hour - 1),
        (START_MS + 3 * hour + 1, LATEST_PLAUSIBLE_MS),
    ]
