"""Playing a household: history without a hole, then live; over file, TCP and pseudo-terminal."""

import os
import socket
import threading
import tty
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from firmware_bridge.simulator import sinks
from firmware_bridge.simulator.oracle import read_lines
from firmware_bridge.simulator.p1_meter import telegrams
from firmware_bridge.simulator.play import OracleFile, Player, Progress, Script
from firmware_bridge.simulator.sinks import FileSink, PtySink, Stopping, TcpSink
from firmware_bridge.simulator.timing import JITTER_MS, LiveTimes, history_times
from shared.clock import DrivenClock
from shared.errors import OperatorError
from shared.readings import Medium

NOW_MS = 1_790_000_000_000


class MemorySink:
    """Keeps what it is sent, and says stop after so many telegrams."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.telegrams: list[bytes] = []
        self._stop_after = stop_after

    def is_full(self) -> bool:
        return len(self.telegrams) >= self._stop_after

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        room = self._stop_after - len(self.telegrams)
        self.telegrams += telegrams[:room]
        return min(room, len(telegrams))

    def close(self) -> None:
        pass


def play(
    script: Script, sink: MemorySink, oracle: Path, clock: DrivenClock
) -> tuple[int, list[Progress]]:
    """Play on a clock that moves only when the player sleeps."""
    told: list[Progress] = []

    def sleep(seconds: float) -> None:
        clock.advance_to(clock.utc_ms() + max(1, round(seconds * 1_000)))

    with oracle.open("wb") as file:
        player = Player(
            script,
            clock=clock,
            sink=sink,
            oracle=OracleFile(file),
            stopping=sink.is_full,
            report=told.append,
            sleep=sleep,
        )
        return player.play(), told


def test_history_alone_is_what_the_pure_meter_says(tmp_path: Path) -> None:
    """Same bytes, same oracle, up to the now it was started at."""
    sink = MemorySink()
    script = Script(seed=2, history_days=0.1, is_live=False)

    emitted, _ = play(script, sink, tmp_path / "o", DrivenClock(NOW_MS))

    expected = list(telegrams(2, NOW_MS - 8_640_000, NOW_MS))
    assert emitted == len(expected) == 864
    assert sink.telegrams == [content for content, _ in expected]
    assert read_lines((tmp_path / "o").read_bytes()) == [
        line for _, lines in expected for line in lines
    ]


def test_live_follows_history_without_a_hole(tmp_path: Path) -> None:
    """Steps of at most eleven seconds in history and two when live, and a late start catches up."""
    sink = MemorySink(stop_after=400)
    script = Script(seed=2, history_days=1 / 24)
    clock = DrivenClock(NOW_MS + 4_321)

    emitted, told = play(script, sink, tmp_path / "o", clock)

    times = [
        line.taken_at_ms
        for line in read_lines((tmp_path / "o").read_bytes())
        if line.medium is Medium.ELECTRICITY
    ]
    steps = [after - before for before, after in pairwise(times)]
    assert emitted == len(times) == 400
    assert max(steps) <= 11_000
    assert set(steps[362:]) <= {1_000, 2_000}
    assert abs(times[-1] - clock.utc_ms()) <= 2_000
    assert told[-1].phase == "live"
    assert told[-1].total == (clock.utc_ms() - (NOW_MS + 4_321 - 3_600_000)) // 10_000


def test_stop_between_telegrams_leaves_an_oracle_of_what_left(tmp_path: Path) -> None:
    """A batch that was only half taken counts by half."""
    sink = MemorySink(stop_after=21)

    emitted, _ = play(Script(seed=2, history_days=1), sink, tmp_path / "o", DrivenClock(NOW_MS))

    assert emitted == 21
    assert len(read_lines((tmp_path / "o").read_bytes())) == 42


def test_until_ends_live_play_too(tmp_path: Path) -> None:
    """Before that meter time."""
    sink = MemorySink()
    script = Script(seed=2, until_ms=NOW_MS + 10_000)

    play(script, sink, tmp_path / "o", DrivenClock(NOW_MS))

    times = [line.taken_at_ms for line in read_lines((tmp_path / "o").read_bytes())]
    assert NOW_MS < max(times) < NOW_MS + 10_000


def test_stop_while_waiting_for_the_next_second_ends_it() -> None:
    """Within one short wait, not at the next telegram."""
    naps: list[float] = []
    player = Player(
        Script(seed=2),
        clock=DrivenClock(NOW_MS),
        sink=MemorySink(),
        oracle=OracleFile(None),
        stopping=lambda: len(naps) > 2,
        report=lambda progress: None,
        sleep=naps.append,
    )

    emitted = player.play()

    assert emitted == 0
    assert len(naps) == 3


def test_full_disk_says_so() -> None:
    """A file that cannot take more ends the simulation with the reason."""
    sink = FileSink(Path("/dev/full"))

    with pytest.raises(OperatorError, match="No space left"):
        sink.send([b"x" * 100], never)
    sink.close()


def test_tcp_without_a_client_stops_when_told() -> None:
    """Nothing left."""
    sink = TcpSink("127.0.0.1", 0)

    assert sink.send([b"x"], lambda: True) == 0
    sink.close()


def test_timing_is_jittered_within_its_bounds() -> None:
    """A few percent late on the grid; about one second in fifty missing when live."""
    grid = [time for time, _ in zip(history_times(1, NOW_MS + 1, 10), range(2_000), strict=False)]
    live, times, leaves = LiveTimes(1), [NOW_MS], []
    for _ in range(2_000):
        time_ms, leaves_ms = live.after(times[-1])
        times.append(time_ms)
        leaves.append(leaves_ms - time_ms)

    late = sum(time % 10_000 == 1_000 for time in grid)
    assert grid[0] == NOW_MS + 10_000
    assert all(time % 10_000 in (0, 1_000) for time in grid)
    assert 20 < late < 120
    assert {b - a for a, b in pairwise(times)} == {1_000, 2_000}
    assert 15 < sum(b - a == 2_000 for a, b in pairwise(times)) < 80
    assert -JITTER_MS <= min(leaves) < 0 < max(leaves) <= JITTER_MS


def never() -> bool:
    """Never told to stop."""
    return False


def test_pty_keeps_bytes_for_a_reader_that_comes_and_goes(tmp_path: Path) -> None:
    """Writing waits for room; nothing is lost between two readers."""
    sink = PtySink(tmp_path / "meter")
    content = [bytes([65 + number]) * 800 for number in range(20)]
    got = b""
    writer = threading.Thread(target=sink.send, args=(content, never))
    writer.start()

    while len(got) < 16_000:
        reader = os.open(tmp_path / "meter", os.O_RDONLY | os.O_NOCTTY)
        got += os.read(reader, 3_000)
        os.close(reader)
    writer.join(5)
    sink.close()

    assert got == b"".join(content)
    assert not (tmp_path / "meter").is_symlink()


def test_pty_without_a_reader_gives_up_between_telegrams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to stop, it counts only what left whole."""
    monkeypatch.setattr(sinks, "WAIT_S", 0.01)
    monkeypatch.setattr(sinks, "GRACE_S", 0.05)
    sink = PtySink(tmp_path / "meter")
    asked: list[int] = []

    def soon() -> bool:
        asked.append(1)
        return len(asked) > 60

    sent = sink.send([b"x" * 3_000] * 40, soon)
    sink.close()

    assert 0 < sent < 40


