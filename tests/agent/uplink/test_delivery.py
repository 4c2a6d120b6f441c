"""Delivery over a network that loses, repeats and reorders, and connections that break."""

from pathlib import Path

import pytest

from agent.log import Log
from agent.rows import LogRow
from tests.support.fakes import LossyNetwork
from tests.support.sessions import Scene


def log_states(log: Log) -> set[tuple[str, int]]:
    """Name every row a hub holds as the cloud would."""
    return {
        (meter_log.log_id.hex(), row.seq)
        for meter_log in log.all_logs()
        for row in log.read(meter_log.log, 0, 2**40)
        if isinstance(row, LogRow)
    }


@pytest.mark.parametrize("seed", range(12))
def test_in_the_end_everything_is_stored_exactly_once(seed: int, tmp_path: Path) -> None:
    """Frames and receipts are dropped, repeated and reordered, connections break: none is lost."""
    scene = Scene(tmp_path, rows=60)
    scene.session._jitter.seed(seed)
    scene.cloud.window_frames = 3
    network = LossyNetwork(seed, scene.uplink, scene.cloud)
    scene.uplink.connect()

    for turn in range(400):
        scene.step(15_000)
        network.carry()
        if turn % 37 == seed:
            scene.uplink.lose()
            scene.step()
            scene.uplink.connect()
        if turn % 50 == 0 and turn < 250:
            scene.more(7)
        network.is_lossy = turn < 250

    assert set(scene.cloud.samples) == log_states(scene.log)
    assert scene.cloud.conflicts == []
    assert scene.session.unstored() == [(scene.meter_log, [])]
