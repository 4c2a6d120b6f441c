"""One transaction of ingest: what its hubs are asked for is read at once, and written at once.

Hubs that are heard together share a transaction, so that each pays for a part of it alone. It
waits for no hub's lock while it holds another's: those that another worker has are left for a
transaction that waits for the first of them before it takes the rest. A hub that is new, or whose
meter is new, has a transaction of its own. Commits nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.changes.kinds import Change, usage_changes
from cloud.changes.repository import note_of_many
from cloud.households.repository import Hub, known_hubs, lock_free_hubs, lock_hub, write_hubs
from cloud.ingest import merge, repository
from cloud.ingest.intake import Read
from cloud.ingest.repository import Log
from cloud.ingest.standing import Standing, read_standings
from cloud.readings.gathered import GatheredReadingStore, OfLog
from cloud.scope import Scope
from shared.calendar import check_zone
from shared.ranges import Range


class Entry(NamedTuple):
    """A hub that is in the batch, and how it stands."""

    hub: Hub
    standing: Standing


class Entered(NamedTuple):
    """The hubs that a batch has, and those `busy` that are known and another transaction's."""

    things: list[str]
    busy: list[str]


class Batch:
    """What is known of the hubs of one transaction, and what is to be written of them."""

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self.connection = connection
        self.now_ms = now_ms
        self.store = GatheredReadingStore(connection)
        self._entries: dict[str, Entry] = {}
        self._logs: dict[str, Log | None] = {}
        self._mediums: dict[tuple[str, str], str] = {}
        self._changed_hubs: list[Hub] = []
        self._changed_logs: list[Log] = []
        self._changes: dict[str, list[Change]] = {}

    def enter(self, thing: str) -> Entry:
        """Take a hub's lock, waiting for it; one that is new joins a household."""
        if thing not in self._entries:
            hub = lock_hub(self.connection, thing, self.now_ms)
            # Asked after the lock is held, and in a statement of its own.
            self._entries[thing] = Entry(hub, read_standings(self.connection, [thing])[thing])
        return self._entries[thing]

    def enter_free(self, reads: Mapping[str, Sequence[Read]], first: str = "") -> Entered:
        """Take the locks of these hubs and of their meters as far as nothing is to wait for.

        But for the lock of `first`, a hub that is known: it is waited for before any other is held.
        Of the hubs that are not in, those that are not busy are to enter a batch of their own.
        """
        waited = {first: lock_hub(self.connection, first, self.now_ms)} if first else {}
        asked = sorted(reads.keys() - waited.keys())
        hubs = {**waited, **lock_free_hubs(self.connection, asked)}
        missing = sorted(reads.keys() - hubs.keys())
        busy = known_hubs(self.connection, missing) if missing else []
        of_hub = {thing: _meters_of(hub, reads[thing]) for thing, hub in hubs.items()}
        wanted = {one for meters in of_hub.values() for one in meters}
        self._mediums = repository.lock_known_meters(self.connection, wanted)
        entered = [thing for thing in sorted(hubs) if of_hub[thing] <= self._mediums.keys()]
        standings = read_standings(self.connection, entered)
        self._entries = {thing: Entry(hubs[thing], standings[thing]) for thing in entered}
        self.store.read_ahead(one for thing in entered for one in of_hub[thing])
        return Entered(entered, busy)

    def read_ahead(self, reads: Iterable[Read]) -> None:
        """Read the logs of these messages, of hubs whose locks are held, and what lies under them.

        Where nothing is stored of a frame's range nothing is asked; most of what is comes again.
        """
        named = [(one.envelope.log_id.hex(), one) for one in reads if one.envelope is not None]
        if not named:
            return
        wanted = {log_id for log_id, _ in named}
        found = repository.read_logs(self.connection, sorted(wanted))
        self._logs.update({log_id: found.get(log_id) for log_id in wanted})
        stored: dict[OfLog, list[Range]] = {}
        for log_id, one in named:
            log, frame = found.get(log_id), one.outline
            if log is None or frame is None:
                continue
            if merge.overlaps(log.coverage, frame.first_seq, frame.last_seq):
                household_id = self._entries[one.message.thing].hub.household_id
                of_log = stored.setdefault((household_id, log_id), [])
                of_log.append((frame.first_seq, frame.last_seq))
        self.store.read_frames_ahead(stored)

    def log(self, log_id: str) -> Log | None:
        """Find a log whoever owns it, as it was when the batch began."""
        if log_id not in self._logs:
            self._logs[log_id] = repository.read_log(self.connection, log_id)
        return self._logs[log_id]

    def add_log(self, log: Log) -> Log | None:
        """Open a log, or find it where another hub has; None where the hub has too many."""
        if not repository.add_log(self.connection, log):
            return None
        self._logs[log.log_id] = repository.read_log(self.connection, log.log_id) or log
        return self._logs[log.log_id]

    def lock_meters(self, scope: Scope, names: Iterable[str]) -> dict[str, str]:
        """Take the locks of meters; returns what each measures, "" where that is not known yet."""
        meters = set(names)
        new = {one for one in meters if (scope.only, one) not in self._mediums}
        locked = repository.lock_meters(self.connection, scope, new) if new else {}
        self._mediums.update({(scope.only, meter): medium for meter, medium in locked.items()})
        return {meter: self._mediums[scope.only, meter] for meter in meters}

    def change(self, hub: Hub, logs: Iterable[Log]) -> None:
        """Have a hub and logs of it written."""
        self._changed_hubs.append(hub)
        self._changed_logs += logs

    def note(
        self, entry: Entry, usage: Mapping[str, Sequence[Range]], others: Iterable[Change]
    ) -> None:
        """Have noted what changes of a hub's household: usage by meter and slots, and others."""
        found = self._changes.setdefault(entry.hub.household_id, [])
        found += others
        if any(usage.values()):
            zone = check_zone(entry.standing.zone or "UTC")
            for meter, ranges in usage.items():
                found += usage_changes(meter, ranges, zone)

    def write(self) -> None:
        """Write all that was changed; the household's changes last, whose lock is the last too."""
        self.store.write()
        repository.write_logs(self.connection, self._changed_logs)
        write_hubs(self.connection, self._changed_hubs)
        note_of_many(self.connection, self._changes, self.now_ms)


def _meters_of(hub: Hub, reads: Sequence[Read]) -> set[tuple[str, str]]:
    return {(hub.household_id, one.outline.meter) for one in reads if one.outline is not None}
