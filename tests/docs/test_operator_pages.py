"""The operator's pages, done as they say: self-host.md and hand-over.md by real processes, aws.md.

What installs packages, calls systemd, PostgreSQL or names a meter of the reader's is left out.
"""

import os
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import moto
import pytest

from cloud.fleet.cli import run
from firmware_bridge.simulator.p1_meter import telegrams
from shared.clock import SystemClock
from shared.tariffs import Flat, Tariff, TariffVersion, encode_tariff
from tests.docs.generate import ROOT
from tests.support.aws import client, iot_client
from tests.support.ports import free_port

FENCE = re.compile(r"^( *)```(sh|toml)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`(/[^`]+\.toml)`")
LEFT_OUT = (
    "pip install",
    "python3 -m venv",
    "pg_dump",
    "pg_restore",
    "METER",
    "systemctl",
    "PATH=",
)
HUB = "hearthlink run"
SERVES = (
    "mosquitto ",
    "hearthlink cloud api",
    "hearthlink cloud ingest",
    "hearthlink cloud devices",
    HUB,
)
MAY_FIND_FAULTS = "hearthlink doctor"
PATIENCE_S = 60.0
START_MS = 1_772_323_200_000

pytestmark = pytest.mark.slow


class Reader:
    """Follows pages in a folder of its own, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api_port = free_port()
        self.swaps = {
            "/var/lib/hearthlink": str(folder / "hearthlink"),
            "/var/backups": str(folder / "backups"),
            "/etc/hearthlink": str(folder / "hearthlink"),
            "cloud-2026-03-01": f"cloud-{date.today()}",  # noqa: DTZ011  # as the page's $(date) has it
            "8883": str(free_port()),
            "8884": str(free_port()),
            "8000": str(self.api_port),
            "8080": str(free_port()),
            "/dev/ttyUSB0": f"replay:{folder / 'meter.p1'}",
            "sudo -u hearthlink ": "",
            "cloud.example.org": f"127.0.0.1:{self.api_port}",
            "broker.example.org": "localhost",
        }
        for name in ("hearthlink", "backups"):
            (folder / name).mkdir()
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:/usr/sbin:{os.environ['PATH']}",
        }
        self.running = ExitStack()
        self.hub: subprocess.Popen[bytes]
        self.ran: list[str] = []

    def follow(self, page: str) -> None:
        """Do what a page says, from its top to its end."""
        text = (ROOT / "docs" / "how-to" / page).read_text()
        for fence in FENCE.finditer(text):
            content = self._swapped(fence[3])
            if fence[2] == "toml":
                self._write(text[: fence.start()], content)
                continue
            for line in content.splitlines():
                if line.strip() and not any(one in line for one in LEFT_OUT):
                    self._run(line.strip())

    def _swapped(self, text: str) -> str:
        for old, new in self.swaps.items():
            text = text.replace(old, new)
        return text

    def _write(self, before: str, content: str) -> None:
        named = NAMED.findall(before.rpartition("```")[2])
        name = Path(named[-1]).name if named else "api.toml"
        with (self.folder / "hearthlink" / name).open("a") as file:
            file.write(content)

    def _run(self, command: str) -> None:
        self.ran.append(command)
        if any(one in command for one in SERVES):
            self._serve(command)
            return
        done = subprocess.run(
            ["bash", "-c", command],
            env=self.environment,
            cwd=self.folder,
            input="wipe\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S * 2,
        )
        said = f"{command}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0 or MAY_FIND_FAULTS in command, said

    def _serve(self, command: str) -> None:
        log = self.running.enter_context((self.folder / f"{len(self.ran)}.log").open("wb"))
        variables, _, rest = command.rpartition("hearthlink cloud api")
        # Each is to be the shell's own process, so that ending it ends the command.
        command = f"{variables}exec hearthlink cloud api{rest}" if variables else f"exec {command}"
        process = subprocess.Popen(
            ["bash", "-c", command], env=self.environment, cwd=self.folder, stdout=log, stderr=log
        )
        self.running.callback(_end, process)
        if HUB in command:
            self.hub = process
        if "cloud api" in command:
            self._wait_for_api(process)
        else:
            time.sleep(1.0)
            assert process.poll() is None, (self.folder / f"{len(self.ran)}.log").read_text()

    def _wait_for_api(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + PATIENCE_S
        address = f"http://127.0.0.1:{self.api_port}/v1/health"
        while time.monotonic() < deadline:
            assert process.poll() is None, (self.folder / f"{len(self.ran)}.log").read_text()
            try:
                with urllib.request.urlopen(address, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise AssertionError("the API does not answer")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(name="reader")
def _reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    with (tmp_path / "meter.p1").open("wb") as file:
        for telegram, _ in telegrams(1, START_MS, START_MS + 60_000):
            file.write(telegram)
    version = TariffVersion("v1", date(2026, 1, 1), 500_000, 50, Flat(250_000))
    tariff = Tariff("Plain", "GBP", [version])
    (tmp_path / "tariff.json").write_bytes(encode_tariff(tariff))
    with reader.running:
        yield reader


def test_home_is_run_and_handed_over_as_the_pages_say(reader: Reader) -> None:
    """From the certificates to a claim, a backup, a revocation; then the hub is wiped."""
    reader.follow("self-host.md")
    reader.hub.terminate()
    reader.hub.wait(PATIENCE_S)
    reader.follow("hand-over.md")

    starts = [one.split(" --")[0] for one in reader.ran]
    for wanted in ("hearthlink fleet init", "hearthlink run", "hearthlink fleet revoke my-hub",
                   "hearthlink fleet claim", "hearthlink wipe"):  # fmt: skip
        assert wanted in starts, starts
    assert list((reader.folder / "backups").glob("cloud-*.db"))
    assert not (reader.folder / "hearthlink" / "hub" / "identity" / "current").exists()


def test_aws_is_governed_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's settings and commands, against moto and by hand what moto lacks."""
    text = (ROOT / "docs" / "how-to" / "aws.md").read_text()
    blocks = [(one[2], one[3]) for one in FENCE.finditer(text)]
    settings = next(content for kind, content in blocks if kind == "toml")
    (tmp_path / "cloud.toml").write_text(f'state_dir = "{tmp_path}"\n{settings}')
    monkeypatch.chdir(tmp_path)
    commands = [line for kind, content in blocks if kind == "sh" for line in content.splitlines()]
    with moto.mock_aws():
        clients = {"iot": iot_client(SystemClock().utc_ms()), "iot-data": client("iot-data")}
        monkeypatch.setattr("boto3.client", lambda name, **_options: clients[name])

        for command in commands:
            assert run(shlex.split(command)[2:]) == 0
        assert run(["revoke", "hub-1", "--config", "cloud.toml"]) == 0

    assert len(commands) == 2
    claim = tmp_path / "hearthlink-claim.txt"
    assert claim.stat().st_mode & 0o777 == 0o600
    assert "template hearthlink-rotation" in capsys.readouterr().out
