"""`hearthlink simulate` as a command: files, progress, and a clean end on a signal."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.demo.ports import free_port
from firmware_bridge.simulator.cli import build_parser, run
from firmware_bridge.simulator.openings import open_sink
from firmware_bridge.simulator.oracle import read_lines
from shared.errors import OperatorError

NOW_MS = 1_790_000_000_000


def test_history_into_a_file_with_its_oracle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ends by itself with how many were emitted, the same bytes each time."""
    arguments = [
        "--link", f"file:{tmp_path / 'bytes'}", "--oracle", str(tmp_path / "oracle"), "--json",
        "--history-days", "0.05", "--no-live", "--now-ms", str(NOW_MS), "--seed", "9",
    ]  # fmt: skip

    assert run(arguments) == 0
    first = (tmp_path / "bytes").read_bytes()
    assert run(arguments) == 0

    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"phase": "ended", "emitted": 432}
    assert (tmp_path / "bytes").read_bytes() == first
    assert first.count(b"/HLK5") == 432
    assert len(read_lines((tmp_path / "oracle").read_bytes())) == 864


def test_plain_output_says_what_it_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a person at a terminal."""
    until = str(NOW_MS + 1)

    run(["--link", f"file:{tmp_path / 'b'}", "--now-ms", str(NOW_MS), "--until-ms", until])

    assert "ended after" in capsys.readouterr().out


def test_tcp_link_listens() -> None:
    """On the port it was given."""
    port = free_port()
    sink = open_sink(f"tcp://127.0.0.1:{port}")

    with socket.create_connection(("127.0.0.1", port)):
        pass
    sink.close()


@pytest.mark.parametrize("link", ["serial", "tcp://nowhere", "udp://x:1"])
def test_unknown_link_names_the_known_ones(link: str) -> None:
    """With their forms."""
    with pytest.raises(OperatorError, match="tcp://"):
        open_sink(link)


@pytest.mark.parametrize("link", ["pty:port", "tcp://127.0.0.1:0"])
def test_a_glow_is_not_played_where_nothing_reads_it(tmp_path: Path, link: str) -> None:
    """The fix is a broker."""
    with pytest.raises(OperatorError, match="publishes to a broker") as caught:
        open_sink(link.replace("port", str(tmp_path / "port")), "glow")

    assert "mqtt://" in caught.value.hint
    assert not (tmp_path / "port").is_symlink()


def test_cadence_below_a_second_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The meter's clock ticks whole seconds."""
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--link", "file:x", "--history-cadence-s", "0"])

    assert "above 0" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly_in_full_flow(tmp_path: Path, number: signal.Signals) -> None:
    """The oracle holds exactly the telegrams that left, and the last line counts them."""
    program = (
        "import sys; from firmware_bridge.simulator.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    link, oracle = tmp_path / "meter", tmp_path / "oracle"
    command = [
        sys.executable, "-c", program, "--link", f"pty:{link}", "--oracle", str(oracle), "--json",
        "--history-days", "30",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}

    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        while not link.exists():
            assert process.poll() is None
        reader = os.open(link, os.O_RDONLY | os.O_NOCTTY)
        got = os.read(reader, 4_096)
        while len(got) < 200_000:
            got += os.read(reader, 4_096)
        process.send_signal(number)
        while chunk := _read(reader):
            got += chunk
        os.close(reader)
        last = json.loads(process.stdout.read().splitlines()[-1])

    assert process.returncode == 0
    assert last["phase"] == "ended"
    assert got.count(b"/HLK5") == last["emitted"]
    assert got.endswith(b"\r\n")
    assert len(read_lines(oracle.read_bytes())) == 2 * last["emitted"]


def _read(reader: int) -> bytes:
    """Read until the other end hangs up."""
    try:
        return os.read(reader, 4_096)
    except OSError:
        return b""
