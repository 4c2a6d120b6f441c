"""The lake's part of a worker's upkeep: a little each minute, and nothing while nothing is due."""

from cloud.config import Config
from cloud.db import Database
from cloud.ingest.repository import store_id
from cloud.lake import repository
from cloud.lake.repository import Progress
from shared.clock import Clock
from shared.units import MS_PER_HOUR

BUDGET_S = 2.0
"""Messages wait as long, and for one more piece; 'hearthlink cloud lake export' has no limit."""


class ConfiguredLake:
    """The lake of a configuration, opened anew for each run: store and lake may have changed."""

    def __init__(self, config: Config, database: Database, clock: Clock) -> None:
        self._config = config
        self._database = database
        self._clock = clock

    def run(self) -> int:
        """Export a little of what is due; return how many frames. Raises HearthlinkError."""
        from cloud.lake.export import Exporter, is_due  # noqa: PLC0415  # loads Arrow: only if due
        from cloud.lake.lake import open_lake  # noqa: PLC0415  # as above

        progress = self._progress()
        hours = self._config.lake_interval_h
        if progress is not None and not progress.is_open:
            now_ms = self._clock.utc_ms()
            if not is_due(progress, now_ms, hours * MS_PER_HOUR):
                return 0
        lake = open_lake(self._config, self._database, self._clock)
        exporter = Exporter(self._database, lake, self._clock, hours)
        return exporter.run(budget_s=BUDGET_S).frames

    def exported_to(self) -> int:
        """Number the last frame that is in the lake; 0 where none is."""
        progress = self._progress()
        return 0 if progress is None else progress.exported_to

    def _progress(self) -> Progress | None:
        with self._database.writing() as connection:
            own = store_id(connection, self._clock.utc_ms())
            return repository.progress_at(connection, self._config.lake_url, own)
