"""The intake: bounded group commits, rows kept when the disk refuses them, refusals counted."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent import intake as intake_module
from agent.collector import MAX_METERS, Collector
from agent.heard import Heard, Moment
from agent.intake import (
    MAX_PENDING_ROWS,
    MAX_PENDING_SPECIMENS,
    Committed,
    Intake,
)
from agent.log import Log
from agent.records import Batch
from agent.registers import CONSISTENT_SAMPLES
from firmware_bridge.meters.codec import Refused, Telegram
from tests.support.hubs import BOOT, METER, START_MS, sound_rows, telegram

TOP_MWH = 10**11


class Desk:
    """An intake over a log, with all that it hands on."""

    def __init__(self, path: Path) -> None:
        self.log = Log(path / "hub.sqlite")
        self.committed: list[Committed] = []
        self.heard: list[Heard] = []
        self.completed = 0
        self.given_back: list[Batch] = []
        self.intake = Intake(
            self.log,
            Collector(100),
            complete=self._complete,
            on_heard=self.heard.append,
            on_committed=self.committed.extend,
            give_back=self.given_back.append,
        )

    def _complete(self, _batch: Batch) -> None:
        self.completed += 1

    def take(self, count: int, *, from_s: int = 0, value: Callable[[int], int] = abs) -> None:
        """Take telegrams ten seconds apart, each of which is a row."""
        for place in range(from_s // 10, from_s // 10 + count):
            at_ms = START_MS + place * 10_000
            self.intake.take(telegram(value(place), at_ms), self.moment(place), "link")

    def moment(self, place: int = 0) -> Moment:
        """Say when the telegram of a place was heard."""
        return Moment(BOOT, place * 10_000, START_MS + place * 10_000)

    def commit(self) -> bool:
        """Commit what waits."""
        return asyncio.run(self.intake.commit())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An intake over an empty log."""
    return Desk(tmp_path)


def test_rows_are_committed_together_and_handed_on(desk: Desk) -> None:
    """One commit takes all that waits; those who follow get what is durable, in order."""
    desk.take(5)
    pending = desk.intake.pending_rows

    done = desk.commit()

    assert (pending, done, desk.intake.pending_rows) == (5, True, 0)
    assert [row.seq for row in desk.committed[0].rows] == [1, 2, 3, 4, 5]
    assert sound_rows(desk.log, desk.log.meters[METER]) == desk.committed[0].rows
    assert len(desk.heard) == 5
    assert (desk.intake.counts.telegrams, desk.intake.counts.committed) == (5, 5)


def test_a_commit_of_nothing_writes_nothing(desk: Desk) -> None:
    """An idle hub does not wear out its card."""
    assert desk.commit()

    assert desk.committed == []
    assert desk.completed == 1


def test_the_group_commit_is_bounded(desk: Desk) -> None:
    """A replay does not pile up rows: making room commits once the bound is reached."""
    desk.take(MAX_PENDING_ROWS - 1)
    asyncio.run(desk.intake.make_room())
    before = desk.intake.pending_rows
    desk.take(1, from_s=MAX_PENDING_ROWS * 10)

    asyncio.run(desk.intake.make_room())

    assert (before, desk.intake.pending_rows) == (MAX_PENDING_ROWS - 1, 0)
    assert desk.intake.counts.committed == MAX_PENDING_ROWS


def test_rows_refused_by_the_disk_are_kept_and_written_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed commit is counted and loses nothing; reading waits until the disk takes the rows."""
    monkeypatch.setattr(intake_module, "RETRY_S", 0.01)
    desk.take(MAX_PENDING_ROWS)
    commit, refusals = desk.log.commit, iter((True, True, False))

    def refuse(batch: Batch) -> None:
        if next(refusals):
            raise sqlite3.OperationalError("database or disk is full")
        commit(batch)

    monkeypatch.setattr(desk.log, "commit", refuse)

    asyncio.run(desk.intake.make_room())

    assert desk.intake.counts.failed_commits == 2
    assert len(sound_rows(desk.log, desk.log.meters[METER])) == MAX_PENDING_ROWS
    assert [row.seq for row in desk.committed[0].rows] == list(range(1, MAX_PENDING_ROWS + 1))


def test_rows_taken_during_a_failed_commit_come_after_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of sequences holds, whatever failed in between."""
    desk.take(2)
    commit = desk.log.commit

    def refuse(_batch: Batch) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(desk.log, "commit", refuse)
    first = desk.commit()
    desk.take(2, from_s=20)
    monkeypatch.setattr(desk.log, "commit", commit)
    second = desk.commit()

    assert (first, second) == (False, True)
    assert len(desk.given_back) == 1
    assert [row.seq for row in desk.committed[0].rows] == [1, 2, 3, 4]


