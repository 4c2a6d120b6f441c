"""Everything a demo has running: broker, cloud, hub and simulated sources, in their order."""

import argparse
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from agent.demo.files import Displays, write_hub_files
from agent.demo.glow_broker import glow_topics, write_glow_broker_config
from agent.demo.panel import DemoPanel
from agent.demo.ports import free_port
from agent.demo.processes import START_S, Processes, hearthlink, run_hearthlink
from agent.demo.sources import Source, check_faults, home_of
from firmware_bridge.meters.keys import KEY_BYTES
from shared.errors import OperatorError

THING = "demo-hub"
GLOW_BROKER = "glow-broker"
PANEL = "panel"
SERVICES = ("api", "ingest", "devices")
"""The cloud's processes."""

HOST = "127.0.0.1"
MARK = ".hearthlink-demo"
SIMULATED_ZONE = "Europe/London"
"""Where the simulated household lives; a replayed capture may come from elsewhere."""


def find_mosquitto() -> str:
    """Find the broker; raise OperatorError where it is not installed."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if found is None:
        raise OperatorError(
            "mosquitto, the broker, is not installed", hint="apt install mosquitto, or make demo"
        )
    return found


class Stage:
    """Everything the demo has running, and the folder it writes to."""

    def __init__(self, chosen: argparse.Namespace, *, has_panel: bool = False) -> None:
        self.chosen = chosen
        self.thing = THING
        self.zone = chosen.zone if chosen.replay else SIMULATED_ZONE
        self.state: Path = chosen.state.absolute()
        self.token = secrets.token_urlsafe(24)
        self.page_url = f"http://{HOST}:{chosen.page_port}"
        self.api_url = f"http://{HOST}:{chosen.api_port}"
        self.sources = {} if chosen.replay else home_of(chosen.protocol)
        self.services_port = free_port()
        self.hub_database = self.state / "hub" / "hub.sqlite"
        self.panel = DemoPanel(self.state, self.page_url, is_wanted=has_panel)
        self._processes = Processes(self.state)

    def __enter__(self) -> Self:
        self._check_ports()
        check_faults(self.chosen.faults, self.sources)
        self._prepare_folder()
        try:
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        for name in (*self.sources, "hub", PANEL, *SERVICES, "broker", GLOW_BROKER):
            self._processes.stop(name)
        self.panel.close()

    @property
    def oracle_paths(self) -> list[Path]:
        """What each simulated source writes down; none in a replay."""
        return [self.state / f"{name}.oracle.jsonl" for name in self.sources]

    @property
    def simulations(self) -> "list[subprocess.Popen[str]]":
        """The simulated sources that run; none in a replay."""
        return self._processes.those_of(self.sources)

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
        self._start_cloud()
        self._start_home()

    def _start_cloud(self) -> None:
        self._start_broker()
        for name in SERVICES:
            environment = self._cloud_environment(name)
            self._processes.start(name, hearthlink("cloud", name), environment)
        self._await_url("api", f"{self.api_url}/v1/health")

    def _start_home(self) -> None:
        claiming = self.run_cloud("fleet", "claim", "--thing", self.thing, "--json")
        meters = [self._start_source(name, source) for name, source in self.sources.items()]
        if self.chosen.replay:
            capture = f"replay:{self.chosen.replay.absolute()}"
            meters = [{"protocol": self.chosen.protocol, "link": capture}]
        claim = self._read_claim(claiming)
        self.panel.prepare()
        displays = Displays(self.chosen.page_port, self.panel.port, self.panel.url)
        config = write_hub_files(self.state, claim, meters, self.zone, displays)
        self._processes.start("hub", hearthlink("run", "--config", str(config)))
        self._await_url("hub", f"{self.page_url}/healthz")
        if self.panel.port:
            self._processes.start(PANEL, self.panel.command(), line=self.panel.line)

    def _start_broker(self) -> None:
        broker = find_mosquitto()
        fleet = ["--state", str(self.state / "fleet")]
        run_hearthlink("fleet", "init", *fleet)
        port = str(self.chosen.broker_port)
        services = ("--services-port", str(self.services_port))
        told = run_hearthlink("fleet", "broker-config", *fleet, "--port", port, *services, "--json")
        self._processes.start("broker", [broker, "-c", json.loads(told)["config"]])
        self._processes.wait_for_port("broker", HOST, self.services_port)

    @staticmethod
    def _read_claim(claiming: "subprocess.Popen[str]") -> str:
        told, _ = claiming.communicate(timeout=START_S)
        if claiming.returncode:
            raise OperatorError(f"hearthlink fleet claim ended with {claiming.returncode}")
        return str(json.loads(told)["text"])

    def _cloud_environment(self, service: str) -> dict[str, str]:
        fleet = self.state / "fleet"
        identity = fleet / "things" / f"cloud-{service}"
        return {
            "HEARTHLINK_CLOUD_STATE_DIR": str(self.state / "cloud"),
            "HEARTHLINK_CLOUD_API_HOST": HOST,
            "HEARTHLINK_CLOUD_API_PORT": str(self.chosen.api_port),
            "HEARTHLINK_CLOUD_API_TOKEN": self.token,
            "HEARTHLINK_CLOUD_BROKER_HOST": "localhost",
            "HEARTHLINK_CLOUD_BROKER_PORT": str(self.services_port),
            "HEARTHLINK_CLOUD_HUB_BROKER_PORT": str(self.chosen.broker_port),
            "HEARTHLINK_CLOUD_BROKER_CA": str(fleet / "ca.crt"),
            "HEARTHLINK_CLOUD_BROKER_CERT": f"{identity}.crt",
            "HEARTHLINK_CLOUD_BROKER_KEY": f"{identity}.key",
            "HEARTHLINK_CLOUD_FLEET_DIR": str(fleet),
            "HEARTHLINK_CLOUD_CLAIM_HOST": f"{HOST}:{self.chosen.api_port}",
            "HEARTHLINK_CLOUD_ZONE": self.zone,
        }

    def _start_source(self, name: str, source: Source) -> dict[str, Any]:
        """Start what simulates a source; return the hub's table for it."""
        keys = (secrets.token_hex(KEY_BYTES), secrets.token_hex(KEY_BYTES))
        port = self.state / name
        topics = self._start_glow_broker() if "{topics}" in source.link else ""
        faults = [f"--faults={self.chosen.faults}"] if self.chosen.faults else []
        self._processes.start(
            name,
            hearthlink(
                "simulate",
                f"--link={source.played_on.format(path=port, topics=topics)}",
                f"--seed={self.chosen.seed}",
                f"--oracle={self.state / name}.oracle.jsonl",
                "--json",
                *source.play_options(keys, self.chosen.history_days),
                *faults,
            ),
            output=subprocess.PIPE,
        )
        if not topics:
            self._processes.wait_for(name, port.exists)
        return source.table(source.link.format(path=port, topics=topics), keys)

    def _start_glow_broker(self) -> str:
        """Start the plain broker a Glow needs, on a free port; return where it publishes."""
        port = free_port()
        config = write_glow_broker_config(self.state, port)
        self._processes.start(GLOW_BROKER, [find_mosquitto(), "-c", str(config)])
        self._processes.wait_for_port(GLOW_BROKER, HOST, port)
        return glow_topics(port)

    def hear_out(self) -> None:
        """Read on what the simulations say: a full pipe would stop them."""
        for simulation in self.simulations:
            if simulation.stdout is not None:
                simulation.stdout.readlines()

    def end_readings(self) -> None:
        """Stop the sources, then the hub, which commits, sends and waits for its receipts."""
        for name in self.sources:
            self._processes.stop(name)
        if self.sources:
            time.sleep(1.0)
        self._processes.stop("hub")

    def check_running(self) -> None:
        """Raise OperatorError where a process has ended by itself, with the end of what it said."""
        self._processes.check_running()

    def cloud(self, *words: str) -> "subprocess.Popen[str]":
        """Start one of the cloud's commands, its output to be read."""
        return self.run_cloud("cloud", *words)

    def run_cloud(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command with the cloud's settings, its output to be read."""
        return subprocess.Popen(  # noqa: S603
            hearthlink(*words),
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

    def send(
        self, method: str, url: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> None:
        """Write JSON to the API or the page."""
        request = urllib.request.Request(  # noqa: S310
            url,
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass

    def _await_url(self, name: str, url: str) -> None:
        def answers() -> bool:
            try:
                self.get(url)
            except (urllib.error.URLError, OSError, ValueError):
                return False
            return True

        self._processes.wait_for(name, answers)
