"""What waits for a worker: how much of it, in which order, and how much of it is read already."""

from pathlib import Path

import pytest

from cloud.ingest import arrivals, service
from cloud.ingest.arrivals import MAX_QUEUED, MAX_SLOTS_AHEAD, Arrivals
from cloud.ingest.intake import Message, Read, read_message
from cloud.ingest.service import Addressed, IngestService
from cloud.ingest.worker import IngestWorker
from cloud.mqtt import BrokerLink
from shared import topics
from shared.clock import DrivenClock
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import START_MS, config_in, database_in, payload_of, samples_of

FRAMES = topics.frames("hub-1")
NOW_MS = START_MS + 60 * MS_PER_DAY
SCATTERED = payload_of(samples_of(1, MAX_SLOTS_AHEAD + 1, every_ms=SLOT_MS))
"""Each of its samples is alone in its half hour."""


@pytest.fixture(name="waiting")
def _waiting(monkeypatch: pytest.MonkeyPatch) -> Arrivals:
    monkeypatch.setattr(arrivals, "FULL_QUEUE_S_MAX", 0.0)
    monkeypatch.setattr(arrivals, "POLL_S", 0.0)
    return Arrivals()


@pytest.fixture(name="worker")
def _worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IngestWorker:
    for name in ("start", "unsubscribe", "stop"):
        monkeypatch.setattr(BrokerLink, name, lambda _: None)
    return IngestWorker(config_in(tmp_path), database_in(tmp_path, NOW_MS), DrivenClock(NOW_MS))


def _message(payload: bytes) -> Message:
    return Message("hub-1", payload, NOW_MS)


def test_a_frame_is_read_before_anybody_asks_for_it(
    waiting: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gathers it finds what reading it says, and reads nothing."""
    message = _message(payload_of(samples_of(1, 5)))
    expected = read_message(message, NOW_MS)

    waiting.put("frames", message)
    monkeypatch.setattr(arrivals, "read_message", lambda *_: pytest.fail("read twice"))

    assert [one.read for one in waiting.gather(9)] == [expected]


def test_a_damaged_frame_waits_with_what_is_wrong_with_it(waiting: Arrivals) -> None:
    """It is set aside with its batch, as any other that cannot be merged."""
    waiting.put("frames", _message(b"noise"))

    (arrival,) = waiting.gather(9)

    assert arrival.read is not None
    assert arrival.read.error is not None
    assert arrival.read.error.code == "not-a-frame"


def test_other_messages_wait_as_they_came(waiting: Arrivals) -> None:
    """A hello is no frame, whatever its bytes look like."""
    waiting.put("hello", _message(payload_of(samples_of(1, 5))))

    (arrival,) = waiting.gather(9)

    assert arrival.read is None
    assert arrival.thing == "hub-1"


def test_no_more_than_asked_for_is_gathered_and_the_oldest_first(waiting: Arrivals) -> None:
    """The rest waits for the next batch."""
    for name in (b"one", b"two", b"three"):
        waiting.put("status", _message(name))

    batches = [[one.message.payload for one in waiting.gather(2)] for _ in range(3)]

    assert batches == [[b"one", b"two"], [b"three"], []]


def test_what_finds_no_room_is_not_taken(waiting: Arrivals) -> None:
    """The network's thread is told so, and what waits stays as it was."""
    taken = [waiting.put("status", _message(b"")) for _ in range(MAX_QUEUED + 1)]

    assert taken == [True] * MAX_QUEUED + [False]
    assert len(waiting) == MAX_QUEUED


def test_a_frame_of_very_many_half_hours_waits_unread(waiting: Arrivals) -> None:
    """A small one can know of thousands: hundreds of them would fill the memory."""
    few = payload_of(samples_of(1, MAX_SLOTS_AHEAD, every_ms=SLOT_MS))
    for payload in (SCATTERED, few):
        waiting.put("frames", _message(payload))

    is_read = [one.read is not None for one in waiting.gather(9)]

    assert is_read == [False, True]


@pytest.mark.usefixtures("either_store")
def test_a_frame_left_unread_is_merged_with_its_batch(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes its turn alone, and is answered like those beside it."""
    answered: list[bytes] = []
    monkeypatch.setattr(BrokerLink, "publish", lambda _, __, payload: answered.append(payload))
    worker.receive(FRAMES, payload_of(samples_of(1_000, 5)))
    worker.receive(FRAMES, SCATTERED)
    worker.stop()

    worker.run()

    assert worker.counts["frames"] == 2
    assert worker.counts["split-batches"] == 0
    assert f"[[1,{MAX_SLOTS_AHEAD + 1},0],[1000,1004,0]]".encode() in answered[-1]


@pytest.mark.usefixtures("either_store")
def test_a_frame_that_breaks_its_reader_is_given_up_alone(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends neither the network's thread nor the worker, and costs no other frame its place."""

    def read(message: Message, now_ms: int) -> Read:
        if message.payload == b"poison":
            raise RuntimeError("nobody foresaw this")
        return read_message(message, now_ms)

    monkeypatch.setattr(arrivals, "read_message", read)
    monkeypatch.setattr(service, "read_message", read)
    for payload in (payload_of(samples_of(1, 5)), b"poison", payload_of(samples_of(6, 5))):
        worker.receive(FRAMES, payload)
    worker.stop()

    worker.run()

    assert worker.counts["failed-messages"] == 1
    assert worker.counts["frames"] == 2
    assert worker.counts["dropped"] == 0


def test_frames_are_read_while_a_batch_is_in_the_database(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network's thread waits for no commit, and the next batch for no reading."""
    steps: list[str] = []

    def read(message: Message, now_ms: int) -> Read:
        steps.append(f"read {message.payload.decode()}")
        return read_message(message, now_ms)

    def merge(_self: IngestService, frames: list[Read]) -> list[Addressed]:
        name = frames[0].message.payload.decode()
        steps.append(f"merge {name}")
        if name == "one":
            worker.receive(FRAMES, b"two")
        else:
            worker.stop()
        steps.append(f"commit {name}")
        return []

    monkeypatch.setattr(arrivals, "read_message", read)
    monkeypatch.setattr(IngestService, "merge", merge)
    worker.receive(FRAMES, b"one")

    worker.run()

    assert steps == ["read one", "merge one", "read two", "commit one", "merge two", "commit two"]


@pytest.mark.usefixtures("either_store")
def test_a_batch_tried_again_merges_the_same_readings(
    worker: IngestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read ahead outlives a commit that fails: the second try stores all of it."""
    answered: list[bytes] = []
    monkeypatch.setattr(BrokerLink, "publish", lambda _, __, payload: answered.append(payload))
    merge, tries = IngestService.merge, []

    def broken_once(self: IngestService, frames: list[Read]) -> list[Addressed]:
        tries.append([one.message.payload for one in frames])
        found = merge(self, frames)
        if len(tries) == 1:
            raise RuntimeError("after the commit")
        return found

    monkeypatch.setattr(IngestService, "merge", broken_once)
    for first in (1, 6):
        worker.receive(FRAMES, payload_of(samples_of(first, 5)))
    worker.stop()

    worker.run()

    assert [len(payloads) for payloads in tries] == [2, 1, 1]
    assert b'"stored":[[1,10,0]]' in answered[-1]
