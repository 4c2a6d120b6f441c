"""The conversation with the cloud, against a fake uplink and a clock that the test moves."""

import asyncio
from pathlib import Path

import pytest

from agent.records import MeterLog
from agent.uplink import session as session_module
from agent.uplink.framing import Chunk, Cut
from agent.uplink.greeting import ANSWER_MS
from agent.uplink.pacing import UNHEARD_S_MIN
from agent.uplink.port import Channel
from agent.uplink.sender import BURST_FRAMES
from agent.uplink.session import PAUSED_ASK_MS
from shared.protocol import Hello, decode_hello, encode_message
from tests.support.hubs import METER
from tests.support.sessions import Scene, cut_everything


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A session over twenty rows."""
    return Scene(tmp_path)


def test_hello_comes_first_and_nothing_before_its_answer(scene: Scene) -> None:
    """Until the cloud has spoken the hub says what it holds, and sends nothing else."""
    scene.connect()
    scene.step(5_000)

    hello = decode_hello(scene.uplink.taken(Channel.HELLO)[0])
    assert [(s.log_id, s.meter, s.first_seq, s.last_seq) for s in hello.logs] == [
        (scene.meter_log.log_id.hex(), METER, 1, 20)
    ]
    assert scene.sent() == []
    scene.answer()
    assert scene.sent() == [(1, 10), (11, 20)]


def test_the_tariff_is_asked_for_with_hello(scene: Scene) -> None:
    """A hub that comes back wants to know today's prices; an answer is handed on."""
    scene.connect()
    scene.uplink.arrive(Channel.TARIFF, b"{}")
    scene.step()

    assert len(scene.uplink.taken(Channel.TARIFF_GET)) == 1
    assert scene.tariffs == [b"{}"]


def test_hello_is_said_again_while_nobody_answers(scene: Scene) -> None:
    """A lost hello, or a lost answer, costs twenty seconds."""
    scene.connect()
    scene.step(ANSWER_MS)
    before = len(scene.uplink.taken(Channel.HELLO))
    scene.step(1)

    assert (before, len(scene.uplink.taken(Channel.HELLO))) == (1, 1)


def test_the_first_hello_waits_for_a_random_pause(tmp_path: Path) -> None:
    """A million hubs that come back do not speak at once."""
    scene = Scene(tmp_path, start_delay_s=10)
    scene.session._jitter.seed(1)
    scene.connect()

    early = scene.uplink.taken(Channel.HELLO)
    scene.step(10_000)

    assert early == []
    assert len(scene.uplink.taken(Channel.HELLO)) == 1


def test_the_first_answer_tells_the_time_once(scene: Scene) -> None:
    """The cloud's clock is believed by the round trip of the hello; later receipts tell none."""
    scene.connect()
    scene.time.pass_by(80)

    scene.answer()
    scene.answer()

    assert scene.cloud_times == [(0, 80)]


def test_a_receipt_kept_back_since_before_the_hello_tells_no_time(scene: Scene) -> None:
    """A slow network may deliver an old receipt just after a hello: its time is long past."""
    scene.connect()
    scene.uplink.last_hello = encode_message(Hello("1.0", 1, [], "the hello before"))
    scene.time.pass_by(80)

    scene.answer()

    assert scene.cloud_times == []
    assert not scene.session.is_answered


def test_no_more_frames_than_the_window_are_unanswered(scene: Scene) -> None:
    """The cloud says how much it takes at a time."""
    scene.cloud.window_frames = 1
    scene.connect()

    scene.answer()
    scene.step(1_000)
    first = scene.sent()
    scene.answer(stored=[(1, 10, 0)])

    assert (first, scene.sent()) == ([(1, 10)], [(11, 20)])


def test_a_window_of_nothing_pauses_and_is_asked_about(scene: Scene) -> None:
    """A paused hub sends no frame, and asks after ten minutes whether it may go on."""
    scene.cloud.window_frames = 0
    scene.connect()
    scene.answer()
    scene.uplink.taken(Channel.HELLO)
    scene.step(PAUSED_ASK_MS - 1)
    before = scene.uplink.taken(Channel.HELLO)
    scene.step(1)
    scene.step(1)
    asked = scene.uplink.taken(Channel.HELLO)
    paused = scene.sent()
    scene.cloud.window_frames = 2
    scene.answer()

    assert (before, len(asked), paused) == ([], 1, [])
    assert len(scene.sent()) == 2


def test_a_disconnect_forgets_what_was_in_flight(scene: Scene) -> None:
    """On the next connection hello and its receipt say what arrived; the rest is sent anew."""
    scene.connect()
    scene.answer()
    scene.sent()
    scene.uplink.lose("gone")
    scene.step()
    lost = (scene.session.state.is_connected, scene.session.state.disconnect_reason)

    scene.connect()
    before = scene.sent()
    scene.answer(stored=[(1, 10, 0)])

    assert lost == (False, "gone")
    assert (before, scene.sent()) == ([], [(11, 20)])


