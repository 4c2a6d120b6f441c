"""A cloud that was put back from a copy, and frames that were lost on the way."""

from pathlib import Path

from agent.records import Batch
from agent.uplink.port import Channel
from agent.uplink.session import HELLO_PAUSE_MS
from agent.uplink.store import REVISION_FACT
from shared.protocol import Hello, decode_hello
from tests.support.sessions import Scene


def hellos(scene: Scene) -> list[Hello]:
    """Hand over the hellos said since last asked."""
    return [decode_hello(payload) for payload in scene.uplink.taken(Channel.HELLO)]


def settled(path: Path, rows: int = 20) -> Scene:
    """A session whose rows are stored, with receipts up to revision 50 at one o'clock."""
    scene = Scene(path, rows)
    scene.cloud.time_ms = 1_000
    scene.connect()
    scene.answer(revision=50, stored=[(1, rows, 0)])
    hellos(scene)
    return scene


def test_the_hello_names_store_and_newest_receipt(tmp_path: Path) -> None:
    """Over all logs, and not the last one that happened to come."""
    scene = settled(tmp_path)
    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt("ff" * 16, revision=60))
    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt("", revision=55))
    scene.step()

    scene.uplink.lose()
    scene.connect()

    (hello,) = hellos(scene)
    assert (hello.store_id, hello.receipt_revision) == ("store-1", 60)


def test_a_hub_that_was_told_nothing_names_nothing(tmp_path: Path) -> None:
    """Its first hello is that of a hub which knows no store."""
    scene = Scene(tmp_path)

    scene.connect()

    (hello,) = hellos(scene)
    assert (hello.store_id, hello.receipt_revision) == ("", 0)


def test_the_newest_receipt_is_kept_over_restarts(tmp_path: Path) -> None:
    """It is written with the group commit that keeps what the receipts list."""
    scene = settled(tmp_path)
    scene.log.commit(Batch(facts=scene.session.take_facts()))
    again = scene.session.take_facts()

    scene.session = scene.make_session()
    scene.connect()

    (hello,) = hellos(scene)
    assert again == {}
    assert (hello.store_id, hello.receipt_revision) == ("store-1", 50)


def test_another_store_makes_the_former_revision_void(tmp_path: Path) -> None:
    """Also where it is written by a commit that was under way meanwhile."""
    scene = settled(tmp_path)
    late_facts = scene.session.take_facts()
    scene.cloud.store_id = "store-2"
    scene.answer(revision=3, stored=[])
    scene.log.commit(Batch(facts=late_facts))

    scene.session = scene.make_session()
    scene.connect()

    (hello,) = hellos(scene)
    assert late_facts == {REVISION_FACT: b"50 store-1"}
    assert (hello.store_id, hello.receipt_revision) == ("store-2", 0)


def test_what_the_former_store_said_is_not_written_after_it(tmp_path: Path) -> None:
    """A commit under way, or one that failed, must not make the hub believe it after a restart."""
    scene = settled(tmp_path)
    said, by = scene.session.take_stored(), scene.session.store_id
    scene.cloud.store_id = "store-2"
    scene.answer(revision=3, stored=[])
    log = scene.meter_log.log

    scene.log.commit(Batch(stored=said, stored_by=by))
    former = scene.log.stored_ranges(log)
    scene.log.commit(Batch(stored={log: [(1, 5, 0)]}, stored_by=scene.session.store_id))

    assert said == {log: [(1, 20, 0)]}
    assert former == []
    assert scene.log.stored_ranges(log) == [(1, 5, 0)]


def test_a_lower_receipt_written_later_is_asked_about_at_once(tmp_path: Path) -> None:
    """The store has forgotten receipts it gave: the hello lets it find out."""
    scene = settled(tmp_path)
    scene.step(HELLO_PAUSE_MS)
    scene.cloud.time_ms = 2_000

    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt("", revision=30))
    scene.step()

    (hello,) = hellos(scene)
    assert (hello.store_id, hello.receipt_revision) == ("store-1", 50)


