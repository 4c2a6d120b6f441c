"""Merges one hub's frames into a reading store within one transaction, as `merge` decides.

Frames are kept as they come; meter-days are written once at the end of the batch, and slots that a
revision touched are made anew there from the stored frames.
"""

import enum
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from cloud.ingest import merge
from cloud.ingest.regrouping import Regrouping, may_meet
from cloud.readings.store import Change, ReadingStore, RunKey, StoredFrame
from cloud.scope import Scope
from shared.calendar import slot_start_ms, utc_day_of_slot
from shared.errors import FrameError
from shared.frames import Frame, GapKind, decode_frame, encode_frame
from shared.meterdays import SlotEdges, join_into
from shared.outlines import Outline, outline_of
from shared.ranges import Range, contains, union

DIGEST_BYTES = 16


class Verdict(enum.Enum):
    """What became of a frame; only `CONFLICT` leaves its range as it was."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


def digest_of(payload: bytes) -> bytes:
    """Name a payload by its content."""
    return blake2b(payload, digest_size=DIGEST_BYTES).digest()


def encode_part(part: Frame) -> list[tuple[Frame, bytes]]:
    """Encode a part of a frame, halved by its samples as often as its size takes.

    A part can be larger than the frame it was cut from where the sender compresses harder than we
    do. One sample always fits. Raises FrameError "bad-value" as `encode_frame` does.
    """
    try:
        return [(part, encode_frame(part))]
    except FrameError as error:
        sequences = part.sequences()
        if error.code != "too-large" or len(sequences) <= 1:
            raise
    middle = sequences[len(sequences) // 2]
    return [
        *encode_part(merge.cut(part, part.first_seq, middle - 1)),
        *encode_part(merge.cut(part, middle, part.last_seq)),
    ]


class Merger:
    """One batch of one hub; call `merge` for each frame and `finish` once before the commit.

    A frame is asked for its samples only where something is stored of its range; `look_up` reads
    at once what several of them will be held against.

    Slots that began before `corrected_from_ms` are not made anew: the frames they would be made
    from are no longer all there. `declared` counts by log and reason what the batch has declared
    to be without samples; a sample that arrives after all counts one less. `changed` lists by meter
    the slots whose usage may differ since.
    """

    def __init__(
        self, store: ReadingStore, scope: Scope, thing: str, corrected_from_ms: int = 0
    ) -> None:
        self._store = store
        self._scope = scope
        self._thing = thing
        self._corrected_from_ms = corrected_from_ms
        self.declared: defaultdict[str, Counter[GapKind]] = defaultdict(Counter)
        self.changed: defaultdict[str, list[Range]] = defaultdict(list)
        self._pending: list[StoredFrame] = []
        self._looked_up: dict[str, tuple[list[Range], list[StoredFrame]]] = {}
        self._edges: dict[str, dict[RunKey, SlotEdges]] = {}
        self._runs: dict[str, dict[RunKey, int]] = {}
        self._stale: dict[str, set[int]] = {}

    def look_up(
        self, log_id: str, ranges: Sequence[Range], coverage: Sequence[merge.Covered]
    ) -> None:
        """Read what is stored of these ranges of a log, before any frame of it is merged."""
        stored = [span for span in ranges if merge.overlaps(coverage, *span)]
        found = self._store.frames_of_log(self._scope, log_id, stored) if stored else []
        self._looked_up[log_id] = (union(ranges), found)

    def merge(
        self, outline: Outline, payload: bytes, received_at_ms: int, *, may_overlap: bool
    ) -> tuple[Verdict, str]:
        """Take a frame in; `may_overlap` says whether any place of its range is already stored.

        Returns the verdict, and for a conflict what is in conflict. Raises FrameError where a part
        of the frame cannot be encoded; nothing of it is then kept.
        """
        if not may_overlap:
            if outline.gaps:
                self._declare([], [decode_frame(payload)])
            self._keep(outline, payload, received_at_ms)
            return Verdict.STORED, ""
        held = self._held(outline)
        digest = digest_of(payload)
        place = (outline.first_seq, outline.last_seq, outline.revision, digest)
        if any((o.first_seq, o.last_seq, o.revision, o.digest) == place for o in held):
            return Verdict.DUPLICATE, ""
        return self._merge_over(
            [decode_frame(o.payload) for o in held], decode_frame(payload), payload, received_at_ms
        )

    def finish(self) -> None:
        """Write every meter's runs and days."""
        self._flush()
        for meter in sorted(self._runs.keys() | self._stale.keys()):
            self._finish_meter(meter)
        self._edges, self._runs, self._stale = {}, {}, {}

    def _merge_over(
        self, held: list[Frame], frame: Frame, payload: bytes, received_at_ms: int
    ) -> tuple[Verdict, str]:
        comparison = merge.compare(frame, held)
        if comparison.conflict_seq is not None:
            return Verdict.CONFLICT, (
                f"sequence {comparison.conflict_seq} at revision {frame.revision} "
                "is stored with other content"
            )
        if not comparison.new:
            return Verdict.DUPLICATE, ""
        if comparison.new == [(frame.first_seq, frame.last_seq)]:
            parts = [(frame, payload)]
        else:
            # All are encoded before any is kept: a frame that is refused must leave nothing behind.
            parts = [
                encoded
                for first, last in comparison.new
                for encoded in encode_part(merge.cut(frame, first, last))
            ]
        self._declare(held, [part for part, _ in parts])
        for part, part_payload in parts:
            self._keep(outline_of(part), part_payload, received_at_ms)
        self._stale.setdefault(frame.meter, set()).update(
            slot
            for slot in comparison.stale_slots
            if slot_start_ms(slot) >= self._corrected_from_ms
        )
        return Verdict.STORED, ""

    def _declare(self, held: list[Frame], parts: list[Frame]) -> None:
        """Count what these parts declare beyond what the held frames that touch them do."""
        if not any(one.gaps for one in [*held, *parts]):
            return
        first, last = parts[0].first_seq, parts[-1].last_seq
        counts = self.declared[parts[0].log_id.hex()]
        counts.update(merge.declared_by([*held, *parts], first, last))
        counts.subtract(merge.declared_by(held, first, last))

    def _keep(self, frame: Outline, payload: bytes, received_at_ms: int) -> None:
        """Keep a frame for the end of the batch, and join its half hours to the batch's."""
        first_ms, last_ms = frame.span_ms or (None, None)
        self._pending.append(
            StoredFrame(
                thing=self._thing,
                log_id=frame.log_id.hex(),
                meter=frame.meter,
                revision=frame.revision,
                first_seq=frame.first_seq,
                last_seq=frame.last_seq,
                first_taken_at_ms=first_ms,
                last_taken_at_ms=last_ms,
                received_at_ms=received_at_ms,
                digest=digest_of(payload),
                payload=payload,
            )
        )

        known = self._edges.setdefault(frame.meter, {})
        runs = self._runs.setdefault(frame.meter, {})
        for name, edges in frame.edges.items():
            key = RunKey(*name)
            join_into(known.setdefault(key, {}), edges)
            runs[key] = max(runs.get(key, 0), frame.runs[name])

    def _held(self, frame: Outline) -> list[StoredFrame]:
        """List what shares a place with a frame: stored, or of this batch and not yet written."""
        log_id, first, last = frame.log_id.hex(), frame.first_seq, frame.last_seq
        ranges, stored = self._looked_up.get(log_id, ([], []))
        if not contains(ranges, first, last):
            stored = self._store.frames_of_log(self._scope, log_id, [(first, last)])
        return [
            one
            for one in [*stored, *self._pending]
            if one.log_id == log_id and one.first_seq <= last and first <= one.last_seq
        ]

    def _flush(self) -> None:
        self._store.add_frames(self._scope, self._pending)
        self._pending = []

    def _finish_meter(self, meter: str) -> None:
        stale = self._stale.get(meter, set())
        fresh = self._edges.get(meter, {})
        runs = self._runs.get(meter, {})
        remade: dict[RunKey, SlotEdges] = {}
        keys = set(fresh)
        if stale:
            remade = merge.remake(self._having_a_say(meter, stale), stale)
            keys |= remade.keys() | self._store.runs(self._scope, meter).keys()
        days: dict[tuple[RunKey, int], SlotEdges] = {}
        touched: dict[RunKey, set[int]] = {}
        if not stale:
            keys -= self._extend(meter, fresh, runs)
        for key in sorted(keys):
            edges = {slot: one for slot, one in fresh.get(key, {}).items() if slot not in stale}
            edges.update(remade.get(key, {}))
            of_run, touched[key] = self._days(meter, key, edges, stale)
            days.update(of_run)
        if not keys:
            return
        regrouping = Regrouping(self._store, self._scope, meter, touched)
        left = {key: modulus for key, modulus in runs.items() if key in keys}
        self._store.apply(self._scope, meter, Change(left, days))
        self.changed[meter] += regrouping.reopened()

    def _extend(
        self, meter: str, fresh: Mapping[RunKey, SlotEdges], runs: Mapping[RunKey, int]
    ) -> set[RunKey]:
        """Take in what merely goes on at the end of a run; lists the runs that were.

        Not where another hub's run of the register could turn out to be the same counter by it.
        """
        known = self._store.runs(self._scope, meter).keys() | fresh.keys()
        extended: set[RunKey] = set()
        for key, edges in fresh.items():
            if any(may_meet(key, one) for one in known):
                continue
            found = self._store.extend(self._scope, meter, key, runs[key], edges)
            if found is not None:
                extended.add(key)
                self.changed[meter] += found
        return extended

    def _days(
        self, meter: str, key: RunKey, edges: SlotEdges, stale: set[int]
    ) -> tuple[dict[tuple[RunKey, int], SlotEdges], set[int]]:
        """Bring the days that edges or stale slots fall on up to date; list slots that differ."""
        slots = edges.keys() | stale
        if not slots:
            return {}, set()
        touched = {utc_day_of_slot(slot) for slot in slots}
        stored = self._store.days(
            self._scope, meter, key, min(touched), max(touched), from_slot=min(slots)
        )
        before = {slot: one for known in stored.values() for slot, one in known.items()}
        days = {utc_day: stored[utc_day] for utc_day in touched & stored.keys()}
        for known in days.values():
            for slot in stale & known.keys():
                del known[slot]
        merge.join_days(days, edges)
        after = {slot: one for known in days.values() for slot, one in known.items()}
        differing = {slot for slot in slots if before.get(slot) != after.get(slot)}
        self.changed[meter] += merge.reach(before, after, differing)
        return {(key, utc_day): known for utc_day, known in days.items()}, differing

    def _having_a_say(self, meter: str, slots: set[int]) -> list[Frame]:
        """Load every frame with a sample in the slots, and those that share a sequence with one."""
        found: dict[str, list[tuple[int, int]]] = {}
        for first, last in union((slot, slot) for slot in slots):
            # The millisecond a slot starts at belongs to the slot before it.
            start_ms, end_ms = slot_start_ms(first) + 1, slot_start_ms(last + 1)
            for one in self._store.frames_of_meter(self._scope, meter, start_ms, end_ms):
                found.setdefault(one.log_id, []).append((one.first_seq, one.last_seq))
        frames: dict[bytes, Frame] = {}
        for log_id, ranges in found.items():
            for one in self._store.frames_of_log(self._scope, log_id, union(ranges)):
                if one.digest not in frames:
                    frames[one.digest] = decode_frame(one.payload)
        return list(frames.values())
