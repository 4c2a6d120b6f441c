"""The worker's queue and its patience with the database, without a broker."""

from itertools import count
from pathlib import Path

import pytest
from sqlalchemy.exc import DataError, OperationalError

from cloud.households.revocations import revoke
from cloud.ingest import arrivals
from cloud.ingest import worker as module
from cloud.ingest.arrivals import MAX_QUEUED
from cloud.ingest.intake import Message, Read
from cloud.ingest.service import Addressed, IngestService
from cloud.ingest.upkeep import Upkeep
from cloud.ingest.worker import IngestWorker
from cloud.mqtt import BrokerLink
from shared import topics
from shared.clock import DrivenClock
from shared.protocol import Receipt
from tests.support.cloud import START_MS, config_in, database_in, payload_of, samples_of

FRAMES = topics.frames("hub-1")


@pytest.fixture(name="worker")
def _worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IngestWorker:
    monkeypatch.setattr(arrivals, "FULL_QUEUE_S_MAX", 0.01)
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    monkeypatch.setattr(BrokerLink, "start", lambda _: None)
    monkeypatch.setattr(BrokerLink, "unsubscribe", lambda _: None)
    monkeypatch.setattr(BrokerLink, "stop", lambda _: None)
    return IngestWorker(config_in(tmp_path), database_in(tmp_path), DrivenClock(START_MS))


def test_full_queue_drops_and_counts(worker: IngestWorker) -> None:
    """What does not fit after a wait is counted; the hub will send it again."""
    for _ in range(MAX_QUEUED + 2):
        worker.receive(FRAMES, b"")

    assert worker.counts["dropped"] == 2


def test_topic_of_no_thing_is_counted(worker: IngestWorker) -> None:
    """A topic that names no hub is set aside."""
    worker.receive("elsewhere", b"")

    assert worker.counts["bad-topic"] == 1


def test_queue_is_worked_off_before_the_end(worker: IngestWorker) -> None:
    """Messages already queued are done when the worker is asked to stop; noise does not hinder."""
    worker.receive(FRAMES, payload_of(samples_of(1, 5)))
    worker.receive(topics.hello("hub-1"), b"noise")
    worker.receive(topics.status("hub-1"), b'{"connection_id":"a","online":true}')
    worker.stop()

    worker.run()

    assert worker.counts["frames"] == 1
    assert worker.counts["bad-messages"] == 1


