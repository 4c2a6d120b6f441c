"""What receipts do: free what they list, refuse, move to another store, and nothing else."""

from pathlib import Path

import pytest

from agent.records import Batch, MeterLog
from agent.uplink.framing import Chunk, Cut
from agent.uplink.greeting import ANSWER_MS, MAX_ASKS
from agent.uplink.ledger import TOO_LARGE
from agent.uplink.port import Channel
from agent.uplink.sender import BACKLOG_ANSWER_MS
from shared.errors import FrameError
from shared.frames import Frame, Gap, GapKind, encode_frame, frame_of
from shared.ranges import count
from shared.readings import Medium, StampedSample
from tests.support.hubs import METER, START_MS
from tests.support.sessions import Scene, cut_everything


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A session over twenty rows."""
    return Scene(tmp_path)


def test_a_receipt_frees_only_what_it_lists(scene: Scene) -> None:
    """What is omitted stays unstored, and is sent again when its answer is overdue."""
    scene.time.utc_ms += 10**9
    scene.connect()
    scene.answer()
    scene.sent()

    scene.answer(stored=[(1, 10, 0)])
    unstored = scene.session.unstored()
    scene.step(2 * BACKLOG_ANSWER_MS)

    assert unstored == [(scene.meter_log, [(11, 20)])]
    assert scene.sent() == [(11, 20)]
    assert scene.session.state.frames_overdue == 1


def test_an_older_receipt_is_ignored(scene: Scene) -> None:
    """A receipt overtaken by a newer one changes nothing."""
    scene.connect()
    scene.answer()

    scene.answer(stored=[(1, 20, 0)], revision=0)

    assert count(scene.session.unstored()[0][1]) == 20


def test_a_rejected_frame_is_sent_once_more_and_then_held(scene: Scene) -> None:
    """Twice refused it is kept, shown and not sent again, after a restart neither."""
    scene.connect()
    scene.answer()
    scene.sent()

    scene.answer(rejected=[(1, 10, "bad-value")])
    again = scene.sent()
    scene.answer(rejected=[(1, 10, "bad-value")])
    scene.step(600_000)

    assert (again, scene.sent()) == ([(1, 10)], [])
    assert scene.session.delivery(scene.meter_log.log).refused == [(1, 10, "bad-value")]
    scene.session = scene.make_session()
    scene.connect()
    scene.answer()
    assert scene.sent() == [(11, 20)]


def test_a_frame_that_cannot_be_encoded_is_held_and_shown(tmp_path: Path) -> None:
    """A range no frame can carry does not stop what follows."""

    def cut_too_long_a_name(meter_log: MeterLog, chunk: Chunk) -> Cut:
        named = MeterLog(meter_log.log, meter_log.log_id, "M" * 65, Medium.ELECTRICITY, 1)
        return cut_everything(named if chunk.first_seq == 1 else meter_log, chunk)

    scene = Scene(tmp_path, cut=cut_too_long_a_name)
    scene.connect()
    scene.answer()

    assert scene.sent() == [(11, 20)]
    assert scene.bad_input == ["unframeable"]
    assert scene.log.held_refused(scene.meter_log.log) == [(1, 10, "bad-value")]


def cut_with_gaps(meter_log: MeterLog, chunk: Chunk) -> Cut:
    """Withhold every second row of a chunk."""
    kept = [
        StampedSample(seq, START_MS + seq * 10_000, {"import_mwh": seq}, 0)
        for seq in range(chunk.first_seq, chunk.last_seq + 1, 2)
    ]
    gaps = [Gap(GapKind.WITHHELD, one.seq + 1, one.seq + 1) for one in kept]
    if gaps[-1].first_seq > chunk.last_seq:
        gaps.pop()
    frame = frame_of(meter_log.log_id, meter_log.meter, 0, kept, gaps=gaps)
    return Cut(frame, chunk.last_seq)


def test_a_frame_that_is_too_large_is_cut_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of it at a time, until it fits; nothing is held."""
    monkeypatch.setattr("shared.frames.MAX_GAPS", 2)
    scene = Scene(tmp_path, cut=cut_with_gaps)
    scene.connect()
    scene.answer()

    sent = []
    for _ in range(4):
        sent += scene.sent()
        scene.step(600_000)

    assert sent[0] == (1, 5)
    assert [seq for first, last in sent for seq in range(first, last + 1)] == list(range(1, 21))
    assert scene.bad_input == []
    assert scene.log.held_refused(scene.meter_log.log) == []


