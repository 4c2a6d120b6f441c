"""A simulated stick as a sink of the player: paced by its host, faults included."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_bridge.links import LinkEventKind
from firmware_bridge.simulator import cli
from firmware_bridge.simulator.coprocessor.ezsp import Ezsp, default
from firmware_bridge.simulator.coprocessor.sink import StickSink, frame_of
from firmware_bridge.simulator.meters import METERS, Fitting
from firmware_bridge.simulator.openings import open_sink
from firmware_bridge.simulator.oracle import read_lines
from firmware_bridge.simulator.radio_sink import RadioSink
from shared.errors import OperatorError
from tests.support.zigbee import LONGEST_S, START_MS, Home, Hub, reading


@contextmanager
def hub_reading(hub: Hub) -> Iterator[Hub]:
    """Let a hub read in a thread, as it would in a process of its own."""
    runner = asyncio.Runner()
    loop = runner.get_loop()
    done = asyncio.Event()

    async def read() -> None:
        async with reading(hub):
            await done.wait()

    def work() -> None:
        # The runner lets what was cancelled end before its loop closes.
        runner.run(read())
        runner.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield hub
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(LONGEST_S)


def test_a_simulation_is_read_through_a_stick(tmp_path: Path) -> None:
    """From the command line to samples: everything the oracle has arrives, once the hub reads."""
    home = Home(tmp_path)
    oracle = tmp_path / "oracle.jsonl"
    words = f"--protocol zigbee --link pty:{tmp_path / 'stick'} --seed 7 --no-live --json"
    period = f"--now-ms {START_MS} --history-days 0.02 --oracle {oracle}"

    with hub_reading(Hub(home)) as hub:
        status = cli.run([*words.split(), *period.split()])

    shown = {
        (line.meter, line.taken_at_ms): line.registers for line in read_lines(oracle.read_bytes())
    }
    read = hub.registers()
    assert status == 0
    assert len(shown) > 150
    assert {key: read.get(key) for key in shown} == shown


@pytest.mark.parametrize("spec", ["reset@8m", "error@8m", "air=1/25", "leave@8m+25m"])
def test_a_script_strikes_the_radio_and_the_oracle_stays_true(tmp_path: Path, spec: str) -> None:
    """All that must be there is; what the hub healed is what was displayed on the half hours."""
    home = Home(tmp_path)
    oracle = tmp_path / "oracle.jsonl"
    words = f"--protocol zigbee --link pty:{tmp_path / 'stick'} --seed 7 --no-live --json"
    period = f"--now-ms {START_MS} --history-days 0.045 --history-cadence-s 60 --faults {spec}"

    with hub_reading(Hub(home)) as hub:
        cli.run([*words.split(), *period.split(), f"--oracle={oracle}"])

    lines = read_lines(oracle.read_bytes())
    read = hub.registers()
    must = {(one.meter, one.taken_at_ms): one.registers for one in lines if one.must_log}
    shown = [(one.meter, one.taken_at_ms, one.registers) for one in lines]
    assert {key: read.get(key) for key in must} == must
    assert all((*key, registers) in shown for key, registers in read.items())
    assert any(one.is_damaged for one in lines) == spec.startswith("leave")
    # A busy machine may be asked again before it has answered: lost once at the least.
    assert any(event.kind is LinkEventKind.LOST for event in hub.events) == (
        spec.startswith(("reset", "error"))
    )


def test_nothing_leaves_while_nobody_reads(tmp_path: Path) -> None:
    """Time stands still until the sink is told to stop."""
    sink = StickSink(tmp_path / "stick")
    meter = sink.fitted(METERS["zigbee"].build)(Fitting(7, START_MS))
    telegram = meter.emit(START_MS + 10_000).telegram
    asked = iter([False, True])

    sent = sink.send([telegram], lambda: next(asked))

    sink.close()
    assert sent == 0
    assert isinstance(sink, RadioSink)
    assert sink.batch == 1


def test_a_stick_can_be_pulled_out_and_put_back(tmp_path: Path) -> None:
    """The path comes and goes with it."""
    sink = StickSink(tmp_path / "stick")

    sink.unplug()
    gone = not (tmp_path / "stick").is_symlink()
    sink.plug()
    sink.wait(0.01)

    assert gone
    assert (tmp_path / "stick").exists()
    sink.close()


def test_a_path_that_is_taken_is_told(tmp_path: Path) -> None:
    """A file of that name is not removed."""
    (tmp_path / "stick").write_text("mine")

    with pytest.raises(OperatorError, match="cannot be linked"):
        StickSink(tmp_path / "stick")

    assert (tmp_path / "stick").read_text() == "mine"


def test_a_meter_without_a_radio_cannot_be_behind_a_stick(tmp_path: Path) -> None:
    """The error says which protocol is."""
    sink = StickSink(tmp_path / "stick")

    with pytest.raises(OperatorError, match="no radio"):
        sink.fitted(METERS["p1"].build)(Fitting(7, START_MS))
    sink.close()


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulation of any other meter needs none."""
    monkeypatch.setitem(sys.modules, "firmware_bridge.simulator.coprocessor.sink", None)

    with pytest.raises(OperatorError, match="is not installed") as caught:
        open_sink(f"pty:{tmp_path / 'stick'}", "zigbee")

    assert "hearthlink[zigbee]" in caught.value.hint


def test_damaged_lines_are_lost_in_the_air(tmp_path: Path) -> None:
    """They count as sent: nobody will ever hear them."""
    sink = StickSink(tmp_path / "stick")

    sent = sink.send([b"02484c45 zz\n", b"half a li"], lambda: False)

    sink.close()
    assert sent == 2
    assert frame_of(b"\xff") is None


def test_a_command_the_stick_does_not_know_is_answered_as_invalid() -> None:
    """As is one that is cut short."""
    sent: list[bytes] = []
    stick = Ezsp(
        sent.append,
        on_unicast=lambda *_: None,
        on_open=lambda: None,
        ieee_of=lambda _: None,
    )
    stick.receive(bytes([0, 0, 0, 13]))

    stick.receive(bytes([1, 0, 1, 0xFE, 0x7F]))
    stick.receive(bytes([2, 0, 1, 0x22, 0x00]))

    assert [frame[3:5].hex() for frame in sent[1:]] == ["5800", "5800"]


def test_a_type_without_an_empty_value_is_told() -> None:
    """Rather than sent as something else."""
    with pytest.raises(TypeError, match="no empty value"):
        default(Path)
