"""What receipts do: free what they list, refuse, move to another store, and nothing else."""

from pathlib import Path

import pytest

from agent.records import Batch, MeterLog
from agent.uplink.framing import Chunk, Cut
from agent.uplink.port import Channel
from agent.uplink.sender import BACKLOG_ANSWER_MS
from shared.frames import Frame
from shared.ranges import count
from shared.readings import Medium
from tests.support.hubs import METER
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
    """A hub that holds nothing yet is answered with an empty log id."""
    scene.connect()
    scene.cloud.hello_id = scene.uplink.hello_id
    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt(""))
    scene.step()

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
