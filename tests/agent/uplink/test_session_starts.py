"""Several starts before an answer: what the cloud has of another copy is told from what is shared.

Each test's hub has committed under numbers the cloud knows, and was ended before it was answered.
"""

import sqlite3
from pathlib import Path
from unittest.mock import patch

import pytest

from agent.log import Log
from agent.starts import STARTS_FACT, read_starts
from agent.uplink.greeting import ANSWER_MS, PROVED_AT_ONCE
from agent.uplink.port import Channel
from shared.proofs import proof_of
from shared.protocol import LogState, decode_hello
from shared.readings import Medium
from tests.support.fakes import FakeUplink
from tests.support.hubs import METER, append, rows_every, sound_rows
from tests.support.sessions import Scene


@pytest.fixture(name="scene")
def _scene(tmp_path: Path) -> Scene:
    """A hub of 20 rows that were answered for; then starts of 2 and of 3 rows that were not."""
    scene = Scene(tmp_path, rows=20)
    for rows in (2, 3):
        start_anew(scene, tmp_path)
        scene.more(rows)
    start_anew(scene, tmp_path)
    scene.more(4)
    return scene


def start_anew(scene: Scene, path: Path) -> None:
    """End the program, whatever it was about, and start it again."""
    scene.log.close()
    scene.log = Log(path / "hub.sqlite")
    scene.meter_log = next(one for one in scene.log.all_logs() if one.log == scene.meter_log.log)
    scene.meter_log = scene.log.meters.get(METER, scene.meter_log)
    scene.uplink = FakeUplink()
    scene.sharing = scene.make_sharing()
    scene.session = scene.make_session()


def said(scene: Scene) -> LogState:
    """What the latest hello says of the log."""
    hellos = [load for channel, load in scene.uplink.published if channel is Channel.HELLO]
    return next(
        one for one in decode_hello(hellos[-1]).logs if one.log_id == scene.meter_log.log_id.hex()
    )


def kept_and_moved(scene: Scene) -> tuple[list[int], list[int]]:
    """List which rows stayed, and which have gone on, by their numbers before."""
    current = scene.log.meters[METER]
    stayed = [row.seq for row in sound_rows(scene.log, scene.meter_log)]
    if current.log == scene.meter_log.log:
        return stayed, []
    return stayed, [
        row.registers["import_mwh"] // 1_000 - 1_000 for row in _rows(scene, current.log)
    ]


def _rows(scene: Scene, log: int) -> list:  # type: ignore[type-arg]
    found = next(one for one in scene.log.all_logs() if one.log == log)
    return sound_rows(scene.log, found)


def test_what_an_earlier_start_wrote_is_not_taken_for_stored(tmp_path: Path) -> None:
    """A card put back, a row, a power cut, and then the first answer: the row goes on."""
    scene = Scene(tmp_path, rows=20)
    start_anew(scene, tmp_path)
    scene.more(1)
    start_anew(scene, tmp_path)

    scene.connect()
    scene.answer(stored=[(1, 21, 0)])
    scene.step()
    scene.answer(stored=[(1, 21, 0)])

    assert kept_and_moved(scene) == (list(range(1, 21)), [21])
    assert scene.session.state.rewound_meters == [METER]


def test_a_hub_whose_numbers_are_free_proves_nothing(scene: Scene) -> None:
    """However often it started: one hello, one answer, and it sends."""
    scene.connect()
    first = said(scene)
    scene.answer(stored=[(1, 20, 0)])

    assert first.proofs == []
    assert scene.sent()[0] == (21, 29)
    assert kept_and_moved(scene) == (list(range(1, 30)), [])
    assert scene.log.fact(STARTS_FACT) is not None
    assert read_starts(scene.log.fact(STARTS_FACT)) == {}


def test_an_answer_in_doubt_is_followed_by_proofs_at_once(scene: Scene) -> None:
    """By the last row of each earlier start, as far as the cloud has any; nothing is framed yet."""
    scene.connect()
    scene.answer(stored=[(1, 24, 0)])

    rows = {row.seq: row.registers for row in sound_rows(scene.log, scene.meter_log)}
    assert said(scene).proofs == [proof_of(22, rows[22]), proof_of(24, rows[24])]
    assert scene.sent() == []


