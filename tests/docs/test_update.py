"""docs/how-to/update.md, done as it says: its commands, its files, and a hub started by slots."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from agent.demo.ports import free_port
from agent.update import cli, starter

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "update.md"
START_S = 60.0


def packages(folder: Path, version: str) -> None:
    """Do what `pip install --target` does, from this tree."""
    for package in ("agent", "firmware_bridge", "shared"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (folder / "shared" / "version.py").write_text(f'VERSION = "{version}"\n')


def commands(version: str) -> list[list[str]]:
    """Take the page's own `hearthlink update` commands, for a version."""
    found = re.findall(r"^hearthlink update (.*)$", PAGE.read_text(), re.MULTILINE)
    return [shlex.split(line.replace("0.1.0", version)) for line in found]


def do(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command of the page, with what it redirects."""
    words, target = command, None
    if ">" in command:
        words, target = command[: command.index(">")], command[-1]
    assert cli.run(words) == 0
    said = capsys.readouterr().out
    if target is not None:
        Path(target).write_text(said)
    return said


def start_and_kill(folder: Path, port: int) -> str:
    """Start the hub as the unit does, wait for its page, kill it; say which slot it ran from."""
    command = [sys.executable, starter.__file__, "--slots", "slots", "run", "--config", "hub.toml"]
    environment = {key: said for key, said in os.environ.items() if key != "PYTHONPATH"}
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        try:
            deadline_s = time.monotonic() + START_S
            while not _answers(port):
                assert process.poll() is None
                assert time.monotonic() < deadline_s
                time.sleep(0.1)
            return Path("slots/current").readlink().name
        finally:
            process.send_signal(signal.SIGKILL)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.slow
def test_the_page_leads_to_a_hub_that_updates_and_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Key, artefact, first slot, start; a second version on trial, counted out, and back."""
    port = free_port()
    monkeypatch.chdir(tmp_path)
    Path("hub.toml").write_text(
        f'[hub]\nstate_dir = "state"\n[meter]\nlink = "replay:none"\n[page]\nport = {port}\n'
        '[update]\nslots_dir = "slots"\nkeys_file = "maker.keys"\n'
    )
    Path("none").write_bytes(b"")
    packages(Path("packages"), "0.2.0")
    key, pack, install, status = commands("0.2.0")
    for command in (key, pack, install):
        do(command, capsys)
    assert "slot a: version 0.2.0 (current)" in do(status, capsys)
    assert start_and_kill(tmp_path, port) == "a"

    shutil.rmtree("packages")
    packages(Path("packages"), "0.3.0")
    for command in commands("0.3.0")[1:3]:
        do(command, capsys)
    started = [start_and_kill(tmp_path, port) for _ in range(4)]

    told = json.loads(do([*status, "--json"], capsys))
    assert started == ["b", "b", "b", "a"]
    assert told["current"] == "a"
    assert told["trial"]["outcome"] == "failed"
    assert told["floor"] == "0.2.0"