def test_a_commit_that_is_cancelled_is_still_handed_on(desk: Desk) -> None:
    """A hub stopped in the middle of a commit passes on what the disk has taken."""
    desk.take(3)

    async def cancel_and_close() -> None:
        task = asyncio.create_task(desk.intake.commit())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await desk.intake.commit()

    asyncio.run(cancel_and_close())

    assert [row.seq for row in desk.committed[0].rows] == [1, 2, 3]
    assert desk.intake.counts.committed == 3


def test_refused_bytes_are_quarantined_and_counted(desk: Desk) -> None:
    """Each refusal keeps its reason, and its bytes for a look."""
    for reason in ("noise", "bad-crc", "noise"):
        desk.intake.take(Refused(reason, "detail", b"raw"), desk.moment(), "link")
    desk.commit()

    assert desk.intake.counts.refused_by_reason == {"noise": 2, "bad-crc": 1}
    assert desk.log.quarantine_counts() == {"noise": 2, "bad-crc": 1}


def test_doubted_values_are_quarantined_with_the_meter(desk: Desk) -> None:
    """A register that falls is set aside under its reason, naming register and value."""
    desk.take(1, value=lambda _: 5_000_000)
    desk.take(1, from_s=10, value=lambda _: 4_000_000)
    desk.commit()

    found = desk.log.committed.execute("SELECT source, reason, detail FROM quarantine").fetchall()
    assert found == [(METER, "register-fell", "import_mwh = 4000000")]
    assert desk.intake.counts.doubts == 1


def test_a_flood_of_noise_is_bounded_in_memory(desk: Desk) -> None:
    """Past the bound a specimen's bytes are not kept, and room is made by a commit."""
    for _ in range(2 * MAX_PENDING_SPECIMENS):
        desk.intake.take(Refused("noise", "detail", b"x" * 100), desk.moment(), "link")
    kept = sum(len(one.raw) for one in desk.intake._batch.specimens)

    asyncio.run(desk.intake.make_room())

    assert kept == MAX_PENDING_SPECIMENS * 100
    assert desk.log.quarantine_counts() == {"noise": 2 * MAX_PENDING_SPECIMENS}


def test_a_wrap_keeps_the_run_and_records_the_modulus(desk: Desk) -> None:
    """The row where a register turned over says from where on."""
    values = [TOP_MWH - 1_000, 500]
    desk.take(2, value=lambda place: values[place])
    desk.commit()

    changes = desk.log.runs(desk.log.meters[METER].log)
    assert [(c.register, c.from_seq, c.run, c.modulus) for c in changes] == [
        ("import_mwh", 2, "", TOP_MWH)
    ]


def test_a_wrap_soon_after_a_new_run_stays_in_it(desk: Desk) -> None:
    """The run a register is in is known before its beginning is committed."""
    low = [5 * 10**9]
    low += [TOP_MWH - 10_000 + n * 1_000 for n in range(CONSISTENT_SAMPLES)]
    low += [500]
    desk.take(len(low), value=lambda place: low[place])
    desk.commit()

    meter_log = desk.log.meters[METER]
    run, wrap = desk.log.runs(meter_log.log)
    # The refused samples made no row: the sixth of them is the second.
    assert run.run == f"{meter_log.log_id.hex()}:2"
    assert (wrap.run, wrap.modulus, wrap.from_seq) == (run.run, TOP_MWH, 3)


def test_commits_happen_once_a_window(desk: Desk) -> None:
    """The loop commits again and again until it is cancelled."""

    async def run() -> None:
        task = asyncio.create_task(desk.intake.commit_every(lambda: 0))
        desk.take(1)
        async with asyncio.timeout(60):
            while not desk.intake.counts.committed:  # noqa: ASYNC110 (bounded)
                await asyncio.sleep(0.01)
        # Some windows more, in which there is nothing to commit.
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())

    assert desk.intake.counts.committed == 1


def test_garbled_serials_do_not_start_logs_for_ever(desk: Desk) -> None:
    """Past the bound a new meter's samples are set aside with a reason; the known ones go on."""
    for number in range(MAX_METERS + 5):
        heard = telegram(1_000, START_MS)
        stranger = msgspec.structs.replace(heard.samples[0], meter=f"GARBLED-{number}")
        desk.intake.take(Telegram((stranger,)), desk.moment(), "link")

    assert len(desk.log.meters) == MAX_METERS
    assert desk.intake.counts.refused_by_reason == {"too-many-meters": 5}


def test_what_cannot_be_written_down_is_set_aside_in_what_can(desk: Desk) -> None:
    """Half a surrogate pair, as JSON can say: counted, readable, and no row is lost for it."""
    desk.intake.set_aside(
        Moment(BOOT, 0, START_MS), "link", "unknown-message", "it has \ud800", b"raw"
    )

    assert asyncio.run(desk.intake.commit())
    assert desk.log.quarantine_counts() == {"unknown-message": 1}