def test_a_receipt_that_was_kept_back_on_the_way_asks_nothing(tmp_path: Path) -> None:
    """It is lower because it is older."""
    scene = settled(tmp_path)
    scene.step(HELLO_PAUSE_MS)
    scene.cloud.time_ms = 999

    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt("", revision=49))
    scene.step(HELLO_PAUSE_MS)

    assert hellos(scene) == []


def test_a_cloud_that_stays_put_back_makes_no_storm(tmp_path: Path) -> None:
    """One hello a minute, however many receipts disagree."""
    scene = settled(tmp_path)
    scene.cloud.time_ms = 2_000

    for second in range(300):
        scene.cloud.time_ms += 1_000
        scene.cloud.hello_id = scene.uplink.hello_id
        log_id = scene.meter_log.log_id.hex()
        revision = 1 + second // 10
        scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt(log_id, revision=revision))
        scene.step(1_000)

    assert len(hellos(scene)) == 5


def test_a_hello_answered_with_less_than_was_stored_has_it_sent_again(tmp_path: Path) -> None:
    """The store has counted as far as the hub knows, and says nothing else that gives it away."""
    scene = settled(tmp_path)
    scene.uplink.lose()
    scene.connect()

    scene.answer(revision=51, stored=[(1, 15, 0)])
    scene.step(300_000)

    assert scene.sent() == [(16, 20)]
    assert scene.session.take_stored() == {scene.meter_log.log: [(1, 15, 0)]}


def test_a_log_the_cloud_knows_nothing_of_any_more_is_sent_whole(tmp_path: Path) -> None:
    """Of a log that goes on no more, no later row would show the hole."""
    scene = settled(tmp_path)
    scene.uplink.lose()
    scene.connect()

    scene.answer(revision=51, stored=[])
    scene.step(300_000)

    assert scene.sent() == [(1, 10), (11, 20)]


def test_a_receipt_of_a_frame_that_lists_less_than_before_has_the_hub_ask(tmp_path: Path) -> None:
    """Only the answer is sure to be newer than what the hub believes: until then it waits."""
    scene = settled(tmp_path)
    scene.step(HELLO_PAUSE_MS)
    scene.cloud.hello_id = ""
    log_id = scene.meter_log.log_id.hex()

    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt(log_id, revision=51))
    scene.step()
    before = scene.sent()
    (hello,) = hellos(scene)
    scene.answer(revision=52, stored=[(1, 19, 0)])
    scene.step(300_000)

    assert hello.hello_id
    assert before == []
    assert scene.sent() == [(20, 20)]


def test_a_frame_that_a_receipt_passes_over_is_sent_again_soon(tmp_path: Path) -> None:
    """Later rows are stored: it was lost on the way, and does not wait for its hour."""
    scene = settled(tmp_path)
    scene.more(10)
    scene.step(300_000)
    scene.more(10)
    scene.step(300_000)
    first = scene.sent()

    scene.answer(revision=60, stored=[(1, 20, 0), (31, 40, 0)])
    scene.step(29_999)
    too_soon = scene.sent()
    scene.step(15_001)

    assert first == [(21, 30), (31, 40)]
    assert too_soon == []
    assert scene.sent() == [(21, 30)]
    assert scene.session.state.frames_overdue == 1


def test_an_answer_that_comes_after_all_spares_the_second_sending(tmp_path: Path) -> None:
    """A receipt may be written before the frame arrived that it passes over."""
    scene = settled(tmp_path)
    scene.more(10)
    scene.step(300_000)
    scene.more(10)
    scene.step(300_000)
    scene.sent()

    scene.answer(revision=60, stored=[(1, 20, 0), (31, 40, 0)])
    scene.step(20_000)
    scene.answer(revision=61, stored=[(1, 40, 0)])
    scene.step(30_000)

    assert scene.sent() == []


def test_what_comes_after_all_that_is_stored_is_merely_on_its_way(tmp_path: Path) -> None:
    """Receipts that do not reach it yet hasten nothing."""
    scene = settled(tmp_path)
    scene.more(10)
    scene.step(300_000)
    scene.sent()

    for revision in range(60, 70):
        scene.answer(revision=revision, stored=[(1, 20, 0)])
        scene.step(60_000)

    assert scene.sent() == []