def test_nobody_listening_counts_as_offline(scene: Scene) -> None:
    """A broker without an ingest takes messages for nothing: pause, and hello again."""
    scene.connect()
    scene.answer()
    scene.sent()
    scene.uplink.undelivered_reason = "no ingest listens"
    scene.more(10)
    scene.step(300_000)
    assert scene.sent() == [(21, 30)]
    scene.step()
    scene.uplink.undelivered_reason = None
    scene.uplink.published.clear()
    half_ms = int(UNHEARD_S_MIN * 500)
    scene.step(half_ms - 1)
    during = scene.uplink.published.copy()
    scene.step(half_ms + 1)

    assert during == []
    assert len(scene.uplink.taken(Channel.HELLO)) == 1
    scene.answer(stored=[(1, 20, 0)])
    assert scene.sent() == [(21, 30)]


def test_backlog_is_paced_by_the_token_bucket(tmp_path: Path) -> None:
    """A burst of frames, then as many a second as the household's line shall carry."""
    scene = Scene(tmp_path, rows=300, frames_per_s=2)
    scene.connect()
    scene.answer()
    burst = len(scene.sent())
    scene.step(500)
    half_second = len(scene.sent())
    scene.step(1_000)

    assert (burst, half_second, len(scene.sent())) == (BURST_FRAMES, 1, 2)


def test_the_steady_flow_waits_for_its_interval(scene: Scene) -> None:
    """Frames leave every few minutes, not at every commit."""
    scene.connect()
    scene.answer()
    scene.sent()
    scene.more(3)
    scene.step(299_000)
    early = scene.sent()
    scene.step(1_000)

    assert (early, scene.sent()) == ([], [(21, 23)])


def test_a_transport_that_takes_nothing_is_tried_later(scene: Scene) -> None:
    """A frame that could not be handed over is not in flight."""
    scene.connect()
    scene.uplink.is_connected = False
    scene.answer()
    refused = scene.sent()
    scene.uplink.is_connected = True
    scene.step(300_000)

    assert (refused, scene.sent()) == ([], [(1, 10), (11, 20)])


def test_drain_sends_what_is_not_yet_due_and_waits_for_receipts(scene: Scene) -> None:
    """A hub that is told to stop sends its last rows first."""
    scene.connect()
    scene.answer()
    scene.sent()
    scene.answer(stored=[(1, 20, 0)])
    scene.more(2)
    scene.step()
    assert scene.sent() == []
    receipt = scene.cloud.receipt(scene.meter_log.log_id.hex(), stored=[(1, 22, 0)])

    async def drain() -> None:
        task = asyncio.create_task(scene.session.drain(10))
        await asyncio.sleep(0.01)
        scene.uplink.arrive(Channel.RECEIPTS, receipt)
        await task

    asyncio.run(drain())

    assert scene.sent() == [(21, 22)]
    assert scene.session.unstored() == [(scene.meter_log, [])]


def test_drain_gives_up_after_its_patience(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloud that does not answer does not keep the hub from stopping."""
    scene.connect()
    scene.answer()
    original = scene.session._take_events

    async def take_and_age(wait_s: float) -> None:
        scene.time.pass_by(500)
        await original(0.001 if wait_s else 0)

    monkeypatch.setattr(scene.session, "_take_events", take_and_age)

    asyncio.run(scene.session.drain(2))

    assert len(scene.session.unstored()[0][1]) == 1


def test_events_past_the_limit_are_dropped(scene: Scene) -> None:
    """A flood of messages costs a re-send, not memory."""
    for _ in range(session_module.MAX_EVENTS + 50):
        scene.uplink.arrive(Channel.RECEIPTS, b"x")
    scene.session.wake()

    scene.step()

    assert len(scene.bad_input) == session_module.MAX_EVENTS


def test_run_serves_until_cancelled(scene: Scene) -> None:
    """The loop takes events as they come and sends what is due."""

    async def serve() -> None:
        task = asyncio.create_task(scene.session.run())
        await asyncio.sleep(0)
        scene.uplink.connect()
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(serve(), 5))

    assert len(scene.uplink.taken(Channel.HELLO)) == 1


def test_a_timeless_stretch_holds_up_nothing_behind_it(tmp_path: Path) -> None:
    """It is passed over, not read again each tick, and sent once the clock tells more."""
    asked: list[int] = []

    def cut(meter_log: MeterLog, chunk: Chunk) -> Cut:
        asked.append(chunk.first_seq)
        if chunk.first_seq == 1 and there.clock_pieces == 1:
            return Cut(None, 10)
        return cut_everything(meter_log, chunk)

    there = Scene(tmp_path, rows=40, cut=cut)
    there.connect()
    there.answer()
    for _ in range(5):
        there.step(1_000)
    sent_timeless, asked_timeless = there.sent(), asked.count(1)

    there.clock_pieces = 2
    there.step(1_000)

    assert sent_timeless == [(11, 20), (21, 30), (31, 40)]
    assert asked_timeless == 1
    assert there.sent() == [(1, 10)]


def test_a_stretch_that_is_stuck_does_not_put_off_the_newest(tmp_path: Path) -> None:
    """What waits far back for its time does not reset the turn of the steady flow."""

    def cut(meter_log: MeterLog, chunk: Chunk) -> Cut:
        if chunk.first_seq == 1:
            return Cut(None, 0)
        return cut_everything(meter_log, chunk)

    scene = Scene(tmp_path, rows=5, cut=cut)
    scene.connect()
    scene.answer(stored=[(3, 5, 0)])
    scene.more(2)
    for _ in range(301):
        scene.step(1_000)

    assert (6, 7) in scene.sent()
