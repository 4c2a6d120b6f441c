"""Proves that no reading was lost on the way to the lake, and none is in it twice.

Three questions: is every frame that the store says is exported in a manifest; is every object of a
manifest there, byte for byte; and do its rows sum up to what the store's own frames say. Changes
nothing.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from cloud.db import Database
from cloud.lake import layout, repository
from cloud.lake.lake import Lake
from cloud.lake.manifest import Held, Manifest, decode_manifest
from cloud.lake.rows import decode
from cloud.lake.tallies import Tallies, add_tallies, tally_frame, tally_table
from cloud.readings.repository import SqlReadingStore
from cloud.readings.revisions import sampled_by
from cloud.readings.store import StoredFrame
from cloud.scope import Scope
from shared.clock import Clock
from shared.errors import BadInputError
from shared.frames import decode_frame
from shared.ranges import count
from shared.units import MS_PER_HOUR

MAX_FAULTS = 1_000
"""Named one by one; a lake with more is put back from a copy, not mended by hand."""

OVERDUE_INTERVALS = 2
"""A frame may just miss a window and wait for the next: after two it should be in the lake."""


class Verified(NamedTuple):
    """What was looked at; `compared` frames' rows were held against the store's own.

    The others' frames are pruned there: their objects are as they were written.
    """

    households: int
    frames: int
    compared: int
    objects: int
    samples: int
    rows: int
    waiting: int
    faults: list[str]


class Verifier:
    """One look at a whole lake, or at one household's part of it."""

    def __init__(self, database: Database, lake: Lake, clock: Clock, interval_h: int) -> None:
        self._database = database
        self._lake = lake
        self._clock = clock
        self._interval_ms = interval_h * MS_PER_HOUR
        self._faults: list[str] = []
        self._frames = self._compared = self._objects = self._samples = self._rows = 0

    def run(
        self, household_id: str | None = None, tell: Callable[[int], None] | None = None
    ) -> Verified:
        """Look at every household, or at one; `tell` hears how many objects are done."""
        with self._database.reading() as connection:
            progress = repository.read_progress(connection, self._lake.lake_id)
        is_own = progress is not None and progress.store_id == self._lake.store_id
        exported_to = progress.exported_to if progress is not None and is_own else 0
        is_settled = progress is None or not progress.is_open
        households = [household_id] if household_id is not None else self._households()
        for one in households:
            self._verify(one, exported_to, tell, is_settled=is_settled)
        now_ms = self._clock.utc_ms()
        with self._database.reading() as connection:
            waiting = repository.count_after(connection, exported_to, 2**63 - 1)
            before_ms = now_ms - OVERDUE_INTERVALS * self._interval_ms
            overdue = repository.overdue(connection, exported_to, before_ms)
        if overdue:
            self._fault(
                f"{overdue} frames are overdue: no export has come so far for two intervals"
            )
        return Verified(
            len(households), self._frames, self._compared, self._objects, self._samples,
            self._rows, waiting, self._faults,
        )  # fmt: skip

    def _households(self) -> list[str]:
        found = {layout.tenant_of(name) for name, _ in self._lake.objects.sizes("tenant=")}
        at = ""
        with self._database.reading() as connection:
            while (following := repository.next_household(connection, at)) is not None:
                found.add(at := following)
        return sorted(one for one in found if one is not None)

    def _verify(
        self, household_id: str, exported_to: int, tell: Callable[[int], None] | None, *,
        is_settled: bool,
    ) -> None:  # fmt: skip
        held = Held()
        named: set[str] = set()
        for manifest in self._manifests(household_id):
            for one in manifest.frames:
                if held.missing(one.log_id, one.revision, one.taken) != list(one.taken):
                    self._fault(f"log {one.log_id} {one.first_seq}-{one.last_seq}: in it twice")
            held.add(manifest)
            named.update(one.name for one in manifest.objects)
            self._verify_piece(household_id, manifest)
            if tell is not None:
                tell(self._objects)
        prefix = layout.tenant_prefix(household_id)
        there = {name for name, _ in self._lake.objects.sizes(prefix) if name.endswith(".parquet")}
        if is_settled:
            for name in sorted(there - named):
                self._fault(f"{name}: in no manifest")
        self._look_for_frames(household_id, exported_to, held)

    def _manifests(self, household_id: str) -> Iterator[Manifest]:
        for name, _ in self._lake.objects.sizes(layout.manifests_prefix(household_id)):
            try:
                yield decode_manifest(self._lake.objects.get(name) or b"", name)
            except BadInputError as error:
                self._fault(str(error))

    def _verify_piece(self, household_id: str, manifest: Manifest) -> None:
        found: Tallies = {}
        is_whole = True
        for one in manifest.objects:
            content = self._lake.objects.get(one.name)
            self._objects += 1
            if content is None or layout.digest_of(content) != one.digest:
                what = "missing" if content is None else "damaged"
                self._fault(f"{one.name}: {what}; put it back from a copy of the lake")
                is_whole = False
            elif layout.holds_samples(one.name):
                table = self._read(one.name, content)
                self._rows += 0 if table is None else table.num_rows
                add_tallies(found, {} if table is None else tally_table(table))
        self._samples += sum(count(one.taken) for one in manifest.frames)
        stored = self._stored(household_id, manifest)
        if len(stored) < len(manifest.frames) or not is_whole:
            return
        said: Tallies = {}
        for written, frame in zip(manifest.frames, stored, strict=True):
            add_tallies(said, tally_frame(decode_frame(frame.payload), written.taken))
        self._compared += len(stored)
        for key in sorted(said.keys() | found.keys()):
            if said.get(key) != found.get(key):
                self._fault(f"{key.register} of log {key.log_id}: rows are not what the frames say")

    def _read(self, name: str, content: bytes) -> pa.Table | None:
        try:
            return decode(content)
        except pa.ArrowInvalid as error:
            self._fault(f"{name}: no Parquet ({error})")
            return None

    def _stored(self, household_id: str, manifest: Manifest) -> list[StoredFrame]:
        """Find a piece's frames in the store, in its order; fewer where some are pruned."""
        spans: dict[str, tuple[int, int]] = {}
        for one in manifest.frames:
            first, last = spans.get(one.log_id, (one.first_seq, one.last_seq))
            spans[one.log_id] = (min(first, one.first_seq), max(last, one.last_seq))
        with self._database.reading() as connection:
            store = SqlReadingStore(connection)
            scope = Scope.of(household_id)
            found = {
                frame.digest.hex(): frame
                for log_id, span in spans.items()
                for frame in store.frames_of_log(scope, log_id, [span])
            }
        return [found[one.digest] for one in manifest.frames if one.digest in found]

    def _look_for_frames(self, household_id: str, exported_to: int, held: Held) -> None:
        after = 0
        while True:
            with self._database.reading() as connection:
                page = repository.frames_after(connection, household_id, after, exported_to)
            if not page:
                return
            after = page[-1][0]
            self._frames += len(page)
            for number, stored in page:
                if stored.digest.hex() in held.digests:
                    continue
                sampled = sampled_by(decode_frame(stored.payload))
                if not sampled or held.missing(stored.log_id, stored.revision, sampled):
                    self._fault(f"frame {number} of log {stored.log_id}: not in the lake")

    def _fault(self, text: str) -> None:
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(text)
