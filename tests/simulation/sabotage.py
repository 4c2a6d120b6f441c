"""The product broken on purpose, one promise each: what the simulation is to find.

Each entry is what was broken, in words, and what breaks it while the patches hold.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from agent.consent import Consent
from agent.log import Log
from agent.records import Batch, MeterLog
from agent.upkeep import opening
from agent.uplink.ledger import Delivery, merge_stored
from agent.uplink.sender import Sender
from agent.uplink.session import Session
from cloud.db import Database
from cloud.ingest import batch, merge, merger
from cloud.ingest.standing import Standing, read_standings
from shared.consent import Granularity
from shared.frames import Frame
from shared.outlines import Outline
from shared.protocol import Receipt

Sabotage = Callable[[], contextlib.AbstractContextManager[Any]]


def _take_sent_for_stored() -> Any:
    send = Sender._send_frame

    def send_frame(
        self: Sender, log: MeterLog, delivery: Delivery, frame: Frame, payload: bytes
    ) -> bool:
        is_sent = send(self, log, delivery, frame, payload)
        if is_sent:
            delivery.stored = merge_stored([*delivery.stored, (frame.first_seq, frame.last_seq, 0)])
        return is_sent

    return patch.object(Sender, "_send_frame", send_frame)


def _take_omission_for_stored() -> Any:
    apply = Delivery.apply

    def take_all_before(self: Delivery, receipt: Receipt) -> list[tuple[int, int, str]]:
        held = apply(self, receipt)
        newest = max((last for _, last, _ in receipt.stored), default=0)
        self.stored = merge_stored([*self.stored, *([(1, newest, 0)] if newest else [])])
        return held

    return patch.object(Delivery, "apply", take_all_before)


def _acknowledge_before_it_is_written() -> Any:
    commit, waiting = Log.commit, "_waiting_batch"

    def commit_the_one_before(self: Log, batch: Batch) -> None:
        before: Batch | None = getattr(self, waiting, None)
        setattr(self, waiting, batch)
        if before is not None:
            commit(self, before)

    return patch.object(Log, "commit", commit_the_one_before)


def _answer_without_commit() -> Any:
    writing = Database.writing

    @contextlib.contextmanager
    def write_or_not(self: Database) -> Iterator[Connection]:
        with contextlib.suppress(OperationalError), writing(self) as connection:
            yield connection

    return patch.object(Database, "writing", write_or_not)


def _know_no_other_store() -> Any:
    return patch.object(Session, "_meet_store", lambda _self, _store_id: None)


def _doubt_nothing() -> Any:
    return patch.object(Delivery, "doubt", lambda _self, _receipt, **_named: False)


def _store_what_comes_again() -> Any:
    def merge_anew(
        self: merger.Merger, one: Outline, payload: bytes, received_at_ms: int, *, may_overlap: bool
    ) -> tuple[merger.Verdict, str]:
        del may_overlap
        self._keep(one, payload, received_at_ms)
        return merger.Verdict.STORED, ""

    return patch.object(merger.Merger, "merge", merge_anew)


def _replace_instead_of_joining() -> Any:
    replace: Any = lambda known, edges: known.update(edges)  # noqa: E731  # one of two like it
    return _together(
        patch.object(merger, "join_into", replace),
        patch.object(merge, "join_into", replace),
    )


def _forget_what_held_then() -> Any:
    def only_now(self: Consent, *_when: object) -> Granularity:
        return self.now

    return patch.object(Consent, "for_sample", only_now)


def _use_numbers_again() -> Any:
    def keep_all_ids(*_words: Any, **_named: Any) -> bool:
        return False

    return _together(
        patch.object(opening, "_renew_ids", keep_all_ids),
        patch.object(Log, "restart_log", lambda _self, former, _from_seq: former),
    )


def _hear_the_revoked() -> Any:
    def never_revoked(connection: Connection, things: Sequence[str]) -> dict[str, Standing]:
        standings = read_standings(connection, things)
        return {thing: one._replace(is_revoked=False) for thing, one in standings.items()}

    return patch.object(batch, "read_standings", never_revoked)


@contextlib.contextmanager
def _together(*patches: Any) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


SABOTAGES: dict[str, Sabotage] = {
    "what was sent is taken for stored": _take_sent_for_stored,
    "what a receipt leaves out is taken for stored": _take_omission_for_stored,
    "rows are acknowledged before they are written": _acknowledge_before_it_is_written,
    "a receipt is given though the commit failed": _answer_without_commit,
    "another store is taken for the same": _know_no_other_store,
    "what an answer lacks is not doubted": _doubt_nothing,
    "what was sent is taken for stored, and no answer doubts it": lambda: _together(
        _take_sent_for_stored(), _doubt_nothing()
    ),
    "what comes twice is stored twice": _store_what_comes_again,
    "edges of a slot are replaced, not joined": _replace_instead_of_joining,
    "consent at the time of taking is forgotten": _forget_what_held_then,
    "an older card goes on in its numbers": _use_numbers_again,
    "a revoked hub is heard": _hear_the_revoked,
}
