"""The real process: it runs, answers and stops; what it cannot do it says, and exits with 2."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.database import open_copy
from agent.demo.ports import free_port
from agent.log import Log
from agent.reader import LogReader
from shared.units import MS_PER_HOUR
from tests.support.hubs import simulated, sound_rows
from tests.support.service_manager import FakeManager

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
HEARTHLINK = [sys.executable, "-c", "import sys; from shared.cli import main; sys.exit(main())"]


def write_config(directory: Path, port: int, link: str, more: str = "") -> Path:
    path = directory / "hub.toml"
    path.write_text(
        f'[hub]\nstate_dir = "{directory / "state"}"\nclock = "meter"\n'
        f'[meter]\nlink = "{link}"\n[page]\nport = {port}\n{more}'
    )
    return path


@contextmanager
def running(config: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*HEARTHLINK, "run", "--config", str(config)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def page_of(port: int) -> str:
    """Fetch the page as soon as it is there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, "the page does not answer"
            time.sleep(0.05)


def wait_for_rows(path: Path, count: int) -> None:
    """Wait until the hub has committed so many rows."""
    deadline = time.monotonic() + PATIENCE_S
    found = 0
    while found < count:
        assert time.monotonic() < deadline, "the rows are not there"
        time.sleep(0.1)
        with open_copy(path) as connection:
            reader = LogReader(connection)
            found = sum(reader.count_rows(one.log) for one in reader.entries())


def test_a_replay_is_logged_the_page_answers_and_sigterm_ends_it(tmp_path: Path) -> None:
    """A capture becomes rows that the oracle names; SIGTERM commits them and exits with 0."""
    telegrams = list(simulated(2 * MS_PER_HOUR))
    capture = tmp_path / "capture.p1"
    capture.write_bytes(b"".join(telegram for telegram, _ in telegrams))
    expected = {
        (line.meter, line.taken_at_ms, tuple(sorted(line.registers.items())))
        for _, lines in telegrams
        for line in lines
        if line.must_log
    }
    port = free_port()
    with running(write_config(tmp_path, port, f"replay:{capture}")) as process:
        page = page_of(port)
        wait_for_rows(tmp_path / "state" / "hub.sqlite", len(expected))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE_S)
        status = process.returncode

    log = Log(tmp_path / "state" / "hub.sqlite")
    found = {
        (
            meter_log.meter,
            row.captured_at_ms or row.meter_clock_ms,
            tuple(sorted(row.registers.items())),
        )
        for meter_log in log.all_logs()
        for row in sound_rows(log, meter_log)
    }
    log.close()
    assert status == 0, errors
    assert "<html" in page
    assert found == expected


def test_a_hub_that_hangs_is_not_fed_and_leaves_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen, it says nothing; ended as systemd ends it (SIGABRT), it writes where it stood."""
    (tmp_path / "capture").touch()
    port = free_port()
    with FakeManager(is_abstract=True) as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        with running(write_config(tmp_path, port, f"replay:{tmp_path / 'capture'}")) as process:
            systemd.wait_for("READY=1")
            systemd.wait_for("WATCHDOG=1")
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.2)
            systemd.lines()
            time.sleep(1.0)
            while_frozen = systemd.lines()
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGABRT)
            _, errors = process.communicate(timeout=PATIENCE_S)

    assert while_frozen == []
    assert process.returncode == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in errors


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path: Path) -> None:
    """The first port taken: exit 2, which one, and how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(write_config(tmp_path, port, "replay:/dev/null")) as process:
            _, errors = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2
    assert f"127.0.0.1:{port}" in errors
    assert "HEARTHLINK_PAGE_PORT" in errors


def test_a_bad_configuration_lists_all_its_faults(tmp_path: Path) -> None:
    """One run, every fault, exit 2."""
    config = write_config(tmp_path, 70_000, "replay:x", '[consent]\ngranularity = "hourly"\n')

    with running(config) as process:
        _, errors = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2
    assert "page.port = 70000" in errors
    assert "consent.granularity = 'hourly'" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("meter", "said"),
    [
        ('link = "replay:/nonexistent/capture.p1"', "/nonexistent/capture.p1"),
        ('link = "nowhere"', "'nowhere'"),
        ('link = "replay:/dev/null"\nprotocol = "semaphore"', "'semaphore'"),
    ],
)
def test_what_only_the_start_can_find_wrong_is_named_too(
    meter: str, said: str, tmp_path: Path
) -> None:
    """A link that can never be opened ends the hub with its hint, not with a traceback."""
    config = tmp_path / "hub.toml"
    config.write_text(f'[hub]\nstate_dir = "{tmp_path}"\n[page]\nport = 0\n[meter]\n{meter}\n')

    with running(config) as process:
        _, errors = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2, errors
    assert said in errors
    assert "Traceback" not in errors
