"""What is lost, changed, doubled or late on the way to the lake is found, and named."""

import gzip
from pathlib import Path

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest
from sqlalchemy import update

from cloud.ingest.pruning import prune
from cloud.lake import verification
from cloud.lake.disk import DiskObjects
from cloud.lake.layout import digest_of
from cloud.lake.manifest import decode_manifest, encode_manifest
from cloud.lake.rows import decode, encode
from cloud.readings.store import FRAMES_KEPT_MS
from cloud.tables import frames, lake_exports
from shared.frames import frame_of
from shared.readings import StampedSample
from shared.units import MS_PER_HOUR
from tests.support.cloud import LOG_ID, START_MS, payload_of, samples_of
from tests.support.lake import INTERVAL_H, LakeStage


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> LakeStage:
    stage = LakeStage(tmp_path)
    stage.send(payload_of(samples_of(1, 30)), payload_of(samples_of(31, 30)))
    stage.send(payload_of(samples_of(5, 3, value=7), revision=1))
    stage.keep(
        "other",
        frame_of(
            bytes(16),
            "M2",
            0,
            [StampedSample(1, START_MS + 1, {}), StampedSample(2, START_MS + 2, {"gas_l": 5})],
        ),
    )
    stage.export()
    return stage


def _path(stage: LakeStage, part: str) -> Path:
    (name,) = [one for one in stage.files() if part in one and "tenant=home" in one]
    return stage.folder / name


def test_lake_that_is_whole_is_said_to_be(stage: LakeStage) -> None:
    """With how much was looked at, and what waits for the next export."""
    stage.send(payload_of(samples_of(61, 10)))

    verified = stage.verify()

    assert verified == (2, 4, 4, 3, 65, 65, 1, [])
    assert stage.verify("other")[:5] == (1, 1, 1, 1, 2)


def test_missing_and_damaged_objects_are_named(stage: LakeStage) -> None:
    """Each by its name."""
    samples = _path(stage, "/year=")
    samples.write_bytes(samples.read_bytes()[:-1] + b"x")
    _path(stage, "/corrections/").unlink()

    faults = stage.verify().faults

    assert [fault.split(": ")[1].split(";")[0] for fault in faults] == ["damaged", "missing"]
    assert faults[0].startswith("tenant=home/year=2026/month=03/day=01/")


@pytest.mark.parametrize("column", ["value", "taken_at_ms", "seq", "quality"])
def test_rows_that_differ_from_the_frames_are_found(stage: LakeStage, column: str) -> None:
    """Though the manifest was made to fit: two values that changed places are enough."""
    path, manifest = _path(stage, "/year="), _path(stage, "/manifests/")
    table = decode(path.read_bytes())
    numbers = table[column].to_pylist()
    numbers[0], numbers[1] = (1, 0) if column == "quality" else (numbers[1], numbers[0])
    at = table.column_names.index(column)
    field = table.schema.field(at)
    changed = encode(table.set_column(at, field, pa.array(numbers, field.type)))
    path.write_bytes(changed)
    said = decode_manifest(manifest.read_bytes(), "x")
    objects = [
        msgspec.structs.replace(one, digest=digest_of(changed)) if "/year=" in one.name else one
        for one in said.objects
    ]
    manifest.write_bytes(encode_manifest(msgspec.structs.replace(said, objects=objects)))

    faults = stage.verify().faults

    assert faults == [f"import_mwh of log {LOG_ID.hex()}: rows are not what the frames say"]


def test_frame_that_never_came_is_found(stage: LakeStage) -> None:
    """The store says it is exported, and no manifest has it; its objects are nobody's."""
    for path in (_path(stage, "/manifests/"), _path(stage, "/corrections/")):
        path.unlink()

    faults = stage.verify().faults

    assert sum("not in the lake" in fault for fault in faults) == 3
    assert sum("in no manifest" in fault for fault in faults) == 1


def test_samples_written_twice_are_found(stage: LakeStage) -> None:
    """Two manifests that hold one frame."""
    manifest = _path(stage, "/manifests/")
    manifest.with_name("copy.json.gz").write_bytes(manifest.read_bytes())

    assert any("in it twice" in fault for fault in stage.verify().faults)


def test_manifest_that_is_none_is_named(stage: LakeStage) -> None:
    """The others are looked at all the same."""
    path = _path(stage, "/manifests/")

    for content in (b"{", gzip.compress(b"{"), b""):
        path.write_bytes(content)
        verified = stage.verify()
        assert "is no manifest" in verified.faults[0]
        assert verified.compared == 1


def test_object_that_is_no_parquet_is_named(stage: LakeStage) -> None:
    """Even where the manifest says that it should be so."""
    path, manifest = _path(stage, "/year="), _path(stage, "/manifests/")
    said = decode_manifest(manifest.read_bytes(), "x")
    path.write_bytes(b"noise")
    objects = [msgspec.structs.replace(one, digest=digest_of(b"noise")) for one in said.objects[:1]]
    manifest.write_bytes(encode_manifest(msgspec.structs.replace(said, objects=objects)))

    assert any("no Parquet" in fault for fault in stage.verify().faults)


def test_frames_past_their_age_are_overdue(stage: LakeStage) -> None:
    """Two intervals after they came they should be in the lake."""
    stage.send(payload_of(samples_of(61, 10)))
    stage.clock.advance_to(stage.clock.utc_ms() + 2 * INTERVAL_H * MS_PER_HOUR + 1)

    verified = stage.verify()

    assert verified.waiting == 1
    assert "1 frames are overdue" in verified.faults[0]


def test_open_window_is_no_fault(stage: LakeStage) -> None:
    """Objects whose manifest is still to come are what an export is about to finish."""
    stage.send(payload_of(samples_of(61, 10)))
    stage.export(budget_s=0)
    (stage.folder / "tenant=home/year=2026/month=03/day=01/begun.parquet").write_bytes(b"x")

    assert stage.verify().faults == []


def test_pruned_frames_are_still_vouched_for(stage: LakeStage) -> None:
    """By their manifest and the digest of their objects."""
    later_ms = stage.clock.utc_ms() + FRAMES_KEPT_MS + 1
    with stage.database.writing() as connection:
        exported_to = connection.execute(lake_exports.select()).one().exported_to
        connection.execute(update(frames).values(received_at_ms=0))
        pruned = prune(connection, later_ms, exported_to)

    verified = stage.verify()

    assert pruned.frames == 3
    assert (verified.frames, verified.compared, verified.samples, verified.faults) == (1, 1, 65, [])


def test_faults_are_named_up_to_a_limit(stage: LakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake that is gone is not told of object by object."""
    monkeypatch.setattr(verification, "MAX_FAULTS", 1)
    DiskObjects(str(stage.folder)).delete("tenant=")

    assert len(stage.verify().faults) == 1
