"""`hearthlink cloud`: its commands as an operator runs them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from cloud.cli import run
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.clock import DrivenClock
from shared.errors import ConfigError, OperatorError
from tests.support.cloud import LOG_ID, START_MS, TOKEN, database_in, payload_of, samples_of
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
RUN = "import sys; from cloud.cli import run; sys.exit(run(sys.argv[1:]))"
WAIT_S = 20.0


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.toml"
    path.write_text(f'state_dir = "{tmp_path}"\napi_token = "{TOKEN}"\napi_port = {free_port()}\n')
    database = database_in(tmp_path)
    service = IngestService(database, DrivenClock(START_MS), Rules())
    payloads = [
        payload_of(samples_of(1, 3)),
        payload_of(samples_of(2, 1, value=9), revision=1),
    ]
    service.ingest([Message("hub-1", payload, START_MS) for payload in payloads])
    database.close()
    return path


def _samples(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> list[dict[str, object]]:
    assert run(["samples", *arguments]) == 0
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


def test_samples_are_listed_once_at_their_highest_revision(
    config: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Each place of a log appears once, as its highest revision says it."""
    found = _samples(capfdbinary, "--config", str(config))

    assert [(one["seq"], one["revision"]) for one in found] == [(1, 0), (3, 0), (2, 1)]
    assert found[0] == {
        "thing": "hub-1",
        "log_id": LOG_ID.hex(),
        "seq": 1,
        "revision": 0,
        "meter": "M1",
        "medium": "electricity",
        "taken_at_ms": START_MS + 10_000,
        "registers": {"import_mwh": 1_001_000},
    }


def test_all_samples_show_replaced_revisions(
    config: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """With --all what a correction replaced is listed too."""
    found = _samples(capfdbinary, "--config", str(config), "--all")

    assert sorted((int(str(one["seq"])), one["revision"]) for one in found) == [
        (1, 0),
        (2, 0),
        (2, 1),
        (3, 0),
    ]


def test_migrate_says_what_it_did(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Migrating a database that is up to date succeeds."""
    assert run(["migrate", "--config", str(config)]) == 0

    assert "newest schema" in capsys.readouterr().out


def test_ingest_needs_a_broker(config: Path) -> None:
    """A worker without a broker is a configuration fault that names the key."""
    with pytest.raises(ConfigError, match="broker_host"):
        run(["ingest", "--config", str(config)])


def test_api_needs_a_token(tmp_path: Path) -> None:
    """The API does not start without a token."""
    path = tmp_path / "cloud.toml"
    path.write_text(f'state_dir = "{tmp_path}"\n')

    with pytest.raises(ConfigError, match="api_token"):
        run(["api", "--config", str(path)])


def test_api_says_which_port_is_taken(config: Path) -> None:
    """A port that another process holds is named, with how to choose another."""
    port = int(config.read_text().split("api_port = ")[1])
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()

        with pytest.raises(OperatorError, match=str(port)) as caught:
            run(["api", "--config", str(config)])

    assert "api_port" in caught.value.hint


@pytest.mark.slow
def test_api_serves_and_ends_on_sigterm(config: Path) -> None:
    """The process answers, and a SIGTERM ends it with status 0 though a stream is open."""
    port = int(config.read_text().split("api_port = ")[1])
    command = [sys.executable, "-c", RUN, "api", "--config", str(config)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        _wait_for(f"http://127.0.0.1:{port}/v1/health")
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/meters/M1/live",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=WAIT_S) as stream:
            assert stream.readline() == b": watching\n"
            process.send_signal(signal.SIGTERM)

            assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=WAIT_S).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
