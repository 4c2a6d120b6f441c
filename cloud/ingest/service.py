"""What ingest does with hubs' messages: frames in, receipts out after the commit.

Knows nothing of MQTT: the worker hands it messages with the thing of their topic, and publishes
what it returns once it has returned, which is after the commit.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cloud.db import Database
from cloud.households.repository import lock_hub, write_hub
from cloud.households.revocations import find_revocation
from cloud.ingest.batch import Batch
from cloud.ingest.hubbatch import HubBatch, Rules
from cloud.ingest.intake import LATER_VERSION, Message, Read, check_hello, check_text, read_message
from cloud.ingest.letters import Kept, find_letters, note_reason, remove_letter
from cloud.ingest.repository import logs_with_holes, store_id
from cloud.scope import Scope
from shared.clock import Clock
from shared.errors import BadInputError
from shared.protocol import Receipt, decode_hello, decode_status

MAX_CONNECTION_ID_CHARS = 64

REVOKED = "revoked"
"""Why a letter of a revoked hub is not read in."""

MAX_REMINDED = 64
"""Logs reminded at once: a worker does so every minute, between two batches."""

MAX_REPLAYED = 256
"""Letters read in again by one call: at the largest frame 32 MB in memory."""


class Addressed(NamedTuple):
    """A receipt and the hub it goes to."""

    thing: str
    receipt: Receipt


class Replayed(NamedTuple):
    """What became of a dead letter: `code` is "" where it was read in, else why it was not."""

    dead_letter_id: int
    thing: str
    code: str
    receipts: list[Addressed]


class IngestService:
    """Merges messages into the store; any number of processes may each have one on one database."""

    def __init__(self, database: Database, clock: Clock, rules: Rules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    @property
    def store_id(self) -> str:
        """The store's name as it is now: a restore changes it while workers run."""
        with self._database.writing() as connection:
            return store_id(connection, self._clock.utc_ms())

    def ingest(self, messages: Sequence[Message]) -> list[Addressed]:
        """Read frames and merge them; returns as `merge` does."""
        now_ms = self._clock.utc_ms()
        return self.merge([read_message(message, now_ms) for message in messages])

    def merge(self, frames: Sequence[Read]) -> list[Addressed]:
        """Merge frames that are read, and return the receipts that are due, by hub.

        Hubs share a transaction as far as none has to be waited for. Nothing in a payload can make
        it raise: what cannot be merged is set aside with its reason.
        """
        reads: dict[str, list[Read]] = {}
        for read in frames:
            reads.setdefault(read.message.thing, []).append(read)
        receipts: dict[str, list[Receipt]] = {}
        left, first = sorted(reads), ""
        while len(left) > 1:
            taken, left = self._take_together({thing: reads[thing] for thing in left}, first)
            receipts.update(taken)
            first = left[0] if left else ""
        for thing in sorted(reads.keys() - receipts.keys()):
            with self._sitting() as batch:
                batch.enter(thing)
                batch.read_ahead(reads[thing])
                receipts[thing] = self._take(batch, thing, reads[thing])
        return [Addressed(thing, one) for thing in sorted(receipts) for one in receipts[thing]]

    def _take_together(
        self, reads: Mapping[str, Sequence[Read]], first: str
    ) -> tuple[dict[str, list[Receipt]], list[str]]:
        """Take in what several hubs sent, in one transaction, waiting for `first` alone.

        Returns the receipts, and which hubs others have; a hub in neither is to be taken alone.
        """
        with self._sitting() as batch:
            entered = batch.enter_free(reads, first)
            batch.read_ahead(one for thing in entered.things for one in reads[thing])
            taken = {thing: self._take(batch, thing, reads[thing]) for thing in entered.things}
        return taken, entered.busy

    def _take(self, batch: Batch, thing: str, reads: Sequence[Read]) -> list[Receipt]:
        part = HubBatch(batch, thing, self._rules)
        part.take(reads)
        return part.finish()

    def greet(self, thing: str, payload: bytes) -> list[Addressed]:
        """Answer a hello with a receipt for each log; raises BadInputError for no hello."""
        hello = decode_hello(payload)
        check_hello(hello)
        with self._sitting() as batch:
            part = HubBatch(batch, thing, self._rules)
            part.greet(hello)
            receipts = part.finish()
        return [Addressed(thing, receipt) for receipt in receipts]

    def note_status(self, thing: str, payload: bytes) -> None:
        """Note a hub online or offline; a late "offline" of another connection is ignored.

        Raises BadInputError for no status.
        """
        status = decode_status(payload)
        if len(status.connection_id) > MAX_CONNECTION_ID_CHARS:
            raise BadInputError(f"connection id of {len(status.connection_id)} characters")
        check_text("connection id", status.connection_id)
        now_ms = self._clock.utc_ms()
        with self._database.writing() as connection:
            hub = lock_hub(connection, thing, now_ms)
            if find_revocation(connection, thing) is not None:
                hub = hub._replace(messages_refused=hub.messages_refused + 1)
            elif status.online:
                hub = hub._replace(
                    is_online=True, connection_id=status.connection_id, last_seen_ms=now_ms
                )
            elif hub.connection_id == status.connection_id:
                hub = hub._replace(is_online=False)
            write_hub(connection, hub)

    def is_revoked(self, thing: str) -> bool:
        """Tell whether a hub's messages are refused: then nothing of it is taken or answered."""
        with self._database.reading() as connection:
            return find_revocation(connection, thing) is not None

    def tell(self, thing: str) -> list[Addressed]:
        """Say the time, the window and the limit of consent to a hub that has not asked."""
        return self._remind(thing, [""])

    def remind(self) -> list[Addressed]:
        """Tell hubs online again of their holes, so that none waits for its own timeouts."""
        with self._database.reading() as connection:
            due = logs_with_holes(connection, self._clock.utc_ms(), MAX_REMINDED)
        by_thing: dict[str, list[str]] = {}
        for thing, log_id in due:
            by_thing.setdefault(thing, []).append(log_id)
        return [one for thing, logs in by_thing.items() for one in self._remind(thing, logs)]

    def replay(
        self, ids: Sequence[int] = (), *, scope: Scope | None = None, after: int = 0
    ) -> list[Replayed]:
        """Read dead letters in again, each in a transaction of its own: these, or all past `after`.

        At most `MAX_REPLAYED` a call. One that still cannot be merged stays, with today's reason.
        """
        with self._database.reading(scope) as connection:
            kept = find_letters(connection, ids=ids, scope=scope, after=after, limit=MAX_REPLAYED)
        return [self._replay(one) for one in kept]

    def replay_known(self) -> list[Replayed]:
        """Read in what came in a later version, now that this program may know it."""
        with self._database.reading() as connection:
            kept = find_letters(connection, code=LATER_VERSION, limit=MAX_REPLAYED)
        known = [one for one in kept if not _read(one, self._clock.utc_ms()).is_kept_for_later]
        return [self._replay(one) for one in known]

    def _replay(self, letter: Kept) -> Replayed:
        read = _read(letter, self._clock.utc_ms())
        receipts: list[Receipt] = []
        with self._sitting() as batch:
            part = HubBatch(batch, letter.thing, self._rules)
            if part.is_revoked:
                return Replayed(letter.dead_letter_id, letter.thing, REVOKED, [])
            error = part.replay(read, was_stored=letter.code == LATER_VERSION)
            if error is not None:
                note_reason(batch.connection, letter.dead_letter_id, error)
            else:
                remove_letter(batch.connection, letter.dead_letter_id)
            receipts = part.finish()
        code = "" if error is None else error.code
        addressed = [Addressed(letter.thing, receipt) for receipt in receipts]
        return Replayed(letter.dead_letter_id, letter.thing, code, addressed)

    def _remind(self, thing: str, log_ids: Sequence[str]) -> list[Addressed]:
        with self._sitting() as batch:
            part = HubBatch(batch, thing, self._rules)
            part.remind(log_ids)
            receipts = part.finish()
        return [Addressed(thing, receipt) for receipt in receipts]

    @contextlib.contextmanager
    def _sitting(self) -> Iterator[Batch]:
        """Open a batch; it is written and committed when the block ends."""
        with self._database.writing() as connection:
            batch = Batch(connection, self._clock.utc_ms())
            yield batch
            batch.write()


def _read(letter: Kept, now_ms: int) -> Read:
    message = Message(letter.thing, letter.payload, letter.received_at_ms)
    return read_message(message, now_ms)
