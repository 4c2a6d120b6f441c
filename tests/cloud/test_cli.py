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

from agent.demo.ports import free_port
from cloud.cli import run
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.readings.store import FRAMES_KEPT_MS
from shared.clock import DrivenClock
from shared.errors import ConfigError, OperatorError
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_DAY
from tests.support.cloud import LOG_ID, METER, START_MS, TOKEN, database_in, payload_of, samples_of

ROOT = Path(__file__).parents[2]
RUN = "import sys; from cloud.cli import run; sys.exit(run(sys.argv[1:]))"
WAIT_S = 60.0


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


def test_backup_and_restore_say_what_they_did(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The size of the one; the new name and what was kept aside of the other."""
    file = str(tmp_path / "cloud.backup")

    assert run(["backup", file, "--config", str(config)]) == 0
    assert run(["restore", file, "--config", str(config)]) == 0
    assert run(["store", "renew", "--config", str(config)]) == 0

    wrote, restored, aside, renewed = capsys.readouterr().out.splitlines()
    assert wrote == f"wrote {Path(file).stat().st_size} bytes to {file}, verified"
    assert restored.startswith("restored as store ")
    assert Path(aside.removeprefix("what was there before is in ")).exists()
    assert renewed.startswith("the store is now ")


def test_dead_letters_are_listed_and_tried_again(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words and in JSON; what stays makes the status 1."""
    database = database_in(tmp_path)
    poison = payload_of(samples_of(7, 2, start_ms=EARLIEST_PLAUSIBLE_MS, value=-(10**6)))
    messages = [Message("hub-1", payload, START_MS) for payload in (b"noise", b"noise", poison)]
    IngestService(database, DrivenClock(START_MS), Rules()).ingest(messages)
    database.close()
    options = ["--config", str(config)]

    assert run(["dead-letters", *options]) == 0
    words = capsys.readouterr().out.splitlines()
    assert run(["dead-letters", "--json", *options]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert run(["replay", *options]) == 1
    tried = capsys.readouterr().out.splitlines()
    assert run(["replay", "1", "99", "--json", *options]) == 1
    answer = json.loads(capsys.readouterr().out)

    assert words[-1] == "2 dead letters"
    assert any(line.startswith("2 2026-03-01T00:00:00Z hub-1 bad-value 7-8: ") for line in words)
    assert any(" not-a-frame seen 2 times: " in line for line in words)
    assert {one["code"] for one in listed} == {"not-a-frame", "bad-value"}
    assert tried == ["1 hub-1: not-a-frame", "2 hub-1: bad-value"]
    assert answer == {
        "replayed": [{"dead_letter_id": 1, "thing": "hub-1", "code": "not-a-frame"}],
        "unknown": [99],
    }


def test_replay_of_nothing_is_done(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without dead letters there is nothing left to do."""
    assert run(["replay", "--config", str(config)]) == 0
    assert run(["replay", "5", "--config", str(config)]) == 1

    assert capsys.readouterr().out == "5: no such dead letter\n"


def test_prune_deletes_until_nothing_is_left(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many runs that takes."""
    monkeypatch.setattr("cloud.ingest.pruning.MAX_PRUNED", 1)
    later = DrivenClock(START_MS + FRAMES_KEPT_MS + MS_PER_DAY)
    monkeypatch.setattr("cloud.cli.SystemClock", lambda: later)

    assert run(["prune", "--config", str(config)]) == 0

    assert capsys.readouterr().out.startswith("deleted 2 frames and 0 dead letters")


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
            f"http://127.0.0.1:{port}/v1/meters/{METER}/live",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=WAIT_S) as stream:
            assert stream.readline() == b"retry: 2000\n"
            assert stream.readline() == b"event: watching\n"
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
