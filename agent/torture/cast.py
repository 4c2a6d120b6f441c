"""The processes of a torture: the demo's stage, set up so that any of them may be taken away.

A meter, a hub behind a relay, a broker that forgets or remembers, the API and two ingest workers.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import threading
import time
import urllib.error
from pathlib import Path
from typing import Any

from agent.demo.stage import HOST, SIMULATED_ZONE, Stage
from agent.torture.relay import Relay
from shared.errors import OperatorError
from shared.ranges import subtract

THING = "torture-hub"
WORKERS = ("ingest-1", "ingest-2")
FREEZE_TRIES = 50
SPEAKS_S = 0.05
SILENT_S = 0.35
"""Some 400 telegrams a second: an hour of a household's meter, and frames all the time."""

WRITE_TRY_S = 2.0


class Cast(Stage):
    """Everything a torture has running."""

    def __init__(self, state: Path, seed: int, history_days: float) -> None:
        chosen = argparse.Namespace(
            state=state,
            seed=seed,
            history_days=history_days,
            protocol="p1",
            replay=None,
            zone=SIMULATED_ZONE,
            faults=[],
            page_port=_free_port(),
            api_port=_free_port(),
            broker_port=_free_port(),
        )
        super().__init__(chosen)
        self.oracle_path = self.state / "oracle.jsonl"
        self._commands: dict[str, tuple[list[str], dict[str, str] | None]] = {}
        self._relay: Relay | None = None
        self._is_over = threading.Event()
        self._pace = threading.Thread(target=self._let_meter_speak, name="pace", daemon=True)

    @property
    def relay(self) -> Relay:
        """The link between hub and broker."""
        if self._relay is None:
            raise OperatorError("the relay is not there yet")
        return self._relay

    def end_meter(self) -> None:
        """Let the meter stop where it is."""
        self._is_over.set()
        if self._pace.is_alive():
            self._pace.join()
        self.resume("meter")
        self.stop("meter")

    def _let_meter_speak(self) -> None:
        """Let the meter tell its history in bursts, so that it lasts as long as the faults do."""
        while not self._is_over.is_set():
            self.resume("meter")
            time.sleep(SPEAKS_S)
            self.freeze("meter")
            self._is_over.wait(SILENT_S)

    def __exit__(self, *_exception: object) -> None:
        self.end_meter()
        for name in ("hub", *WORKERS, "api", "broker"):
            self.resume(name)
            self.stop(name)
        if self._relay is not None:
            self._relay.close()

    def start(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str] | None = None,
        output: int | None = None,
    ) -> None:
        """Start a process, and remember how."""
        self._commands[name] = (command, environment)
        super().start(name, command, environment, output)

    def again(self, name: str) -> None:
        """Start a process that was taken away, as it was started before."""
        if name not in self._processes:
            command, environment = self._commands[name]
            super().start(name, command, environment)

    def kill(self, name: str) -> None:
        """Take a process away without warning (SIGKILL)."""
        process = self._processes.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()

    def freeze(self, name: str) -> None:
        """Let a process stand still (SIGSTOP); an ingest worker between two transactions.

        SQLite has one writer: a worker that stands still inside a transaction holds up the others.
        """
        for _ in range(FREEZE_TRIES):
            os.kill(self._processes[name].pid, signal.SIGSTOP)
            if name not in WORKERS or self._can_write():
                return
            self.resume(name)
            time.sleep(0.05)

    def resume(self, name: str) -> None:
        """Let a process go on (SIGCONT)."""
        process = self._processes.get(name)
        if process is not None and process.poll() is None:
            os.kill(process.pid, signal.SIGCONT)

    def limit_files(self, name: str, bytes_max: int | None) -> None:
        """Let no file of a process grow past a size, as a full disk does; None lifts that."""
        pid = self._processes[name].pid
        soft = resource.RLIM_INFINITY if bytes_max is None else bytes_max
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def write_broker(self, *, forgets: bool) -> None:
        """Write the broker's configuration: one that forgets all with its process, or not."""
        fleet, port = str(self.state / "fleet"), str(self.chosen.broker_port)
        words = ["fleet", "broker-config", "--state", fleet, "--port", port, "--json"]
        told = self._run(*words, *(["--ephemeral"] if forgets else []))
        self._commands["broker"] = ([_mosquitto(), "-c", json.loads(told)["config"]], None)

    def stored(self) -> dict[str, list[tuple[int, int]]] | None:
        """Ask the API what it lists as stored of each log; None where it does not answer."""
        try:
            gateways: Any = self.get(f"{self.api_url}/v1/gateways")["gateways"]
        except (urllib.error.URLError, OSError, ValueError):
            return None
        return {
            log["log_id"]: [(first, last) for first, last, *_ in log["stored"]]
            for gateway in gateways
            for log in gateway["logs"]
        }

    def missing(self, held: dict[str, tuple[int, int]]) -> int | None:
        """Count what of these ranges is not stored; None where the API does not answer."""
        stored = self.stored()
        if stored is None:
            return None
        return sum(
            last - first + 1
            for log_id, span in held.items()
            for first, last in subtract([span], stored.get(log_id, []))
        )

    def _start_all(self) -> None:
        fleet = ["--state", str(self.state / "fleet")]
        self._run("fleet", "init", *fleet)
        self._run("fleet", "issue", THING, *fleet)
        self.write_broker(forgets=True)
        self.again("broker")
        self._await_port("broker", self.chosen.broker_port)
        self._relay = Relay(self.chosen.broker_port)
        self.start("api", self._command("cloud", "api"), self._cloud_environment("api"))
        self._await_url("api", f"{self.api_url}/v1/health")
        for name in WORKERS:
            self.start(name, self._command("cloud", "ingest"), self._cloud_environment("ingest"))
        link = self._play_meter()
        self.start("hub", self._command("run"), self._hub_environment(link))
        self._await_url("hub", f"{self.page_url}/healthz")
        self._pace.start()

    def _play_meter(self) -> str:
        port = self.state / "meter"
        self.start(
            "meter",
            self._command(
                "simulate",
                f"--link=pty:{port}",
                f"--seed={self.chosen.seed}",
                f"--history-days={self.chosen.history_days}",
                f"--oracle={self.oracle_path}",
            ),
        )
        self._await("meter", port.exists)
        return str(port)

    def _hub_environment(self, link: str) -> dict[str, str]:
        things = self.state / "fleet" / "things"
        settings: dict[str, object] = {
            "hub_thing": THING,
            "hub_state_dir": self.state / "hub",
            "hub_clock": "meter",
            "hub_zone": self.zone,
            "meter_link": link,
            "log_commit_window_s": 0.5,
            "uplink_host": "localhost",
            "uplink_port": self.relay.port,
            "uplink_ca_file": self.state / "fleet" / "ca.crt",
            "uplink_certificate_file": things / f"{THING}.crt",
            "uplink_key_file": things / f"{THING}.key",
            "uplink_frame_interval_s": 1,
            "uplink_backlog_frames_per_s": 20,
            "uplink_start_delay_s": 0,
            "page_port": self.chosen.page_port,
            "consent_granularity": "10s",
        }
        return {f"HEARTHLINK_{key.upper()}": str(value) for key, value in settings.items()}

    def _can_write(self) -> bool:
        path = self.state / "cloud" / "cloud.db"
        database = sqlite3.connect(path, timeout=WRITE_TRY_S, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        finally:
            database.close()
        return True

    def ended(self) -> list[str]:
        """List the processes that have ended by themselves."""
        return [name for name, one in self._processes.items() if one.poll() is not None]


def _mosquitto() -> str:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if found is None:
        raise OperatorError("mosquitto, the broker, is not installed", hint="apt install mosquitto")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
