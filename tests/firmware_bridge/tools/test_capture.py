"""`hearthlink capture`: every byte, with its time beside it; never over an older file."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from firmware_bridge.simulator import dlms_meter
from firmware_bridge.simulator.iec62056_meter import Iec62056Meter
from firmware_bridge.simulator.iec62056_port import OpticalPort
from firmware_bridge.simulator.p1_meter import P1Meter
from firmware_bridge.tools import capture
from firmware_bridge.tools.capture import Recorder, run
from firmware_bridge.tools.decode import run as run_decode
from firmware_bridge.tools.redaction import Redactor
from shared.clock import DrivenClock
from shared.errors import LinkError, OperatorError
from tests.support.serial_ends import TalkingMeter

START_MS = 1_790_000_000_000


def telegrams(count: int) -> list[bytes]:
    """Make some telegrams of one household."""
    meter = P1Meter(1, START_MS)
    return [meter.emit(START_MS + second * 1_000).telegram for second in range(count)]


def timing_of(path: Path) -> list[dict[str, int]]:
    """Read the file beside a capture."""
    return [json.loads(line) for line in Path(f"{path}.timing").read_text().splitlines()]


def test_bytes_and_their_times_are_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a port, for as long as was said."""
    path = tmp_path / "meter.bin"
    sent = telegrams(3)

    with TalkingMeter(tmp_path / "port", sent, pause_s=0.05) as meter:
        status = run([str(meter.path), str(path), "--seconds", "0.5", "--no-redact"])

    content, timing = path.read_bytes(), timing_of(path)
    assert status == 0
    assert content.startswith(sent[0] + sent[1])
    assert timing[0]["offset"] == 0
    assert len(timing) >= 3
    assert [line["offset"] for line in timing] == sorted({line["offset"] for line in timing})
    times = [line["monotonic_ms"] for line in timing]
    assert times == sorted(times)
    assert 0 <= times[0] < 500
    assert "bytes in" in capsys.readouterr().out


def test_redacted_capture_decodes_and_names_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says how much was replaced."""
    path = tmp_path / "meter.bin"

    with TalkingMeter(tmp_path / "port", telegrams(3), pause_s=0.05) as meter:
        run([str(meter.path), str(path), "--seconds", "0.4"])

    assert "were replaced" in capsys.readouterr().err
    assert b"53494D2D" not in path.read_bytes()
    assert run_decode([str(path), "--protocol", "p1"]) == 0
    assert '"medium":"gas"' in capsys.readouterr().out
    assert timing_of(path)[-1]["offset"] < path.stat().st_size


def test_redaction_that_found_nothing_warns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not understood may still name the household."""
    with TalkingMeter(tmp_path / "port", [bytes(range(1, 200))], pause_s=0.05) as meter:
        run([str(meter.path), str(tmp_path / "file"), "--seconds", "0.2"])

    assert "no protocol was recognised" in capsys.readouterr().err


@pytest.mark.parametrize("existing", ["file", "file.timing"])
def test_existing_file_is_never_overwritten(existing: str, tmp_path: Path) -> None:
    """Neither the capture nor its timing, and no half of a pair is left behind."""
    (tmp_path / existing).write_text("precious")

    with (
        TalkingMeter(tmp_path / "port", [], pause_s=1) as meter,
        pytest.raises(OperatorError, match="there already"),
    ):
        run([str(meter.path), str(tmp_path / "file"), "--seconds", "0.1"])

    assert (tmp_path / existing).read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {existing}


def test_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    """Before anything is heard."""
    with (
        TalkingMeter(tmp_path / "port", [], pause_s=1) as meter,
        pytest.raises(OperatorError, match="cannot be written"),
    ):
        run([str(meter.path), str(tmp_path / "no" / "file"), "--seconds", "0.1"])


def test_silent_port_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says where to look."""
    with TalkingMeter(tmp_path / "port", [], pause_s=1) as meter:
        status = run([str(meter.path), str(tmp_path / "file"), "--seconds", "0.1"])

    assert status == 1
    assert list(tmp_path.iterdir()) == []
    assert "hearthlink detect" in capsys.readouterr().err


def test_missing_port_says_so_and_makes_no_file(tmp_path: Path) -> None:
    """As the hub would."""
    with pytest.raises(LinkError, match="not there"):
        run([str(tmp_path / "port"), str(tmp_path / "file")])

    assert list(tmp_path.iterdir()) == []


def test_unplugged_port_keeps_what_was_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The end is told, with the cause."""
    path = tmp_path / "file"
    with TalkingMeter(tmp_path / "port", telegrams(1), pause_s=0.05) as meter:
        unplugging = threading.Timer(0.3, meter.unplug)
        unplugging.start()

        status = run([str(meter.path), str(path)])

    assert status == 1
    assert path.stat().st_size > 0
    assert "cable" in capsys.readouterr().err


