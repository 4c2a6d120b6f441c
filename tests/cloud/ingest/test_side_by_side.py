"""Workers side by side on one SQL database give what one in memory gives."""

import random
import threading
from pathlib import Path

import pytest

from cloud.ingest import repository
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.clock import DrivenClock
from shared.frames import encode_frame
from shared.meterdays import SlotEdges, edges_of, split_by_day
from shared.units import MS_PER_MINUTE
from tests.support.cloud import LOG_ID, START_MS, database_in, frame_at, samples_of, stored_days

pytestmark = pytest.mark.usefixtures("either_store")

SAMPLES = 600
EVERY_MS = 5 * MS_PER_MINUTE
CORRECTED = range(200, 260)


def _messages(rng: random.Random) -> list[Message]:
    """Frames of two cuts of one history, and of a correction to a part of it, in any order."""
    now_ms = START_MS + SAMPLES * EVERY_MS
    history = samples_of(1, SAMPLES, every_ms=EVERY_MS)
    moved = samples_of(CORRECTED[0], len(CORRECTED), every_ms=EVERY_MS, start_ms=START_MS + 4_000)
    frames = []
    for size in (7, 23):
        frames += [frame_at(history[at : at + size]) for at in range(0, SAMPLES, size)]
        frames += [
            frame_at(moved[at : at + size], revision=1) for at in range(0, len(CORRECTED), size)
        ]
    rng.shuffle(frames)
    return [Message("hub-1", encode_frame(frame), now_ms) for frame in frames]


def _work(directory: Path, messages: list[Message], faults: list[BaseException]) -> None:
    database = database_in(directory)
    try:
        service = IngestService(database, DrivenClock(messages[0].received_at_ms), Rules())
        for place in range(0, len(messages), 3):
            service.ingest(messages[place : place + 3])
    except BaseException as fault:  # noqa: BLE001  # the test's thread has nobody else to tell
        faults.append(fault)
    finally:
        database.close()


def test_two_workers_and_one_database_lose_and_double_nothing(tmp_path: Path) -> None:
    """Each frame goes to either worker, some to both; meter-days and coverage are the truth's."""
    rng = random.Random(11)
    messages = _messages(rng)
    shares = [[one for one in messages if rng.random() < 0.7] for _ in range(2)]
    shares[0] += [one for one in messages if one not in shares[0] and one not in shares[1]]
    faults: list[BaseException] = []
    # The server is started by whoever asks first, and ends with that thread.
    database_in(tmp_path).close()

    threads = [threading.Thread(target=_work, args=(tmp_path, share, faults)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert _stored_days(tmp_path) == _true_days()
    database = database_in(tmp_path)
    with database.reading() as connection:
        log = repository.read_log(connection, LOG_ID.hex())
    database.close()
    first, last = CORRECTED[0], CORRECTED[-1]
    assert log is not None
    assert log.coverage == [(1, first - 1, 0), (first, last, 1), (last + 1, SAMPLES, 0)]


def _stored_days(directory: Path) -> dict[int, SlotEdges]:
    database = database_in(directory)
    days = stored_days(database)
    database.close()
    return days


def _true_days() -> dict[int, SlotEdges]:
    said = {one.seq: one for one in samples_of(1, SAMPLES, every_ms=EVERY_MS)}
    moved = samples_of(CORRECTED[0], len(CORRECTED), every_ms=EVERY_MS, start_ms=START_MS + 4_000)
    said.update({one.seq: one for one in moved})
    samples = list(said.values())
    times = [one.taken_at_ms for one in samples]
    return split_by_day(edges_of(times, [one.registers["import_mwh"] for one in samples]))
