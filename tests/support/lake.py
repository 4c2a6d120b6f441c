"""A cloud with a lake beside it, both in one folder; and S3 played by moto on the loopback."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.server import ThreadedMotoServer

from cloud.config import Config
from cloud.ingest.merger import digest_of
from cloud.lake import lake as lakes
from cloud.lake.disk import DiskObjects
from cloud.lake.export import Exported, Exporter
from cloud.lake.lake import Lake
from cloud.lake.query import opened
from cloud.lake.verification import Verified, Verifier
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import StoredFrame
from cloud.scope import Scope
from shared.frames import Frame, encode_frame
from shared.units import MS_PER_DAY
from tests.support.cloud import config_in
from tests.support.ingest import NOW_MS, Cloud

INTERVAL_H = 24


class LakeStage(Cloud):
    """A cloud whose frames are exported to a lake on disk."""

    def __init__(self, directory: Path, **rules: int) -> None:
        super().__init__(directory, **rules)
        # What the tests send was taken before: nothing is dated ahead.
        self.clock.advance_to(NOW_MS + 30 * MS_PER_DAY)
        self.folder = directory / "lake"
        self.config: Config = config_in(directory, lake_url=self.folder)

    def lake(self, *, anew: bool = False) -> Lake:
        """Open the lake, begun where it is not there."""
        return lakes.open_lake(self.config, self.database, self.clock, anew=anew)

    def export(self, lake: Lake | None = None, **options: Any) -> Exported:
        """Export all that is stored, or as the options say."""
        exporter = Exporter(self.database, lake or self.lake(), self.clock, INTERVAL_H)
        return exporter.run(**{"now": True, **options})

    def verify(self, household_id: str | None = None) -> Verified:
        """Hold the lake against the store."""
        return Verifier(self.database, self.lake(), self.clock, INTERVAL_H).run(household_id)

    def ask(self, sql: str, household_id: str | None = None) -> list[tuple[Any, ...]]:
        """Ask the lake."""
        with opened(DiskObjects(str(self.folder)), household_id) as tables:
            return [row for page in tables.answer(sql) for row in page.rows]

    def files(self) -> dict[str, bytes]:
        """Read every object that is some household's."""
        objects = DiskObjects(str(self.folder))
        return {name: objects.get(name) or b"" for name, _ in objects.sizes("tenant=")}

    def keep(self, household_id: str, frame: Frame) -> None:
        """Store a frame of any household, as ingest does."""
        payload = encode_frame(frame)
        stored = StoredFrame(
            thing="hub-2",
            log_id=frame.log_id.hex(),
            meter=frame.meter,
            revision=frame.revision,
            first_seq=frame.first_seq,
            last_seq=frame.last_seq,
            first_taken_at_ms=min(frame.times_ms, default=None),
            last_taken_at_ms=max(frame.times_ms, default=None),
            received_at_ms=self.clock.utc_ms(),
            digest=digest_of(payload),
            payload=payload,
        )
        with self.database.writing() as connection:
            SqlReadingStore(connection).add_frames(Scope.of(household_id), [stored])


@contextlib.contextmanager
def s3_endpoint() -> Iterator[str]:
    """Play S3 on a free port of the loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