def test_meter_that_waits_to_be_asked_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an optical head must."""
    emitted = Iec62056Meter(1, START_MS, checked=True).emit(START_MS).telegram
    port = OpticalPort(tmp_path / "port", lambda: emitted[emitted.index(b"\x02") :])
    stopping = threading.Event()
    serving = threading.Thread(target=port.serve, args=(stopping.is_set,))
    serving.start()
    try:
        status = run(
            [
                *(str(tmp_path / "port"), str(tmp_path / "file")),
                *("--ask", "--seconds", "4", "--no-redact"),
            ]
        )
    finally:
        stopping.set()
        serving.join()
        port.close()

    assert status == 0
    assert "bytes in" in capsys.readouterr().out
    assert (tmp_path / "file").read_bytes().endswith(emitted[-20:])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    """With everything written, and the exit status of success."""
    path = tmp_path / "file"
    program = (
        "import sys; from firmware_bridge.tools.capture import run; sys.exit(run(sys.argv[1:]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}

    with (
        TalkingMeter(tmp_path / "port", telegrams(2), pause_s=0.05) as meter,
        subprocess.Popen(
            [sys.executable, "-c", program, str(meter.path), str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process,
    ):
        deadline_s = time.monotonic() + 60
        while not (path.exists() and path.stat().st_size) and time.monotonic() < deadline_s:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        said, complained = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "bytes in" in said
    assert "Traceback" not in complained
    assert timing_of(path)[-1]["offset"] < path.stat().st_size


def test_capture_stops_before_it_fills_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten one ends by itself."""
    monkeypatch.setattr(capture, "MAX_CAPTURE_BYTES", 1_000)

    with TalkingMeter(tmp_path / "port", telegrams(1), pause_s=0.01) as meter:
        status = run([str(meter.path), str(tmp_path / "file")])

    assert status == 0
    assert 1_000 <= (tmp_path / "file").stat().st_size < 20_000


def test_offsets_of_a_redacted_capture_are_those_of_its_file(tmp_path: Path) -> None:
    """What is replaced keeps its length, so bytes are timed when they came."""
    clock = DrivenClock(1_000)
    recorder = Recorder(tmp_path / "file", clock, Redactor(b"salt"))
    first, second = telegrams(2)

    recorder.take(first[:100])
    clock.advance_to(1_500)
    recorder.take(first[100:])
    clock.advance_to(2_500)
    recorder.take(second)
    recorder.close()

    assert timing_of(tmp_path / "file") == [
        {"offset": 0, "monotonic_ms": 0},
        {"offset": 100, "monotonic_ms": 500},
        {"offset": len(first), "monotonic_ms": 1_500},
    ]
    assert (tmp_path / "file").stat().st_size == len(first) + len(second)


def test_encrypted_capture_says_that_no_key_opens_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system title, which the key goes with, was replaced."""
    pushes = dlms_meter.telegrams(1, START_MS, START_MS + 20_000, keys=dlms_meter.MeterKeys())

    with TalkingMeter(tmp_path / "port", [raw for raw, _ in pushes], pause_s=0.05) as meter:
        run([str(meter.path), str(tmp_path / "file"), "--seconds", "0.4"])

    assert "no key opens a redacted one" in capsys.readouterr().err


def test_recording_can_be_redacted_afterwards(tmp_path: Path) -> None:
    """A replay is a port like any other, and its end is no failure."""
    (tmp_path / "old").write_bytes(b"".join(telegrams(2)))

    status = run([f"replay:{tmp_path / 'old'}", str(tmp_path / "new")])

    assert status == 0
    assert b"53494D2D" not in (tmp_path / "new").read_bytes()


@pytest.mark.parametrize(
    "option", [["--framing", "9N1"], ["--seconds", "0"], ["--seconds", "soon"]]
)
def test_option_that_cannot_be_is_refused(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what could be."""
    with pytest.raises(SystemExit):
        run(["/dev/null", str(tmp_path / "file"), *option])

    assert "give" in capsys.readouterr().err
