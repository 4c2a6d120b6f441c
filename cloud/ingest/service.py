"""What ingest does with a hub's messages: frames in, receipts out, one transaction a hub.

Knows nothing of MQTT: the worker hands it messages with the thing of their topic, and publishes
what it returns once it has returned, which is after the commit.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.db import Database
from cloud.households.repository import lock_hub, write_hub
from cloud.ingest.hubbatch import HubBatch, Rules
from cloud.ingest.intake import Message, check_hello, check_text, read_message
from cloud.ingest.repository import store_id
from shared.clock import Clock
from shared.errors import BadInputError
from shared.protocol import Receipt, decode_hello, decode_status

MAX_CONNECTION_ID_CHARS = 64


class Addressed(NamedTuple):
    """A receipt and the hub it goes to."""

    thing: str
    receipt: Receipt


class IngestService:
    """Merges messages into the store; any number of processes may each have one on one database."""

    def __init__(self, database: Database, clock: Clock, rules: Rules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        with database.writing() as connection:
            self.store_id = store_id(connection, clock.utc_ms())

    def ingest(self, messages: Sequence[Message]) -> list[Addressed]:
        """Merge frames, one transaction a hub, and return the receipts that are due.

        Nothing in a payload can make it raise: what cannot be merged is set aside with its reason.
        """
        by_thing: dict[str, list[Message]] = {}
        for message in messages:
            by_thing.setdefault(message.thing, []).append(message)
        addressed: list[Addressed] = []
        for thing in sorted(by_thing):
            read = [read_message(message, self._clock.utc_ms()) for message in by_thing[thing]]
            with self._database.writing() as connection:
                batch = self._batch(connection, thing)
                batch.take(read)
                receipts = batch.finish()
            addressed += [Addressed(thing, receipt) for receipt in receipts]
        return addressed

    def greet(self, thing: str, payload: bytes) -> list[Addressed]:
        """Answer a hello with a receipt for each log; raises BadInputError for no hello."""
        hello = decode_hello(payload)
        check_hello(hello)
        with self._database.writing() as connection:
            batch = self._batch(connection, thing)
            batch.greet(hello)
            receipts = batch.finish()
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
            if status.online:
                hub = hub._replace(
                    is_online=True, connection_id=status.connection_id, last_seen_ms=now_ms
                )
            elif hub.connection_id == status.connection_id:
                hub = hub._replace(is_online=False)
            write_hub(connection, hub)

    def _batch(self, connection: Connection, thing: str) -> HubBatch:
        return HubBatch(connection, thing, self.store_id, self._clock.utc_ms(), self._rules)
