"""Which half hours count otherwise because of how a meter's runs are put together. Writes nothing.

What a run says of a slot bears on that slot and its neighbours (`merge.reach`). One thing bears on
far more: runs of a register that turn out to be one counter are joined where they were added.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

from cloud.readings.runs import are_of_one_log
from cloud.readings.service import counters_among, edges_between, span_of_run
from cloud.readings.store import Readings, RunKey
from cloud.scope import Scope
from shared.calendar import utc_day_of_slot
from shared.meterdays import SlotEdges
from shared.ranges import Range, union

Pair = frozenset[RunKey]


def may_meet(key: RunKey, other: RunKey) -> bool:
    """Tell whether another run is of the same register, and not read by the same log."""
    return other.register == key.register and other != key and not are_of_one_log(other, key)


class Regrouping:
    """Looks at a meter before a batch is written, and at `reopened` after it.

    `touched` are the slots of each run whose edges the batch changes. Where no other run of a
    register was read in one of them nothing is asked of the store.
    """

    def __init__(
        self, store: Readings, scope: Scope, meter: str, touched: Mapping[RunKey, set[int]]
    ) -> None:
        self._store, self._scope, self._meter = store, scope, meter
        self._known = sorted(store.runs(scope, meter))
        self._keys = sorted({*self._known, *touched})
        self._registers = sorted(
            {key.register for key, slots in touched.items() if self._meets_another(key, slots)}
        )
        self._pairs = {one: self._joined(one, self._known) for one in self._registers}

    def reopened(self) -> list[Range]:
        """List the slots that count otherwise since; call it once the batch is written."""
        found: list[Range] = []
        for register in self._registers:
            for pair in self._pairs[register] ^ self._joined(register, self._keys):
                found += self._shared(*sorted(pair))
        return union(found)

    def _meets_another(self, key: RunKey, slots: set[int]) -> bool:
        """Tell whether a run may come to agree with another of its register, or to differ."""
        others = [one for one in self._known if may_meet(key, one)]
        if not others or not slots:
            return False
        days = utc_day_of_slot(min(slots)), utc_day_of_slot(max(slots))
        # Where it begins decides which months are compared.
        own = self._edges(key, days)
        if not own or min(own) >= min(slots):
            return True
        return any(not slots.isdisjoint(self._edges(one, days)) for one in others)

    def _joined(self, register: str, keys: Sequence[RunKey]) -> set[Pair]:
        """List the pairs of a register's runs that are one counter."""
        runs = [key for key in keys if key.register == register]
        counters = counters_among(self._store, self._scope, self._meter, runs)
        return {frozenset(pair) for counter in counters for pair in combinations(counter, 2)}

    def _shared(self, one: RunKey, other: RunKey) -> list[Range]:
        """Give the time that two runs share, or that lies between them, to the next known slots."""
        ends = [span for key in (one, other) if (span := self._ends(key)) is not None]
        if not ends:
            return []
        low, high = sorted((max(first for first, _ in ends), min(last for _, last in ends)))
        days = utc_day_of_slot(low), utc_day_of_slot(high)
        known = {*self._edges(one, days), *self._edges(other, days)}
        before = max((slot for slot in known if slot < low), default=low)
        return [(before, min((slot for slot in known if slot > high), default=high))]

    def _ends(self, key: RunKey) -> Range | None:
        """Find a run's first and last known slot."""
        first_day, last_day = span_of_run(self._store, self._scope, self._meter, key)
        if first_day > last_day:
            return None
        first = self._edges(key, (first_day, first_day))
        return min(first), max(self._edges(key, (last_day, last_day)))

    def _edges(self, key: RunKey, days: tuple[int, int]) -> SlotEdges:
        return edges_between(self._store, self._scope, self._meter, key, *days)