def test_pty_replaces_a_stale_link_but_no_file(tmp_path: Path) -> None:
    """A link left by a crash is ours; a file is somebody's."""
    (tmp_path / "meter").symlink_to(tmp_path / "gone")
    PtySink(tmp_path / "meter").close()
    (tmp_path / "file").write_bytes(b"precious")

    with pytest.raises(OperatorError, match="cannot be linked"):
        PtySink(tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == b"precious"


def test_pty_is_raw(tmp_path: Path) -> None:
    """Line ends pass as they are."""
    sink = PtySink(tmp_path / "meter")
    sink.send([b"a\r\n\x03\x04!"], never)
    reader = os.open(tmp_path / "meter", os.O_RDONLY | os.O_NOCTTY)
    mode = tty.tcgetattr(reader)  # type: ignore[attr-defined]

    got = os.read(reader, 100)

    os.close(reader)
    sink.close()
    assert got == b"a\r\n\x03\x04!"
    assert mode


def test_tcp_sends_a_lost_clients_telegram_to_the_next() -> None:
    """Each client begins at a telegram's start."""
    sink = TcpSink("127.0.0.1", 0)
    content = [b"%05d" % number + b"x" * 99_995 for number in range(60)]
    counts: list[int] = []
    writer = threading.Thread(target=lambda: counts.append(sink.send(content, never)))
    writer.start()

    with socket.create_connection(("127.0.0.1", sink.port)) as first:
        assert first.recv(5) == b"00000"
    got = b""
    with socket.create_connection(("127.0.0.1", sink.port)) as second:
        second.settimeout(5)
        while not got.endswith(content[-1]):
            got += second.recv(1 << 20)
    writer.join(5)
    sink.close()

    assert counts == [60]
    assert got[5:6] == b"x"
    assert len(got) % 100_000 == 0


def test_sinks_that_cannot_be_opened_say_why(tmp_path: Path) -> None:
    """A taken port, a folder that is not there."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OperatorError, match="cannot be listened on"),
    ):
        TcpSink("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(OperatorError, match="cannot be written"):
        FileSink(tmp_path / "no" / "file")
