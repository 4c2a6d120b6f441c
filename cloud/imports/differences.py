"""What an import, or its undoing, changes of what a meter is shown to have used; notes it as well.

Found by looking before and after: half hours that lie far from a file's own change too, where they
are what a gap lacked to be laid out as it was imported.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from cloud.changes.repository import note_usage
from cloud.readings.known import known_usage
from cloud.readings.usage import Known
from cloud.scope import Scope
from shared.ranges import Range, union
from shared.readings import Medium
from shared.units import SLOT_MS


@contextmanager
def noting_differences(
    connection: Connection,
    scope: Scope,
    meter: str,
    medium: Medium,
    slots: Sequence[Range],
    now_ms: int,
) -> Iterator[None]:
    """Note what the block changes of a meter by importing into, or clearing, these slots.

    The block is the last of its transaction that writes.
    """
    if not slots:
        yield
        return
    first, last = min(slots)[0], max(end for _, end in slots)
    span_ms = first * SLOT_MS, (last + 1) * SLOT_MS
    before = known_usage(connection, scope, meter, medium, span_ms)
    yield
    after = known_usage(connection, scope, meter, medium, span_ms)
    note_usage(connection, scope.only, {meter: differences(before, after)}, now_ms)


def differences(before: Mapping[str, Known], after: Mapping[str, Known]) -> list[Range]:
    """List the slots of which another amount is known, or from another source."""
    differing: set[int] = set()
    for quantity, known in after.items():
        one, other = _told(before[quantity]), _told(known)
        differing.update(
            slot for slot in one.keys() | other.keys() if one.get(slot) != other.get(slot)
        )
    return union((slot, slot) for slot in differing)


def _told(known: Known) -> dict[int, tuple[int, bool, bool, bool]]:
    """Lay out by slot what is told of it: amount, estimate, imported, shaped."""
    return {
        slot: (*usage, slot in known.imported, slot in known.shaped)
        for slot, usage in known.by_slot.items()
    }