def test_database_that_refuses_is_tried_again(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch survives a database that is away for a moment."""
    tries = []

    def merge(_self: IngestService, frames: list[Read]) -> list[Addressed]:
        tries.append(len(frames))
        if len(tries) < 3:
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        return []

    monkeypatch.setattr(IngestService, "merge", merge)
    worker.receive(FRAMES, b"x")
    worker.stop()

    worker.run()

    assert tries == [1, 1, 1]
    assert worker.counts["database-errors"] == 2
    assert worker.counts["failed-messages"] == 0


@pytest.mark.parametrize("poison_error", [RuntimeError("x"), DataError("x", {}, Exception("x"))])
def test_one_poison_message_takes_no_other_with_it(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch, poison_error: Exception
) -> None:
    """What fails together is tried one by one, at once: only the cause of it is given up."""
    done: list[bytes] = []

    def merge(_self: IngestService, frames: list[Read]) -> list[Addressed]:
        payloads = [one.message.payload for one in frames]
        if b"poison" in payloads:
            raise poison_error
        done.extend(payloads)
        return []

    monkeypatch.setattr(IngestService, "merge", merge)
    for payload in (b"one", b"poison", b"two"):
        worker.receive(FRAMES, payload)
    worker.receive(topics.hello("hub-1"), b"noise")
    worker.stop()

    worker.run()

    assert done == [b"one", b"two"]
    assert worker.counts["split-batches"] == 1
    assert worker.counts["failed-messages"] == 1
    assert worker.counts["bad-messages"] == 1
    assert worker.counts["database-errors"] == 0


def test_messages_that_keep_coming_do_not_keep_the_worker(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked to stop, a worker does what is queued by then; what comes later is another's."""
    done: list[bytes] = []
    more = count()

    def merge(_self: IngestService, frames: list[Read]) -> list[Addressed]:
        done.extend(one.message.payload for one in frames)
        if len(done) < 50:
            worker.receive(FRAMES, b"late %d" % next(more))
        return []

    monkeypatch.setattr(IngestService, "merge", merge)
    for payload in (b"one", b"two"):
        worker.receive(FRAMES, payload)
    worker.stop()

    worker.run()

    assert done == [b"one", b"two"]
    assert worker.counts["dropped"] == 1


def test_worker_hears_no_more_before_it_answers_the_last(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It unsubscribes first, so that others get what comes, and leaves once it has answered."""
    steps: list[str] = []
    monkeypatch.setattr(BrokerLink, "unsubscribe", lambda _: steps.append("unsubscribe"))
    monkeypatch.setattr(BrokerLink, "publish", lambda *_: steps.append("receipt"))
    monkeypatch.setattr(BrokerLink, "stop", lambda _: steps.append("stop"))
    worker.receive(FRAMES, payload_of(samples_of(1, 5)))
    worker.stop()

    worker.run()

    assert steps == ["unsubscribe", "receipt", "stop"]


def test_message_that_slips_in_while_stopping_is_counted(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network thread may have been within `receive` when the worker was asked to stop."""

    late = [Message("hub-1", b"late", START_MS)]

    def merge(_self: IngestService, _frames: list[Read]) -> list[Addressed]:
        while late:
            worker._arrivals.put("frames", late.pop())
        return []

    monkeypatch.setattr(IngestService, "merge", merge)
    worker.receive(FRAMES, b"one")
    worker.stop()

    worker.run()

    assert worker.counts["dropped"] == 1


@pytest.mark.parametrize("error", [OperationalError("x", {}, Exception("gone")), RuntimeError("x")])
def test_batch_given_up_does_not_end_the_worker(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A message that cannot be done is counted and the next one is taken up."""

    def merge(_self: IngestService, _frames: list[Read]) -> list[Addressed]:
        raise error

    monkeypatch.setattr(IngestService, "merge", merge)
    worker.receive(FRAMES, b"x")
    worker.stop()

    worker.run()

    assert worker.counts["failed-messages"] == 1


def test_upkeep_is_done_between_batches_and_its_receipts_go_out(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a minute and not with every batch; what fails is counted and does not end the worker."""
    published: list[str] = []
    rounds: list[int] = []
    receipt = Receipt("s", "", 1, [], [], 16, START_MS)

    def run(_self: Upkeep) -> list[Addressed]:
        rounds.append(1)
        worker.stop()
        if len(rounds) == 1:
            return [Addressed("hub-1", receipt)]
        raise RuntimeError("database is away")

    monkeypatch.setattr(BrokerLink, "is_subscribed", property(lambda _: True))
    monkeypatch.setattr(BrokerLink, "publish", lambda _, topic, __: published.append(topic))
    monkeypatch.setattr(Upkeep, "run", run)

    worker.run()
    worker._keep_up()
    worker._upkeep_due_s = 0.0
    worker._keep_up()

    assert published == [topics.receipts("hub-1")]
    assert len(rounds) == 2
    assert worker.counts["failed-upkeep"] == 1


def test_worker_that_hears_nobody_leaves_upkeep_to_others(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reminder it could not send would count as said."""
    monkeypatch.setattr(Upkeep, "run", lambda _: pytest.fail("upkeep without a connection"))
    monkeypatch.setattr(BrokerLink, "is_subscribed", property(lambda _: False))

    worker._keep_up()

    assert worker.counts["failed-upkeep"] == 0


def test_revoked_hub_is_not_told_a_tariff(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking is answered for others only."""
    published: list[str] = []
    monkeypatch.setattr(BrokerLink, "publish", lambda _, topic, __: published.append(topic))
    with worker._database.writing() as connection:
        revoke(connection, "hub-1", START_MS)
    for thing in ("hub-1", "hub-2"):
        worker.receive(topics.shadow_get(thing, "tariff"), b"")
    worker.stop()

    worker.run()

    assert [topics.thing_of(topic) for topic in published] == ["hub-2"]
    assert worker.counts["refused-messages"] == 1
