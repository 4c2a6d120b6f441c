"""A rewound database: the cloud knows numbers it never sent, and no row is taken for another."""

from pathlib import Path

import pytest

from agent.blocks import BLOCK_ROWS
from agent.records import Batch, Hole, RunChange
from agent.rows import LogRow
from agent.upkeep.sealing import seal
from shared.frames import GapKind
from tests.support.hubs import METER, append, row_at, rows_every, sound_rows
from tests.support.sessions import Scene


def test_rows_under_used_numbers_move_into_a_new_log(tmp_path: Path) -> None:
    """What was committed since the start is sent under a new id, from 1; what was before stays."""
    scene = Scene(tmp_path, rows=20)
    scene.more(8)

    scene.connect()
    scene.answer(stored=[(1, 24, 0)])

    current = scene.log.meters[METER]
    assert current.log_id != scene.meter_log.log_id
    assert [row.seq for row in sound_rows(scene.log, scene.meter_log)] == list(range(1, 21))
    moved = sound_rows(scene.log, current)
    assert [row.seq for row in moved] == list(range(1, 9))
    assert [row.registers["import_mwh"] for row in moved] == [
        1_000_000 + seq * 1_000 for seq in range(21, 29)
    ]
    assert current.next_seq == 9
    assert scene.session.state.rewound_meters == [METER]


def test_rows_that_wait_for_their_commit_follow(tmp_path: Path) -> None:
    """A batch numbered for the old log is committed into the new one, runs included."""
    scene = Scene(tmp_path, rows=20)
    scene.more(2)
    waiting = Batch(
        rows=[(scene.meter_log, row_at(23, 230_000)), (scene.meter_log, row_at(24, 240_000))],
        run_changes=[RunChange(scene.meter_log.log, "import_mwh", 24, "run-b", 0)],
    )
    scene.meter_log.next_seq = 25

    scene.connect()
    scene.answer(stored=[(1, 22, 0)])
    current = scene.log.meters[METER]
    scene.log.commit(waiting)
    append(scene.log, current, rows_every(1, first_seq=current.next_seq))

    assert [row.seq for row in sound_rows(scene.log, current)] == [1, 2, 3, 4, 5]
    assert scene.log.runs(current.log) == [RunChange(current.log, "import_mwh", 4, "run-b", 0)]
    assert scene.log.held_range(scene.meter_log.log) == (1, 20)


def test_sealed_rows_move_too(tmp_path: Path) -> None:
    """A block that reaches over the place is parted: its head stays, the rest moves."""
    scene = Scene(tmp_path, rows=20)
    scene.more(BLOCK_ROWS)
    seal(scene.log)

    scene.connect()
    scene.answer(stored=[(1, 30, 0)])

    current = scene.log.meters[METER]
    assert [row.seq for row in sound_rows(scene.log, scene.meter_log)] == list(range(1, 21))
    assert len(sound_rows(scene.log, current)) == BLOCK_ROWS
    assert all(isinstance(row, LogRow) for row in scene.log.read(current.log, 1, BLOCK_ROWS))


@pytest.mark.parametrize("rotten", [(1,), (1, 2)])
def test_rows_that_rotted_are_declared_on_both_sides(
    tmp_path: Path, rotten: tuple[int, ...]
) -> None:
    """A block that cannot be read is parted too: neither log waits for its rows for ever."""
    scene = Scene(tmp_path, rows=20)
    scene.more(8)
    log, former = scene.log, scene.meter_log
    log.write(
        f"UPDATE blocks SET body = x'00' WHERE rowid IN ({str(rotten)[1:-1].rstrip(',')})", ()
    )

    started = log.restart_log(former, 11)
    append(log, started, rows_every(1, first_seq=started.next_seq))

    before, after = list(log.read(former.log, 1, 99)), list(log.read(started.log, 1, 99))
    assert before == [Hole(1, 10, GapKind.DAMAGED)]
    assert after[0] == Hole(1, 10, GapKind.DAMAGED)
    assert (after[1] == Hole(11, 18, GapKind.DAMAGED)) == (len(rotten) > 1)
    assert [one.seq for one in sound_rows(log, started)][-1] == 19
    assert (log.held_range(former.log), log.held_range(started.log)) == ((1, 10), (1, 19))


def test_a_hole_that_was_declared_is_parted_too(tmp_path: Path) -> None:
    """What is known to be lost stays known, under the numbers it has in each log."""
    scene = Scene(tmp_path, rows=20)
    scene.log.declare_lost(scene.meter_log.log, 21, 30, "salvaged")
    scene.meter_log.next_seq = 31
    append(scene.log, scene.meter_log, rows_every(2, first_seq=31))

    started = scene.log.restart_log(scene.meter_log, 25)

    assert scene.log.held_range(scene.meter_log.log) == (1, 24)
    assert scene.log.declared_damage(scene.meter_log.log) == [(21, 24, "salvaged")]
    assert scene.log.declared_damage(started.log) == [(1, 6, "damaged")]
    assert [row.seq for row in sound_rows(scene.log, started)] == [7, 8]


def test_what_this_process_has_sent_is_no_rewind(tmp_path: Path) -> None:
    """Receipts for what was framed since the start are the ordinary flow."""
    scene = Scene(tmp_path, rows=20)
    scene.connect()
    scene.answer(stored=[(1, 20, 0)])
    scene.more(20)
    for _ in range(301):
        scene.step(1_000)
    assert scene.sent()

    scene.answer(stored=[(1, 40, 0)])

    assert scene.log.meters[METER].log_id == scene.meter_log.log_id
    assert scene.session.state.rewound_meters == []


def test_another_store_forgets_nothing_of_what_was_sent(tmp_path: Path) -> None:
    """A cloud restored from a backup is no rewind of the hub."""
    scene = Scene(tmp_path, rows=20)
    scene.connect()
    scene.answer(stored=[(1, 20, 0)])
    scene.more(20)
    for _ in range(301):
        scene.step(1_000)
    scene.cloud.store_id = "store-2"

    scene.answer(stored=[(1, 30, 0)])

    assert scene.log.meters[METER].log_id == scene.meter_log.log_id