def test_what_is_proved_stays_and_the_rest_moves(scene: Scene) -> None:
    """The card was copied in the first of these starts: its rows are the very ones stored."""
    scene.connect()
    scene.answer(stored=[(1, 27, 0)])
    scene.answer(stored=[(1, 27, 0)], proved=22)

    assert kept_and_moved(scene) == (list(range(1, 23)), list(range(23, 30)))


def test_all_that_is_proved_leaves_nothing_to_move(scene: Scene) -> None:
    """The original was the one to go on, and has sent what both have."""
    scene.connect()
    scene.answer(stored=[(1, 24, 0)])
    scene.answer(stored=[(1, 24, 0)], proved=24)

    assert kept_and_moved(scene) == (list(range(1, 30)), [])
    assert scene.sent() == [(25, 29)]
    assert read_starts(scene.log.fact(STARTS_FACT)) == {}


def test_a_cloud_that_proves_nothing_gets_a_row_twice_rather_than_never(scene: Scene) -> None:
    """An older cloud, or one that has of these rows only that they were withheld."""
    scene.connect()
    scene.answer(stored=[(1, 22, 0)])
    scene.answer(stored=[(1, 22, 0)])

    assert kept_and_moved(scene) == (list(range(1, 21)), list(range(21, 30)))


def test_a_row_that_rotted_is_proved_by_the_one_before(scene: Scene) -> None:
    """A part is shared whole, so that any of its rows tells."""
    scene.log.write("UPDATE samples SET body = x'00' WHERE seq = 25", ())

    scene.connect()
    scene.answer(stored=[(1, 29, 0)])

    assert [proof[0] for proof in said(scene).proofs] == [22, 24]


def test_proofs_that_were_lost_are_said_again(scene: Scene) -> None:
    """No answer: the hub asks again with the same, and frames nothing of the log until then."""
    scene.connect()
    scene.answer(stored=[(1, 24, 0)])
    scene.step(ANSWER_MS + 1)
    again = said(scene)
    before = scene.sent()
    scene.answer(stored=[(1, 24, 0)], proved=24)

    assert [proof[0] for proof in again.proofs] == [22, 24]
    assert before == []
    assert scene.sent() == [(25, 29)]


def test_a_receipt_that_answers_no_hello_settles_nothing(scene: Scene) -> None:
    """It may have been under way since before another copy of the card was heard."""
    scene.connect()
    scene.cloud.hello_id = "another"
    scene.uplink.arrive(
        Channel.RECEIPTS, scene.cloud.receipt(scene.meter_log.log_id.hex(), stored=[(1, 24, 0)])
    )
    scene.step()

    assert kept_and_moved(scene) == (list(range(1, 30)), [])
    assert read_starts(scene.log.fact(STARTS_FACT)) == {scene.meter_log.log: [21, 23, 26]}


def test_a_late_receipt_does_not_stand_in_for_the_proofs(scene: Scene) -> None:
    """What it does not say of them is no word against them."""
    scene.connect()
    scene.answer(stored=[(1, 24, 0)])
    scene.cloud.hello_id = "another"
    scene.uplink.arrive(
        Channel.RECEIPTS, scene.cloud.receipt(scene.meter_log.log_id.hex(), stored=[(1, 24, 0)])
    )
    scene.step()

    scene.answer(stored=[(1, 24, 0)], proved=24)

    assert kept_and_moved(scene) == (list(range(1, 30)), [])


def test_a_log_closed_while_in_doubt_loses_nothing_either(scene: Scene, tmp_path: Path) -> None:
    """A start that gave the meter a new log, as on a copied card: the rows before it move too."""
    former = scene.meter_log
    scene.log.start_log(METER, Medium.ELECTRICITY)
    append(scene.log, scene.log.meters[METER], rows_every(1, first_seq=1))
    fresh = scene.log.meters[METER].log_id
    start_anew(scene, tmp_path)
    scene.meter_log = next(one for one in scene.log.all_logs() if one.log == former.log)

    scene.connect()
    scene.answer(stored=[(1, 29, 0)])
    scene.answer(stored=[(1, 29, 0)], proved=25)

    moved = scene.log.all_logs()[-1]
    assert scene.log.meters[METER].log_id == fresh
    assert [row.seq for row in sound_rows(scene.log, former)] == list(range(1, 26))
    assert [row.registers["import_mwh"] for row in _rows(scene, moved.log)] == [
        1_000_000 + seq * 1_000 for seq in range(26, 30)
    ]


