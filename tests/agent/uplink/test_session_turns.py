"""Turns: a backlog leaves the event loop to others between its frames."""

import asyncio
import dataclasses
import math
from pathlib import Path

from agent.records import MeterLog
from agent.uplink.framing import THINNED_FRAME_ROWS
from agent.uplink.port import Channel
from agent.uplink.sender import BURST_FRAMES, FRAMES_A_TURN
from shared.readings import Medium
from tests.support.hubs import append, rows_every
from tests.support.sessions import CHUNK_ROWS, Scene


def answered(path: Path, rows: int, frames_per_s: float) -> Scene:
    """Make a scene whose hello was answered, and that has not sent since."""
    scene = Scene(path, rows=rows, frames_per_s=frames_per_s)
    scene.connect()
    scene.cloud.hello_id = scene.uplink.hello_id
    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt(scene.meter_log.log_id.hex()))
    scene.session._handle(scene.session._events.get_nowait())
    return scene


def test_a_turn_sends_few_frames_and_asks_for_the_next_at_once(tmp_path: Path) -> None:
    """What else the hub has to do is never held up longer than those take to cut."""
    scene = answered(tmp_path, BURST_FRAMES * CHUNK_ROWS, 5)

    pauses_s = []
    for _ in range(BURST_FRAMES):
        pauses_s.append(scene.session._send_due(is_final=False))
        assert len(scene.sent()) == FRAMES_A_TURN

    assert pauses_s == [0] * (BURST_FRAMES - 1) + [math.inf]


def test_a_paced_backlog_asks_for_when_its_next_frame_is_due(tmp_path: Path) -> None:
    """Waiting for an event instead, it would stand still once all it sent is answered."""
    scene = answered(tmp_path, 2 * BURST_FRAMES * CHUNK_ROWS, 5)

    scene.step()
    pause_s = scene.session._send_due(is_final=False)

    assert len(scene.sent()) == BURST_FRAMES
    assert pause_s == 1 / 5


def test_a_turn_that_is_over_reads_nothing_of_a_long_backlog(tmp_path: Path) -> None:
    """Of two meters' logs the second waits its turn: what its frame may hold is not looked up."""
    scene = answered(tmp_path, THINNED_FRAME_ROWS + CHUNK_ROWS, 5)
    other = scene.log.meter_log("other", Medium.ELECTRICITY)
    append(scene.log, other, rows_every(THINNED_FRAME_ROWS))
    asked: list[int] = []

    def chunk_rows(meter_log: MeterLog, _seq: int) -> int:
        asked.append(meter_log.log)
        return CHUNK_ROWS

    scene.session._sender._rules = dataclasses.replace(
        scene.session._sender._rules, chunk_rows=chunk_rows
    )

    pause_s = scene.session._send_due(is_final=False)

    assert len(scene.sent()) == FRAMES_A_TURN
    assert pause_s == 0
    assert asked == [scene.meter_log.log]


def test_a_hub_that_stops_sends_its_backlog_without_a_pause(tmp_path: Path) -> None:
    """Draining goes on from frame to frame, as fast as the pace lets it, until it has to wait."""
    scene = answered(tmp_path, BURST_FRAMES * CHUNK_ROWS, 5)

    async def drain_shortly() -> None:
        draining = asyncio.create_task(scene.session.drain(1))
        for _ in range(100):
            await asyncio.sleep(0)
        draining.cancel()

    asyncio.run(drain_shortly())

    assert len(scene.sent()) == BURST_FRAMES
