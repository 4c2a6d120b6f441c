"""The demo's processes: broker, cloud, hub and simulated meter, started as commands and stopped."""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from shared.errors import OperatorError

THING = "demo-hub"
HOST = "127.0.0.1"
MARK = ".hearthlink-demo"
SIMULATED_ZONE = "Europe/London"
"""Where the simulated household lives; a replayed capture may come from elsewhere."""

START_S = 30.0
STOP_S = 20.0
POLL_S = 0.1

TARIFFS: dict[str, dict[str, Any]] = {
    "electricity": {
        "name": "Demo day and night",
        "currency": "GBP",
        "versions": [
            {
                "version": "demo-1",
                "starts_on": "2010-01-01",
                "standing_millionths_per_day": 532_100,
                "vat_permille": 50,
                "prices": {
                    "kind": "time-of-use",
                    "base_name": "day",
                    "base_price_millionths_per_kwh": 276_800,
                    "bands": [
                        {
                            "name": "night",
                            "from_minute": 30,
                            "to_minute": 450,
                            "price_millionths_per_kwh": 132_400,
                        }
                    ],
                },
            }
        ],
    },
    "gas": {
        "name": "Demo gas",
        "currency": "GBP",
        "versions": [
            {
                "version": "demo-1",
                "starts_on": "2010-01-01",
                "standing_millionths_per_day": 298_800,
                "vat_permille": 50,
                "prices": {"kind": "flat", "price_millionths_per_kwh": 59_900},
            }
        ],
    },
}


