"""The exporter: frames that are stored become pieces of the lake, each exactly once.

A window of frames is closed to the past, its households are exported one after another, each in
pieces of bounded size, and only then does the database say that they are in the lake. What a piece
is follows from the frames alone: one that is made again has the same names and is not written
again, so a crash at any point, or a second exporter, changes nothing.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cloud.db import Database
from cloud.ingest.repository import store_id
from cloud.lake import layout, repository
from cloud.lake.clipping import clip
from cloud.lake.lake import Lake
from cloud.lake.manifest import Held, Manifest, WrittenFrame, WrittenObject, encode_manifest
from cloud.lake.objects import LakeError
from cloud.lake.repository import Progress
from cloud.lake.rows import Rows, encode
from cloud.readings.revisions import sampled_by
from cloud.readings.store import StoredFrame
from shared.clock import Clock
from shared.frames import decode_frame
from shared.units import MS_PER_HOUR

PIECE_ROWS = 500_000
"""Rows after which a piece ends with the frame at hand: some 100 MB of memory while it is made."""

FRAME_ROWS = 50
"""What a frame counts for besides its rows, for its line in the manifest: 10,000 make a piece."""

Tell = Callable[[int], None]
"""Hears how many frames are done."""


class Exported(NamedTuple):
    """What an export did; `is_done` where nothing is left that could be exported now."""

    frames: int
    objects: int
    is_done: bool


def is_due(progress: Progress, now_ms: int, interval_ms: int) -> bool:
    """Tell whether it is time for the next window; a clock that was wrong does not put it off."""
    return not progress.opened_at_ms <= now_ms < progress.opened_at_ms + interval_ms


class Exporter:
    """Exports to one lake; any number may do so at once."""

    def __init__(self, database: Database, lake: Lake, clock: Clock, interval_h: int) -> None:
        self._database = database
        self._lake = lake
        self._clock = clock
        self._interval_ms = interval_h * MS_PER_HOUR
        self._held: dict[str, Held] = {}
        self._frames = self._objects = 0

    def run(
        self, *, now: bool = False, budget_s: float | None = None, tell: Tell | None = None
    ) -> Exported:
        """Export what is due, or with `now` all that is stored; end after `budget_s` and a piece.

        Raises LakeError where the lake is out of reach, and what the database raises.
        """
        self._frames = self._objects = 0
        ends_s = time.monotonic() + (float("inf") if budget_s is None else budget_s)
        progress = self._begin(now=now)
        while progress.is_open:
            if time.monotonic() >= ends_s:
                return Exported(self._frames, self._objects, is_done=False)
            last = self._export(progress) if progress.at_household else None
            if last is not None:
                progress = progress._replace(at_frame=last)
                with self._database.writing() as connection:
                    repository.advance(connection, progress)
                if tell is not None:
                    tell(self._frames)
                continue
            with self._database.reading() as connection:
                following = repository.next_household(connection, progress.at_household)
            if following is None:
                with self._database.writing() as connection:
                    repository.close_window(connection, progress)
                break
            progress = progress._replace(at_household=following, at_frame=progress.exported_to)
        # Last: what has just come into the lake is clipped with the rest.
        self._objects += clip(self._database, self._lake)
        return Exported(self._frames, self._objects, is_done=True)

    def _begin(self, *, now: bool) -> Progress:
        """Go on with the window that is open, or open the next one where it is due."""
        now_ms = self._clock.utc_ms()
        lake_id, own = self._lake.lake_id, self._lake.store_id
        new = Progress(lake_id, self._lake.url, own, 0, 0, "", 0, PIECE_ROWS, 0)
        with self._database.writing() as connection:
            if store_id(connection, now_ms) != own:
                raise LakeError("the store was given another name meanwhile", hint="try again")
            known = repository.lock_progress(connection, new)
            # The position of a store under another name is of frames that may not be here.
            known = known if known.store_id == own else new
            if known.is_open or not (now or is_due(known, now_ms, self._interval_ms)):
                return known
            newest = repository.newest_frame(connection)
            opened = known._replace(
                window_to=max(newest, known.exported_to),
                at_household="",
                at_frame=0,
                piece_rows=PIECE_ROWS,
                opened_at_ms=now_ms,
            )
            repository.write_progress(connection, opened)
        self._lake.objects.sweep(now_ms)
        return opened

    def _export(self, progress: Progress) -> int | None:
        """Export the household's next piece and number its last frame; None where none is left."""
        piece = _Piece(progress.at_household)
        held = self._held_of(progress.at_household)
        last = None
        for number, stored in self._stored(progress):
            last = number
            piece.add(stored, held)
            self._frames += 1
            if piece.weight >= progress.piece_rows:
                break
        manifest = self._write(piece)
        if held is not None and manifest is not None:
            held.add(manifest)
        return last

    def _held_of(self, household_id: str) -> Held | None:
        """Read what the lake holds of a household where another store may have written it."""
        if not self._lake.is_shared:
            return None
        if household_id not in self._held:
            self._held = {household_id: self._lake.held(household_id)}
        return self._held[household_id]

    def _stored(self, progress: Progress) -> Iterator[tuple[int, StoredFrame]]:
        """Read a household's frames of the window, a page a transaction: they never change."""
        after = progress.at_frame
        while True:
            with self._database.reading() as connection:
                page = repository.frames_after(
                    connection, progress.at_household, after, progress.window_to
                )
            if not page:
                return
            after = page[-1][0]
            yield from page

    def _write(self, piece: "_Piece") -> Manifest | None:
        """Publish a piece's objects, and after them the manifest that makes it one."""
        if not piece.frames:
            return None
        home = piece.household_id
        name = layout.piece_name(home, [(one.digest, one.taken) for one in piece.frames])
        written = []
        for utc_day, table in piece.rows.days():
            target = layout.samples_name(home, utc_day, name)
            written.append(self._put(target, encode(table), table.num_rows))
        corrections = piece.rows.corrections()
        if corrections is not None:
            target = layout.corrections_name(home, name)
            written.append(self._put(target, encode(corrections), corrections.num_rows))
        manifest = Manifest(layout.LAYOUT, home, self._lake.store_id, piece.frames, written)
        self._lake.objects.put(layout.manifest_name(home, name), encode_manifest(manifest))
        self._objects += len(written) + 1
        return manifest

    def _put(self, name: str, content: bytes, rows: int) -> WrittenObject:
        # A later program may pack the same rows otherwise: what is there already is what holds.
        there = self._lake.objects.put(name, content)
        return WrittenObject(name, len(there), layout.digest_of(there), rows)


class _Piece:
    """Frames of one household that become objects together."""

    def __init__(self, household_id: str) -> None:
        self.household_id = household_id
        self.frames: list[WrittenFrame] = []
        self._read = 0
        self.rows = Rows()

    @property
    def weight(self) -> int:
        """Tell how many rows it has, or would have for all that its manifest says."""
        return self.rows.count + FRAME_ROWS * self._read

    def add(self, stored: StoredFrame, held: Held | None) -> None:
        """Take a frame in, save what of it the lake holds already."""
        self._read += 1
        digest = stored.digest.hex()
        if held is not None and digest in held.digests:
            return
        frame = decode_frame(stored.payload)
        taken = sampled_by(frame)
        if held is not None:
            taken = held.missing(stored.log_id, stored.revision, taken)
        self.rows.add(frame, taken)
        self.frames.append(
            WrittenFrame(
                digest, stored.log_id, stored.revision, stored.first_seq, stored.last_seq, taken
            )
        )