def test_a_closed_log_that_is_proved_is_in_doubt_no_more(scene: Scene, tmp_path: Path) -> None:
    """Others have gone on under its numbers, and that concerns none of its rows."""
    former = scene.meter_log
    scene.log.start_log(METER, Medium.ELECTRICITY)
    append(scene.log, scene.log.meters[METER], rows_every(1, first_seq=1))
    start_anew(scene, tmp_path)
    scene.meter_log = next(one for one in scene.log.all_logs() if one.log == former.log)

    scene.connect()
    scene.answer(stored=[(1, 40, 0)])
    scene.answer(stored=[(1, 40, 0)], proved=29)

    assert [row.seq for row in sound_rows(scene.log, former)] == list(range(1, 30))
    assert len(scene.log.entries()) == 2
    assert former.log not in read_starts(scene.log.fact(STARTS_FACT))


def test_rows_that_cannot_be_moved_now_are_not_sent_meanwhile(scene: Scene) -> None:
    """On a full disk the log waits for its new name; the next answer finds room."""
    scene.connect()
    scene.answer(stored=[(1, 22, 0)])
    with (
        patch.object(Log, "restart_log", side_effect=sqlite3.OperationalError("full")),
        pytest.raises(sqlite3.Error),
    ):
        scene.answer(stored=[(1, 22, 0)])
    scene.step(ANSWER_MS + 1)
    before = scene.sent()
    scene.answer(stored=[(1, 22, 0)])

    assert before == []
    assert kept_and_moved(scene) == (list(range(1, 21)), list(range(21, 30)))


def test_an_answer_that_cannot_be_kept_holds_nothing_up(scene: Scene) -> None:
    """On a full disk what is held is sent all the same: that is what makes room."""
    scene.connect()
    with patch.object(Log, "note_answered", side_effect=sqlite3.OperationalError("full")):
        scene.answer(stored=[(1, 20, 0)])

    assert scene.sent()[0] == (21, 29)
    assert scene.session.state.database_errors == 1


def test_logs_beyond_what_a_hello_proves_have_their_turn_next(tmp_path: Path) -> None:
    """None of them is framed, or moved, before its own rows were held against the cloud's."""
    scene = Scene(tmp_path, rows=20)
    for number in range(PROVED_AT_ONCE):
        meter_log = scene.log.meter_log(f"other-{number}", Medium.ELECTRICITY)
        append(scene.log, meter_log, rows_every(20))
    for _ in range(2):
        start_anew(scene, tmp_path)
        for meter_log in scene.log.meters.values():
            append(scene.log, meter_log, rows_every(2, first_seq=meter_log.next_seq))
    start_anew(scene, tmp_path)
    scene.connect()

    turns = [_answer_all(scene) for _ in range(3)]

    every = set(scene.log.meters)
    assert turns[0] == set()
    assert len(turns[1]) == PROVED_AT_ONCE
    assert turns[2] == every - turns[1]
    assert scene.session.state.rewound_meters == []
    assert read_starts(scene.log.fact(STARTS_FACT)) == {}


def _answer_all(scene: Scene) -> set[str]:
    """Answer the latest hello for every log; return the meters that it proved, all of them so."""
    hellos = [load for channel, load in scene.uplink.published if channel is Channel.HELLO]
    states = decode_hello(hellos[-1]).logs
    scene.cloud.hello_id = scene.uplink.hello_id
    for one in states:
        proved = one.proofs[-1][0] if one.proofs else 0
        receipt = scene.cloud.receipt(one.log_id, stored=[(1, 22, 0)], proved=proved)
        scene.uplink.arrive(Channel.RECEIPTS, receipt)
    scene.step()
    return {one.meter for one in states if one.proofs}
