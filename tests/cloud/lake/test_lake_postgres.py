"""The lake of a store on PostgreSQL, which gives numbers out before it commits."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud import db
from cloud.ingest.merger import digest_of
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import StoredFrame
from cloud.scope import Scope
from shared.errors import RetryableError
from tests.support.cloud import START_MS, payload_of, samples_of
from tests.support.lake import LakeStage
from tests.support.stores import kept_on

WAIT_S = 60.0


@pytest.fixture(name="stage")
def _stage(tmp_path: Path) -> Iterator[LakeStage]:
    with kept_on("postgresql"):
        stage = LakeStage(tmp_path)
        yield stage
        stage.database.close()


class _Writer(threading.Thread):
    """Stores a frame, and commits it only when told to."""

    def __init__(self, stage: LakeStage) -> None:
        super().__init__()
        self._stage = stage
        self.has_stored, self.may_commit = threading.Event(), threading.Event()

    def run(self) -> None:
        """Store, wait, commit."""
        payload = payload_of(samples_of(1, 9), log_id=bytes(16))
        stored = StoredFrame(
            thing="hub-2", log_id=bytes(16).hex(), meter="M2", revision=0, first_seq=1, last_seq=9,
            first_taken_at_ms=START_MS, last_taken_at_ms=START_MS, received_at_ms=START_MS,
            digest=digest_of(payload), payload=payload,
        )  # fmt: skip
        with self._stage.database.writing() as connection:
            SqlReadingStore(connection).add_frames(Scope.of("other"), [stored])
            self.has_stored.set()
            self.may_commit.wait(WAIT_S)


@pytest.fixture(name="writer")
def _writer(stage: LakeStage) -> Iterator[_Writer]:
    writer = _Writer(stage)
    writer.start()
    assert writer.has_stored.wait(WAIT_S)
    yield writer
    writer.may_commit.set()
    writer.join()


def test_number_committed_late_is_in_the_window_all_the_same(
    stage: LakeStage, writer: _Writer
) -> None:
    """A window waits for who has a lower number than one that is committed already."""
    stage.send(payload_of(samples_of(1, 30)))
    commits = threading.Timer(0.2, writer.may_commit.set)
    commits.start()

    exported = stage.export()

    commits.join()
    verified = stage.verify()
    assert (exported.frames, verified.frames, verified.samples, verified.faults) == (2, 2, 39, [])


def test_writer_that_does_not_end_puts_the_window_off(
    stage: LakeStage, writer: _Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ingest is not held up for longer; nothing is exported, and the next try is."""
    monkeypatch.setattr(db, "LOCK_TIMEOUT_MS", 50)

    with pytest.raises(RetryableError, match="too long"):
        stage.export()
    writer.may_commit.set()
    writer.join()

    assert stage.export().frames == 1