def test_a_single_row_that_is_too_large_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be cut smaller is kept and shown, and what follows is sent."""
    scene = Scene(tmp_path, rows=11)

    def refuse(frame: Frame) -> bytes:
        if frame.first_seq <= 3 <= frame.last_seq:
            raise FrameError(TOO_LARGE, "it is")
        return encode_frame(frame)

    monkeypatch.setattr("agent.uplink.sender.encode_frame", refuse)
    scene.connect()
    scene.answer()

    sent = scene.sent()

    assert {seq for first, last in sent for seq in range(first, last + 1)} == {1, 2, *range(4, 12)}
    assert scene.bad_input == ["unframeable"]
    assert scene.log.held_refused(scene.meter_log.log) == [(3, 3, TOO_LARGE)]


def test_what_was_held_as_too_large_is_tried_again_at_start(scene: Scene) -> None:
    """A version before this one may have held days of it; other refusals stand."""
    log = scene.meter_log.log
    scene.connect()
    scene.answer()
    scene.sent()
    scene.log.hold(log, 1, 10, TOO_LARGE)
    scene.log.hold(log, 11, 15, "bad-value")
    scene.session = scene.make_session()

    scene.connect()
    scene.answer()

    assert scene.sent() == [(1, 10), (16, 20)]
    assert scene.log.held_refused(log) == [(11, 15, "bad-value")]


def test_another_store_is_offered_everything_again(scene: Scene) -> None:
    """A cloud restored from a backup says so by its store id; the hub sends all that it holds."""
    scene.connect()
    scene.answer(stored=[(1, 20, 0)])
    assert scene.session.unstored() == [(scene.meter_log, [])]
    scene.cloud.store_id = "store-2"

    scene.answer(stored=[])

    assert scene.sent() == [(1, 10), (11, 20)]
    assert scene.log.fact("store_id") == b"store-2"


def test_a_hub_killed_after_meeting_another_store_still_offers_everything(scene: Scene) -> None:
    """What the store before had said is forgotten in the transaction that names the new one."""
    scene.log.commit(Batch(stored={scene.meter_log.log: [(1, 20, 0)]}))
    scene.log.hold(scene.meter_log.log, 5, 6, "conflict")
    scene.connect()
    scene.answer(stored=[])

    scene.cloud.store_id = "store-2"
    scene.answer(stored=[])

    assert scene.log.fact("store_id") == b"store-2"
    assert scene.log.stored_ranges(scene.meter_log.log) == []
    assert scene.log.held_refused(scene.meter_log.log) == []


def test_receipts_from_beyond_our_end_start_a_new_log(scene: Scene) -> None:
    """A hub restored from an old copy must not write sequences that the cloud already has."""
    scene.connect()

    scene.answer(stored=[(1, 21, 0)])

    assert scene.session.state.rewound_meters == [METER]
    started = scene.log.meters[METER]
    assert (started.log != scene.meter_log.log, started.next_seq) == (True, 1)


def test_what_receipts_changed_is_handed_over_once(scene: Scene) -> None:
    """The next group commit keeps it; a restart knows what is stored."""
    scene.connect()
    scene.answer(stored=[(1, 10, 0)])

    assert scene.session.take_stored() == {scene.meter_log.log: [(1, 10, 0)]}
    assert scene.session.take_stored() == {}


def test_a_message_that_is_no_receipt_is_set_aside(scene: Scene) -> None:
    """Bytes that break a rule are named, and the conversation goes on."""
    scene.connect()

    scene.uplink.arrive(Channel.RECEIPTS, b"not json")
    scene.answer()

    assert scene.bad_input == ["bad-receipt"]
    assert scene.sent() != []


def test_a_receipt_for_an_unknown_log_carries_only_window_and_time(scene: Scene) -> None:
    """A hub without a log is answered with an empty log id; a log waits for its own answer."""
    scene.connect()
    scene.cloud.hello_id = scene.uplink.hello_id
    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt(""))
    scene.step()
    before = scene.sent()
    scene.answer()

    assert scene.session.is_answered
    assert before == []
    assert scene.sent() == [(1, 10), (11, 20)]


def test_a_log_that_is_never_answered_for_is_sent_all_the_same(scene: Scene) -> None:
    """The hub asks three times whether its sequences are free, then goes on."""
    scene.connect()
    for _ in range(MAX_ASKS):
        scene.cloud.hello_id = scene.uplink.hello_id
        scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt(""))
        scene.step()
        assert scene.sent() == []
        scene.step(ANSWER_MS + 1)

    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt(""))
    scene.step()

    assert scene.sent() == [(1, 10), (11, 20)]


def test_hellos_that_nobody_answers_are_not_counted(scene: Scene) -> None:
    """A cloud that was silent, as while a hub is revoked, is asked for each log once it speaks.

    On a card that was put back the first frames would else go under numbers the cloud knows.
    """
    scene.connect()
    for _ in range(MAX_ASKS + 1):
        scene.step(ANSWER_MS + 1)

    scene.cloud.hello_id = scene.uplink.hello_id
    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt(""))
    scene.step()
    before = scene.sent()
    scene.answer()

    assert before == []
    assert scene.sent() == [(1, 10), (11, 20)]


def test_one_stuck_range_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """Where a part of the log must wait, what lies behind it is sent."""

    def cut_none_of_the_first(meter_log: MeterLog, chunk: Chunk) -> Cut:
        if chunk.first_seq == 1:
            return Cut(None, 0)
        return cut_everything(meter_log, chunk)

    scene = Scene(tmp_path, cut=cut_none_of_the_first)
    scene.connect()

    scene.answer(stored=[(6, 10, 0)])

    assert scene.sent() == [(11, 20)]


def test_frames_are_what_the_log_holds(scene: Scene) -> None:
    """The values that arrive are the values that were written."""
    scene.connect()
    scene.answer()

    frames: list[Frame] = scene.uplink.frames()

    values = [value for frame in frames for value in frame.columns[0].values]
    assert values == [1_000_000 + seq * 1_000 for seq in range(1, 21)]
