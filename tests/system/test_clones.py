"""Two live hubs from one card: the cloud finds it out, both are told, and neither loses a row."""

import shutil
from pathlib import Path

import pytest

from agent.uplink.port import Channel
from agent.uplink.store import CLONE_FACT, read_clone_ms
from cloud.fleet.overview import view
from cloud.ingest.clones import MAX_RUNS, RETURNS_MIN, Runs, note_run, told_ms
from cloud.ingest.intake import Message
from cloud.ingest.service import Addressed
from cloud.readings.repository import SqlReadingStore
from shared.frames import decode_frame
from shared.protocol import encode_message
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_SECOND
from tests.support.ingest import HOME, THING, Cloud
from tests.support.sessions import Scene

TURN_MS = 300_000


class Twins:
    """Two hubs with one card's content, under one name, of which the broker lets one in."""

    def __init__(self, folder: Path) -> None:
        for name in ("a", "b", "cloud"):
            (folder / name).mkdir()
        Scene(folder / "a", rows=20).log.close()
        shutil.copyfile(folder / "a" / "hub.sqlite", folder / "b" / "hub.sqlite")
        self.hubs = [Scene(folder / name, rows=0) for name in ("a", "b")]
        self.cloud = Cloud(folder / "cloud")

    def take_turn(self, hub: Scene) -> None:
        """Let one hub take the connection over, with five more rows to tell."""
        for one in self.hubs:
            if one.session.state.is_connected:
                one.uplink.lose("session taken over")
                one.step()
        hub.more(5)
        for _ in range(4):
            for one in self.hubs:
                one.step(TURN_MS // 4)
            self.cloud.clock.advance_to(hub.time.utc_ms)
            if not hub.session.state.is_connected:
                hub.connect()
            self.carry(hub)

    def carry(self, hub: Scene) -> None:
        """Carry what is said both ways, until neither has more to say."""
        while hub.uplink.published:
            sent, hub.uplink.published = hub.uplink.published, []
            for channel, payload in sent:
                for one in self._answers(channel, payload):
                    hub.uplink.arrive(Channel.RECEIPTS, encode_message(one.receipt))
            hub.step()

    def count_stored(self) -> int:
        """Count the samples that the cloud has, over both hubs' logs."""
        logs = {one.log_id.hex() for hub in self.hubs for one in hub.log.all_logs()}
        with self.cloud.database.reading() as connection:
            kept = [
                frame
                for log_id in logs
                for frame in SqlReadingStore(connection).frames_of_log(HOME, log_id, [(0, 10**6)])
            ]
        return sum(len(list(decode_frame(one.payload).sequences())) for one in kept)

    def _answers(self, channel: Channel, payload: bytes) -> list[Addressed]:
        if channel is Channel.HELLO:
            return self.cloud.service.greet(THING, payload)
        if channel is Channel.FRAMES:
            message = Message(THING, payload, self.cloud.clock.utc_ms())
            return self.cloud.service.ingest([message])
        return []

    def is_all_stored(self, hub: Scene) -> bool:
        """Tell whether every row a hub holds was named by a receipt, and none refused."""
        refused = [hub.session.delivery(one.log).refused for one in hub.log.all_logs()]
        return not any(ranges for _, ranges in hub.session.unstored()) and not any(refused)


def test_two_live_hubs_of_one_card_are_found_out_and_lose_nothing(tmp_path: Path) -> None:
    """Both are told within a few turns; each row of either is stored, under a number of its own."""
    twins = Twins(tmp_path)

    for turn in range(8):
        twins.take_turn(twins.hubs[turn % 2])

    hub = twins.cloud.hub()
    now_ms = twins.cloud.clock.utc_ms()
    shown = view(hub, None, None, None, now_ms)
    assert all(one.session.state.clone_seen_ms for one in twins.hubs)
    assert "a second hub uses this identity" in shown.concerns
    assert shown.clone_seen_at is not None
    assert shown.clone_takeovers >= RETURNS_MIN
    assert hub.conflicts == 0
    assert all(twins.is_all_stored(one) for one in twins.hubs)
    assert twins.count_stored() == 20 + 8 * 5
    for one in twins.hubs:
        assert read_clone_ms(one.session.take_facts()[CLONE_FACT])


def test_one_hub_that_starts_again_and_again_is_no_clone() -> None:
    """Every start is a run of its own, and none of them comes back."""
    runs = Runs()

    for number in range(100):
        runs = note_run(runs, f"run-{number}", number * MS_PER_SECOND)
        runs = note_run(runs, f"run-{number}", number * MS_PER_SECOND)

    assert (runs.returns, runs.takeovers, len(runs.known)) == (0, 0, MAX_RUNS)


def test_hello_that_comes_late_is_no_clone() -> None:
    """It looks like a return, and the next of the present run like another; no more come."""
    runs = Runs()

    for run_id in ("a", "b", "a", "b", "b", "b"):
        runs = note_run(runs, run_id, 1_000)

    assert (runs.returns, runs.takeovers, runs.seen_at_ms) == (2, 0, 0)


@pytest.mark.parametrize("clones", [2, 3])
def test_clones_are_counted_however_many(clones: int) -> None:
    """They take turns: each turn after the first round is a return."""
    runs = Runs()

    for turn in range(clones + RETURNS_MIN):
        runs = note_run(runs, f"run-{turn % clones}", turn * MS_PER_SECOND)

    assert runs.takeovers == RETURNS_MIN
    assert told_ms(runs, runs.seen_at_ms + MS_PER_HOUR) == runs.seen_at_ms
    assert told_ms(runs, runs.seen_at_ms + MS_PER_DAY) == 0


def test_returns_that_are_hours_apart_are_no_clone() -> None:
    """A late hello now and then never adds up."""
    runs = Runs()

    for turn in range(40):
        runs = note_run(runs, f"run-{turn % 2}", turn * MS_PER_HOUR)

    assert runs.takeovers == 0


def test_hub_that_says_no_run_changes_nothing() -> None:
    """One of before knows no runs."""
    runs = note_run(Runs(), "a", 1_000)

    assert note_run(runs, "", 2_000) == runs
