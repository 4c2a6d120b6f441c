"""The whole way for system tests: real Mosquitto, cloud and hubs as processes, in one folder."""

import json
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from agent.database import open_copy
from agent.demo.ports import free_port
from agent.reader import LogReader
from agent.uplink.kinds import UplinkKind
from cloud.db import Database
from shared.ranges import subtract
from tests.support.mosquitto import Broker
from tests.support.stores import is_idle, url_for

TOKEN = "token-of-the-system-tests"
COMMAND = str(Path(sys.executable).with_name("hearthlink"))
PATIENCE_S = 180.0
POLL_S = 0.1


class Way:
    """Broker, API and ingest workers; hubs and meters are started by the test.

    With `kind` HTTPS the API serves TLS and takes what hubs send, and no broker runs.
    """

    def __init__(
        self,
        folder: Path,
        workers: int = 1,
        zone: str = "Europe/London",
        kind: UplinkKind = UplinkKind.MQTT,
    ) -> None:
        self.folder = folder
        self.zone = zone
        self.broker = Broker(folder / "fleet")
        self.api_port = free_port()
        self.kind = kind
        self._is_https = kind is UplinkKind.HTTPS
        self._workers = 0 if self._is_https else workers
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            if not self._is_https:
                self.broker.start()
            self.start_api()
            for number in range(1, self._workers + 1):
                self.start_worker(number)
        except BaseException:
            # A `with` block that was never entered is never left: nobody else would end them.
            self._end()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end()

    def _end(self) -> None:
        for name in list(self._processes):
            self.stop(name)
        self.broker.stop()

    def start_api(self) -> None:
        """Start the API, and return once it answers."""
        self.start("api", "cloud", "api", environment=self._cloud("cloud-api"))
        self.until(self._answers, "the API answers")

    def start_worker(self, number: int) -> None:
        """Start an ingest worker."""
        environment = self._cloud("cloud-ingest")
        self.start(f"ingest-{number}", "cloud", "ingest", environment=environment)

    def start_devices(self) -> None:
        """Start the device service, which gives hubs their certificates."""
        self.start("devices", "cloud", "devices", environment=self._cloud("cloud-devices"))

    def claim(self, thing: str, *words: str) -> str:
        """Make a claim for a hub, as an operator does; return its text."""
        done = subprocess.run(
            [COMMAND, "fleet", "claim", "--thing", thing, "--json", *words],
            env={**os.environ, **self._cloud("cloud-devices")},
            capture_output=True,
            check=True,
            timeout=PATIENCE_S,
        )
        return str(json.loads(done.stdout)["text"])

    def start_newcomer(self, name: str, link: str, **settings: object) -> None:
        """Start a hub that has no identity yet; `settings` as for `start_hub`."""
        claim_file = self.folder / f"{name}-claim.txt"
        self._run_hub(name, link, {"provision_claim_file": claim_file, **settings})

    def provision(self, name: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `hearthlink provision` on a hub's state folder, beside the hub or without it."""
        environment = {
            "HEARTHLINK_HUB_STATE_DIR": str(self.folder / name),
            "HEARTHLINK_METER_LINK": "replay:none",
            "HEARTHLINK_PROVISION_CLAIM_FILE": str(self.folder / f"{name}-claim.txt"),
        }
        return subprocess.run(
            [COMMAND, "provision", *words],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def _cloud(self, service: str) -> dict[str, str]:
        credentials = self.broker.service(service)
        settings: dict[str, object] = {
            "state_dir": self.folder / "cloud",
            "database_url": url_for(self.folder),
            "api_port": self.api_port,
            "api_token": TOKEN,
            "broker_host": self.broker.host,
            "broker_port": self.broker.services_port,
            "hub_broker_port": self.broker.port,
            "broker_ca": credentials.authority,
            "broker_cert": credentials.certificate,
            "broker_key": credentials.key,
            "zone": self.zone,
            "fleet_dir": self.broker.directory,
            "claim_host": f"127.0.0.1:{self.api_port}",
        }
        if self._is_https:
            for name in ("host", "ca", "cert", "key"):
                del settings[f"broker_{name}"]
            server = self.broker.authority.server
            settings |= {
                "api_cert": server.certificate,
                "api_key": server.key,
                "hub_ca": credentials.authority,
            }
        return {f"HEARTHLINK_CLOUD_{key.upper()}": str(value) for key, value in settings.items()}

    def start_hub(self, thing: str, link: str, **settings: object) -> None:
        """Start a hub whose clock the meter drives; `settings` like `uplink_start_delay_s=0`."""
        credentials = self.broker.issue(thing)
        carried: dict[str, object] = {
            "uplink_host": self.broker.host,
            "uplink_port": self.api_port if self._is_https else self.broker.port,
            "uplink_ca_file": credentials.authority,
            "uplink_certificate_file": credentials.certificate,
            "uplink_key_file": credentials.key,
        }
        self._run_hub(thing, link, {**carried, **settings})

    def _run_hub(self, thing: str, link: str, settings: Mapping[str, object]) -> None:
        chosen: dict[str, object] = {
            "hub_thing": thing,
            "hub_state_dir": self.folder / thing,
            "hub_clock": "meter",
            "hub_zone": self.zone,
            "meter_link": link,
            "log_commit_window_s": 0.5,
            "uplink_kind": self.kind,
            "uplink_frame_interval_s": 1,
            "uplink_backlog_frames_per_s": 100,
            "uplink_start_delay_s": 0,
            "page_port": 0,
            "consent_granularity": "10s",
            **settings,
        }
        environment = {f"HEARTHLINK_{key.upper()}": str(value) for key, value in chosen.items()}
        self.start(thing, "run", environment=environment)

    def start(self, name: str, *words: str, environment: Mapping[str, str] | None = None) -> None:
        """Start one of the project's commands; its messages go to a file of its own."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [COMMAND, *words], env={**os.environ, **(environment or {})}, stdout=log, stderr=log
            )

    def pid(self, name: str) -> int:
        """Tell the process id of a running command."""
        return self._processes[name].pid

    def pids(self) -> dict[str, int]:
        """Tell the process ids of all that runs, the broker among them, by name."""
        pids = {name: process.pid for name, process in self._processes.items()}
        return pids | ({} if self.broker.pid is None else {"broker": self.broker.pid})

    def pause_worker(self, name: str) -> None:
        """Freeze an ingest worker (SIGSTOP): its connection stays, its queue fills.

        A worker frozen within its transaction would hold up others until it is killed, so it is let
        go and frozen again until it is between two.
        """
        process = self._processes[name]
        deadline = time.monotonic() + PATIENCE_S
        process.send_signal(signal.SIGSTOP)
        while not self._can_write():
            assert time.monotonic() < deadline, f"{name} is never between two transactions"
            process.send_signal(signal.SIGCONT)
            time.sleep(POLL_S)
            process.send_signal(signal.SIGSTOP)

    def database(self) -> Database:
        """Open the cloud's store beside its processes."""
        return Database(url_for(self.folder) or f"sqlite:///{self.folder / 'cloud' / 'cloud.db'}")

    def _can_write(self) -> bool:
        if url_for(self.folder):
            return is_idle(self.folder)
        path = self.folder / "cloud" / "cloud.db"
        database = sqlite3.connect(path, timeout=2.0, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        finally:
            database.close()
        return True

    def kill(self, name: str) -> None:
        """Take a process away without warning (SIGKILL)."""
        process = self._processes.pop(name)
        process.kill()
        process.wait(PATIENCE_S)

    def stop(self, name: str) -> int:
        """Ask a process to end; return its exit status."""
        process = self._processes.pop(name)
        process.terminate()
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait(30)

    def wait_ended(self, name: str) -> int:
        """Wait until a process has ended by itself."""
        return self._processes.pop(name).wait(PATIENCE_S)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds; fail naming it, with the ends of every log."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}\n{self._logs()}"
            time.sleep(POLL_S)

    def get(self, path: str) -> Any:
        """Read JSON from the API."""
        scheme = "https" if self._is_https else "http"
        request = urllib.request.Request(
            f"{scheme}://127.0.0.1:{self.api_port}{path}",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        context = ssl.create_default_context(cafile=self.broker.ca) if self._is_https else None
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return json.load(answer)

    def stored_samples(self) -> Iterator[dict[str, Any]]:
        """Yield every stored copy of every sample, decoded from the frames alone."""
        done = subprocess.run(
            [COMMAND, "cloud", "samples", "--all"],
            env={**os.environ, **self._cloud("cloud-api")},
            capture_output=True,
            check=True,
            timeout=PATIENCE_S,
        )
        for line in done.stdout.splitlines():
            yield json.loads(line)

    def held(self, thing: str) -> dict[str, tuple[int, int]]:
        """Read from a hub's database what its logs hold: first and last sequence by log id."""
        path = self.folder / thing / "hub.sqlite"
        if not path.exists():
            return {}
        with open_copy(path) as connection:
            reader = LogReader(connection)
            try:
                return {
                    one.log_id.hex(): held
                    for one in reader.entries()
                    if (held := reader.held_range(one.log)) is not None
                }
            except sqlite3.OperationalError:
                return {}

    def count_stored(self, thing: str) -> int:
        """Count the sequences the API lists as stored for a hub."""
        return sum(one[1] - one[0] + 1 for ranges in self._stored(thing).values() for one in ranges)

    def is_all_stored(self, thing: str) -> bool:
        """Tell whether the hub holds something, and the API lists all of it as stored."""
        held, stored = self.held(thing), self._stored(thing)
        missing = [subtract([span], stored.get(log_id, [])) for log_id, span in held.items()]
        return bool(held) and not any(missing)

    def holes(self, thing: str) -> set[tuple[str, int]]:
        """List (log, seq) that the API does not have though it has later ones of the same log."""
        return {
            (log_id, seq)
            for log_id, ranges in self._stored(thing).items()
            for before, after in pairwise([[0, 0], *ranges])
            for seq in range(before[1] + 1, after[0])
        }

    def knows(self, thing: str) -> bool:
        """Tell whether the cloud has heard of a hub."""
        return any(one["thing"] == thing for one in self.get("/v1/gateways")["gateways"])

    def _stored(self, thing: str) -> dict[str, list[list[int]]]:
        for gateway in self.get("/v1/gateways")["gateways"]:
            if gateway["thing"] == thing:
                return {log["log_id"]: log["stored"] for log in gateway["logs"]}
        return {}

    def _answers(self) -> bool:
        try:
            self.get("/v1/health")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def _logs(self) -> str:
        ends = [
            f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}"
            for path in sorted(self.folder.glob("*.log"))
        ]
        return "\n".join(ends)
