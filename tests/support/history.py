"""Imported history in memory, held to the same contract as the SQL one."""

from collections.abc import Mapping

from cloud.readings.store import Import
from cloud.scope import Scope
from shared.meterdays import SlotUsage
from shared.units import SLOTS_PER_UTC_DAY


class MemoryHistory:
    """The `History` port in dictionaries."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[Import, dict[int, SlotUsage]]] = {}

    def imported(
        self, scope: Scope, meter: str, slots: tuple[int, int]
    ) -> dict[str, dict[int, SlotUsage]]:
        """Read what was imported for the UTC days of some slots."""
        days = range(
            slots[0] // SLOTS_PER_UTC_DAY, max(slots[1] - 1, slots[0]) // SLOTS_PER_UTC_DAY + 1
        )
        found: dict[str, dict[int, SlotUsage]] = {}
        for one in reversed(self.imports(scope, meter)):
            by_slot = {
                slot: usage
                for slot, usage in self._slots(scope, one).items()
                if slot // SLOTS_PER_UTC_DAY in days
            }
            if by_slot:
                found.setdefault(one.quantity, {}).update(by_slot)
        return found

    def imports(self, scope: Scope, meter: str | None = None) -> list[Import]:
        """List imports, the latest first."""
        found = [
            one
            for (household_id, _), (one, _) in self.kept.items()
            if household_id in scope.household_ids and meter in {None, one.meter}
        ]
        return sorted(found, key=lambda one: (one.created_at_ms, one.import_id), reverse=True)

    def find(self, scope: Scope, import_id: str) -> Import | None:
        """Find an import."""
        for one in self.imports(scope):
            if one.import_id == import_id:
                return one
        return None

    def keep(self, scope: Scope, made: Import, by_slot: Mapping[int, SlotUsage]) -> Import:
        """Keep an import, once."""
        for one in self.imports(scope, made.meter):
            if (one.quantity, one.digest) == (made.quantity, made.digest):
                return one
        self.kept[scope.only, made.import_id] = (made, dict(by_slot))
        return made

    def undo(self, scope: Scope, import_id: str) -> bool:
        """Take an import away."""
        places = [(household_id, import_id) for household_id in scope.household_ids]
        return any(self.kept.pop(place, None) is not None for place in places)

    def _slots(self, scope: Scope, one: Import) -> dict[int, SlotUsage]:
        return next(
            by_slot
            for (household_id, import_id), (_, by_slot) in self.kept.items()
            if household_id in scope.household_ids and import_id == one.import_id
        )
