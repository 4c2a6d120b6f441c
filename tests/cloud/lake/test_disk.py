"""A lake on disk: what a killed writer leaves is no object, and is swept away."""

import os
from pathlib import Path

import pytest

from cloud.lake.disk import PART_AGE_MS, PARTS, DiskObjects
from cloud.lake.objects import LakeError
from tests.support.cloud import START_MS


def test_half_written_part_is_no_object_and_goes_in_time(tmp_path: Path) -> None:
    """One that is being written right now stays."""
    objects = DiskObjects(str(tmp_path))
    objects.put("a", b"x")
    old, new = (tmp_path / PARTS / name for name in ("old", "new"))
    for part, at_ms in ((old, START_MS - PART_AGE_MS - 1_000), (new, START_MS)):
        part.write_bytes(b"half")
        os.utime(part, (at_ms // 1_000, at_ms // 1_000))

    objects.sweep(START_MS)

    assert [path.name for path in (tmp_path / PARTS).iterdir()] == ["new"]
    assert [name for name, _ in objects.sizes("")] == ["a"]


def test_put_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the object nor a part of it, and another try succeeds."""

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    objects = DiskObjects(str(tmp_path))
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LakeError, match="No space left"):
        objects.put("a/b", b"x")
    monkeypatch.setattr(os, "fsync", sync)

    assert objects.get("a/b") is None
    assert list((tmp_path / PARTS).iterdir()) == []
    assert objects.put("a/b", b"x") == b"x"