class Stage:
    """Everything the demo has running, and the folder it writes to."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.zone = chosen.zone if chosen.replay else SIMULATED_ZONE
        self.state: Path = chosen.state.absolute()
        self.token = secrets.token_urlsafe(24)
        self.page_url = f"http://{HOST}:{chosen.page_port}"
        self.api_url = f"http://{HOST}:{chosen.api_port}"
        self.oracle_path = self.state / "oracle.jsonl"
        self.hub_database = self.state / "hub" / "hub.sqlite"
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Self:
        self._check_ports()
        self._prepare_folder()
        try:
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        for name in ("meter", "hub", "ingest", "api", "broker"):
            self.stop(name)

    @property
    def meter(self) -> "subprocess.Popen[str] | None":
        """The simulated meter; None in a replay."""
        return self._processes.get("meter")

    def _check_ports(self) -> None:
        ports = (
            ("--page-port", self.chosen.page_port),
            ("--api-port", self.chosen.api_port),
            ("--broker-port", self.chosen.broker_port),
        )
        for option, port in ports:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError as error:
                    raise OperatorError(
                        f"port {port} of {HOST} is taken: {error.strerror}",
                        hint=f"choose another: hearthlink demo {option} {port + 1}",
                    ) from error

    def _prepare_folder(self) -> None:
        """Begin with an empty folder, but never empty one that is not the demo's."""
        if self.state.exists() and any(self.state.iterdir()):
            if not (self.state / MARK).exists():
                raise OperatorError(
                    f"{self.state} is not empty and not a demo's folder",
                    hint="choose another with --state",
                )
            shutil.rmtree(self.state)
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.state / MARK).touch()

    def _start_all(self) -> None:
        self._start_broker()
        for name in ("api", "ingest"):
            self.start(name, self._command("cloud", name), self._cloud_environment(name))
        self._await_url("api", f"{self.api_url}/v1/health")
        link = (
            f"replay:{self.chosen.replay.absolute()}" if self.chosen.replay else self._start_meter()
        )
        self._write_hub_files(link)
        config = str(self.state / "hub.toml")
        self.start("hub", self._command("run", "--config", config))
        self._await_url("hub", f"{self.page_url}/healthz")

    def _start_broker(self) -> None:
        broker = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if broker is None:
            raise OperatorError(
                "mosquitto, the broker, is not installed",
                hint="apt install mosquitto, or make demo",
            )
        fleet = ["--state", str(self.state / "fleet")]
        self._run("fleet", "init", *fleet)
        self._run("fleet", "issue", THING, *fleet)
        port = str(self.chosen.broker_port)
        told = self._run("fleet", "broker-config", *fleet, "--port", port, "--json")
        self.start("broker", [broker, "-c", json.loads(told)["config"]])
        self._await_port("broker", self.chosen.broker_port)

    def _cloud_environment(self, service: str) -> dict[str, str]:
        fleet = self.state / "fleet"
        identity = fleet / "things" / f"cloud-{service}"
        return {
            "HEARTHLINK_CLOUD_STATE_DIR": str(self.state / "cloud"),
            "HEARTHLINK_CLOUD_API_HOST": HOST,
            "HEARTHLINK_CLOUD_API_PORT": str(self.chosen.api_port),
            "HEARTHLINK_CLOUD_API_TOKEN": self.token,
            "HEARTHLINK_CLOUD_BROKER_HOST": "localhost",
            "HEARTHLINK_CLOUD_BROKER_PORT": str(self.chosen.broker_port),
            "HEARTHLINK_CLOUD_BROKER_CA": str(fleet / "ca.crt"),
            "HEARTHLINK_CLOUD_BROKER_CERT": f"{identity}.crt",
            "HEARTHLINK_CLOUD_BROKER_KEY": f"{identity}.key",
            "HEARTHLINK_CLOUD_ZONE": self.zone,
        }

    def _start_meter(self) -> str:
        port = self.state / "meter"
        self.start(
            "meter",
            self._command(
                "simulate",
                f"--link=pty:{port}",
                f"--protocol={self.chosen.protocol}",
                f"--seed={self.chosen.seed}",
                f"--history-days={self.chosen.history_days}",
                f"--oracle={self.oracle_path}",
                "--json",
            ),
            output=subprocess.PIPE,
        )
        self._await("meter", port.exists)
        return str(port)

    def _write_hub_files(self, link: str) -> None:
        for medium, tariff in TARIFFS.items():
            (self.state / f"{medium}-tariff.json").write_text(json.dumps(tariff, indent=2))
        things = self.state / "fleet" / "things"
        settings: dict[str, dict[str, Any]] = {
            "hub": {
                "thing": THING,
                "state_dir": str(self.state / "hub"),
                "clock": "meter",
                "zone": self.zone,
            },
            "meter": {"link": link, "protocol": self.chosen.protocol},
            "log": {"commit_window_s": 1},
            "uplink": {
                "host": "localhost",
                "port": self.chosen.broker_port,
                "ca_file": str(self.state / "fleet" / "ca.crt"),
                "certificate_file": str(things / f"{THING}.crt"),
                "key_file": str(things / f"{THING}.key"),
                "frame_interval_s": 5,
                "backlog_frames_per_s": 100,
                "start_delay_s": 0,
                "live": True,
            },
            "page": {"port": self.chosen.page_port},
            "consent": {"granularity": "live"},
            "tariff": {
                "electricity_file": str(self.state / "electricity-tariff.json"),
                "gas_file": str(self.state / "gas-tariff.json"),
            },
        }
        (self.state / "hub.toml").write_text(_to_toml(settings))

    def end_readings(self) -> None:
        """Stop the meter, then the hub, which commits, sends and waits for its receipts."""
        if self.meter is not None:
            self.stop("meter")
            time.sleep(1.0)
        self.stop("hub")

    def start(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str] | None = None,
        output: int | None = None,
    ) -> None:
        """Start a process whose messages go to a file of its own in the state folder."""
        log = (self.state / f"{name}.log").open("ab")
        self._processes[name] = subprocess.Popen(  # noqa: S603 (our own commands and mosquitto)
            command,
            env={**os.environ, **(environment or {})},  # noqa: TID251 (passes it on, reads nothing)
            stdin=subprocess.DEVNULL,
            stdout=output or log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()

    def stop(self, name: str) -> None:
        """Stop a process in its own order: SIGTERM, patience, SIGKILL."""
        process = self._processes.pop(name, None)
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def check_running(self) -> None:
        """Raise OperatorError where a process has ended by itself, with the end of what it said."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                said = (self.state / f"{name}.log").read_text(errors="replace")[-2000:]
                raise OperatorError(
                    f"{name} ended with status {process.returncode}:\n{said}",
                    hint=f"see {self.state / name}.log",
                )

    def cloud(self, *words: str) -> "subprocess.Popen[str]":
        """Start one of the cloud's commands, its output to be read."""
        return subprocess.Popen(  # noqa: S603
            self._command("cloud", *words),
            env={**os.environ, **self._cloud_environment("api")},  # noqa: TID251
            stdout=subprocess.PIPE,
            text=True,
        )

    def get(self, url: str) -> Any:
        """Read JSON from the API or the page."""
        request = urllib.request.Request(  # noqa: S310 (loopback, http)
            url, headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def put(self, url: str, body: Any) -> None:
        """Write JSON to the API."""
        request = urllib.request.Request(  # noqa: S310
            url,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method="PUT",
        )
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass

    def _command(self, *words: str) -> list[str]:
        return [str(Path(sys.executable).with_name("hearthlink")), *words]

    def _run(self, *words: str) -> str:
        done = subprocess.run(  # noqa: S603
            self._command(*words), capture_output=True, text=True, check=False, timeout=START_S
        )
        if done.returncode:
            raise OperatorError(f"hearthlink {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def _await_url(self, name: str, url: str) -> None:
        def answers() -> bool:
            try:
                self.get(url)
            except (urllib.error.URLError, OSError, ValueError):
                return False
            return True

        self._await(name, answers)

    def _await_port(self, name: str, port: int) -> None:
        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((HOST, port)) == 0

        self._await(name, listens)

    def _await(self, name: str, is_ready: Any) -> None:
        deadline = time.monotonic() + START_S
        while not is_ready():
            self.check_running()
            if time.monotonic() > deadline:
                raise OperatorError(f"{name} did not start", hint=f"see {self.state / name}.log")
            time.sleep(POLL_S)


def _to_toml(settings: dict[str, dict[str, Any]]) -> str:
    """Write sections of plain values; JSON's texts, numbers and truth values are TOML's."""
    lines = []
    for section, values in settings.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
