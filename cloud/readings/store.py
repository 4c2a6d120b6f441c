"""The reading store's ports: frames and meter-days, and imported history, in one transaction.

Cut so that a relational database and a key-value store both fit: every call names one log or one
meter, nothing joins, and a batch ends in a few whole writes. Adapters are held to
tests/contracts/test_reading_store.py and test_history_store.py.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from cloud.scope import Scope
from shared.meterdays import SlotEdges, SlotUsage
from shared.ranges import Range
from shared.units import MS_PER_DAY

CORRECTION_HORIZON_MS = 400 * MS_PER_DAY
"""Thirteen months: a year's bill can be corrected a month after it was drawn up (DESIGN §5)."""

FRAMES_KEPT_MS = CORRECTION_HORIZON_MS + MS_PER_DAY
"""A day more than corrections are taken: a sample may be dated a day ahead of its arrival."""


class StoredFrame(NamedTuple):
    """A frame with its place: `log_id` in hex; times are None where it holds no sample."""

    thing: str
    log_id: str
    meter: str
    revision: int
    first_seq: int
    last_seq: int
    first_taken_at_ms: int | None
    last_taken_at_ms: int | None
    received_at_ms: int
    digest: bytes
    payload: bytes


class RunKey(NamedTuple):
    """One register run of a meter; `run` is "" for the meter's first."""

    register: str
    run: str


class Change(NamedTuple):
    """What a batch does to one meter: its runs with their modulus, and whole days of edges.

    A day without edges is removed.
    """

    runs: Mapping[RunKey, int]
    days: Mapping[tuple[RunKey, int], SlotEdges]


class Readings(Protocol):
    """What is read of one transaction's view; blocks only on the database's locks."""

    def frames_of_log(
        self, scope: Scope, log_id: str, ranges: Sequence[Range]
    ) -> list[StoredFrame]:
        """List a log's frames that share a place with any of the ranges, each once, in no order."""

    def frames_of_meter(
        self, scope: Scope, meter: str, start_ms: int, end_ms: int, newest: int | None = None
    ) -> list[StoredFrame]:
        """List a meter's frames with samples in `[start_ms, end_ms]`, the latest ending first.

        A frame counts by its first and last time; `newest` limits how many come back.
        """

    def runs(self, scope: Scope, meter: str) -> dict[RunKey, int]:
        """List a meter's register runs with their modulus (0 where none has wrapped)."""

    def days(
        self, scope: Scope, meter: str, key: RunKey, first_day: int, last_day: int
    ) -> dict[int, SlotEdges]:
        """Read a run's UTC days, both ends included, and the nearest known day on either side."""


class ReadingStore(Readings, Protocol):
    """Bound to one transaction, which its opener commits."""

    def days(
        self,
        scope: Scope,
        meter: str,
        key: RunKey,
        first_day: int,
        last_day: int,
        from_slot: int | None = None,
    ) -> dict[int, SlotEdges]:
        """See `Readings.days`; whoever is about slots of the first day from one on may say so.

        Then a day before is not looked for where an earlier slot of the first day is known.
        """

    def add_frames(self, scope: Scope, frames: Sequence[StoredFrame]) -> None:
        """Keep frames; who calls has made sure that they are not held yet."""

    def extend(
        self, scope: Scope, meter: str, key: RunKey, modulus: int, edges: SlotEdges
    ) -> list[Range] | None:
        """Join edges into a run where they only go on at its end, as `days` and `apply` would.

        Returns the slots whose usage may differ since, as `merge.reach`. None, and nothing is
        changed, where they do not, or where the store has no shorter way for it.
        """

    def apply(self, scope: Scope, meter: str, change: Change) -> None:
        """Write runs and days over what was there; a modulus once known stays."""


class Import(NamedTuple):
    """One import of history: where it is from and what it covers, `[first_slot, last_slot]`.

    `quantity` names its unit; `digest` what it says; `rejected_count` rows of its file were left
    out.
    """

    import_id: str
    meter: str
    quantity: str
    format: str
    digest: bytes
    first_slot: int
    last_slot: int
    slot_count: int
    amount: int
    rejected_count: int
    created_at_ms: int


class History(Protocol):
    """What other services measured, apart from what hubs read; bound to one transaction as above.

    Where imports differ the latest holds; each can be undone.
    """

    def imported(
        self, scope: Scope, meter: str, slots: tuple[int, int]
    ) -> dict[str, dict[int, SlotUsage]]:
        """Read what was imported, by quantity, for the UTC days of the slots `[start, end)`."""

    def imports(self, scope: Scope, meter: str | None = None) -> list[Import]:
        """List a household's imports, or a meter's, the latest first."""

    def find(self, scope: Scope, import_id: str) -> Import | None:
        """Find an import by its id; None where there is none."""

    def keep(self, scope: Scope, made: Import, by_slot: Mapping[int, SlotUsage]) -> Import:
        """Keep an import, or return the one that said the very same before."""

    def undo(self, scope: Scope, import_id: str) -> bool:
        """Take an import away; what earlier ones said holds again. False where there is none."""
