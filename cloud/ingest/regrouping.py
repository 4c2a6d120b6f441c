"""Which half hours count otherwise because of how a meter's runs are put together. Writes nothing.

What a run says of a slot bears on that slot and its neighbours (`merge.reach`). Two things bear on
far more: runs of a register that turn out to be one counter are joined where they were added, and
a total that a meter begins to tell takes the place of its tariffs.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, combinations

from cloud.readings.runs import are_of_one_log
from cloud.readings.service import counters_among, edges_between, span_of_run
from cloud.readings.store import Readings, RunKey
from cloud.scope import Scope
from shared.calendar import utc_day_of_slot
from shared.meterdays import SlotEdges
from shared.ranges import Range, union
from shared.readings import QUANTITIES, parts_of

Pair = frozenset[RunKey]

_ALL_QUANTITIES = tuple(chain.from_iterable(QUANTITIES.values()))


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
        if len(self._keys) > len(self._known):
            for quantity in _ALL_QUANTITIES:
                found += self._summed_anew(quantity)
        return union(found)

    def _meets_another(self, key: RunKey, slots: set[int]) -> bool:
        """Tell whether a run may come to agree with another of its register, or to differ."""
        others = [
            one
            for one in self._known
            if one.register == key.register and one != key and not are_of_one_log(one, key)
        ]
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

    def _summed_anew(self, quantity: str) -> list[Range]:
        """Give all that is known of a quantity where other registers than before make it up."""
        before = set(parts_of(quantity, _names(self._known)))
        after = set(parts_of(quantity, _names(self._keys)))
        if before <= after:
            # A register that is added has its own slots noted already.
            return []
        registers = before | after
        ends = [self._ends(key) for key in self._keys if key.register in registers]
        return [span for span in ends if span is not None]

    def _ends(self, key: RunKey) -> Range | None:
        """Find a run's first and last known slot."""
        first_day, last_day = span_of_run(self._store, self._scope, self._meter, key)
        if first_day > last_day:
            return None
        first = self._edges(key, (first_day, first_day))
        return min(first), max(self._edges(key, (last_day, last_day)))

    def _edges(self, key: RunKey, days: tuple[int, int]) -> SlotEdges:
        return edges_between(self._store, self._scope, self._meter, key, *days)


def _names(keys: Iterable[RunKey]) -> set[str]:
    return {key.register for key in keys}
