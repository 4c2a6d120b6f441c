"""The processes of a torture: the demo's stage, set up so that any of them may be taken away.

A meter, a hub behind a relay, a broker that forgets or remembers, the API and two ingest workers.
"""

import argparse
import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
from pathlib import Path
from random import Random
from typing import Any

from agent.demo.processes import START_S, hearthlink, run_hearthlink
from agent.demo.stage import HOST, SIMULATED_ZONE, Stage, find_mosquitto
from agent.home.changes import TOKEN_HEADER
from agent.torture.again import gather, mixed, stored_frames
from agent.torture.pace import Pace
from agent.torture.relay import Relay
from agent.torture.speaker import speaking
from agent.torture.troupe import Troupe
from agent.torture.volume import Volume
from shared import topics
from shared.consent import Granularity
from shared.errors import OperatorError
from shared.ranges import subtract

THING = "torture-hub"
WORKERS = ("ingest-1", "ingest-2")
WORKER_IDENTITY = "cloud-ingest"
READ_ONLY = "read-only-disk"
FREEZE_TRIES = 50
WRITE_TRY_S = 2.0


class Cast(Stage):
    """Everything a torture has running."""

    def __init__(
        self, state: Path, seed: int, history_days: float, *, may_mount: bool = False
    ) -> None:
        """`may_mount` gives the hub a file system of its own (`take_own_mounts`)."""
        chosen = argparse.Namespace(
            state=state,
            seed=seed,
            history_days=history_days,
            protocol="p1",
            replay=None,
            zone=SIMULATED_ZONE,
            faults=None,
            page_port=_free_port(),
            api_port=_free_port(),
            broker_port=_free_port(),
        )
        super().__init__(chosen)
        self._processes = self._troupe = Troupe(self.state)
        self.oracle_path = self.state / "oracle.jsonl"
        card = self.state / "card"
        self.hub_folder = card / "hub"
        self.hub_database = self.hub_folder / "hub.sqlite"
        self.volume = Volume(self.state / "card.img", card) if may_mount else None
        self.granularity = Granularity.TEN_SECONDS
        self._pin = secrets.token_hex(4)
        self._relay: Relay | None = None
        self.pace = Pace(lambda: self.resume("meter"), lambda: self.freeze("meter"))

    @property
    def relay(self) -> Relay:
        """The link between hub and broker."""
        if self._relay is None:
            raise OperatorError("the relay is not there yet")
        return self._relay

    @property
    def fleet(self) -> Path:
        """Where the identities are."""
        return self.state / "fleet"

    @property
    def cloud_database(self) -> Path:
        """Where the cloud keeps everything."""
        return self.state / "cloud" / "cloud.db"

    def lacking(self) -> dict[str, str]:
        """Say of each fault that cannot strike on this machine why."""
        if self.volume is None:
            return {READ_ONLY: "needs root, to mount a file system of the hub's own"}
        return {}

    def end_meter(self) -> None:
        """Let the meter stop where it is."""
        self.pace.end()
        self.stop("meter")

    def __exit__(self, *_exception: object) -> None:
        self.end_meter()
        for name in ("hub", *WORKERS, "api", "broker"):
            self.resume(name)
            self.stop(name)
        if self._relay is not None:
            self._relay.close()
        if self.volume is not None:
            self.volume.leave(self.state / "card-left")

    def kill(self, name: str) -> None:
        """Take a process away without warning (SIGKILL)."""
        self._troupe.kill(name)

    def stop(self, name: str) -> None:
        """Let a process end in its own order."""
        self._troupe.stop(name)

    def again(self, name: str) -> None:
        """Start a process that was taken away, as it was started before."""
        self._troupe.again(name)

    def resume(self, name: str) -> None:
        """Let a process go on."""
        self._troupe.resume(name)

    def freeze(self, name: str) -> None:
        """Let a process stand still; an ingest worker between two transactions.

        SQLite has one writer: a worker that stands still inside a transaction holds up the others.
        """
        for _ in range(FREEZE_TRIES):
            self._troupe.freeze(name)
            if name not in WORKERS or self._can_write():
                return
            self.resume(name)
            time.sleep(0.05)

    def limit_files(self, name: str, bytes_max: int | None) -> None:
        """Let no file of a process grow past a size, as a full disk does; None lifts that."""
        self._troupe.limit_files(name, bytes_max)

    def refuses(self, name: str) -> bool:
        """Start a process that is to refuse to run; tell whether it did."""
        self.again(name)
        try:
            return self._troupe.wait(name, START_S) != 0
        except subprocess.TimeoutExpired:
            return False

    def order(self, *words: str) -> None:
        """Run one of the cloud's commands to its end; raises OperatorError where it fails."""
        self._do(hearthlink(*words))

    def age_cloud(self, releases: int) -> None:
        """Give the cloud's database the schema of so many releases ago; the cloud must be away."""
        self._do([sys.executable, "-m", "cloud.aging", str(releases)])

    def _do(self, command: list[str]) -> None:
        done = subprocess.run(  # noqa: S603
            command,
            env={**os.environ, **self._cloud_environment("api")},  # noqa: TID251 (passed on)
            capture_output=True,
            text=True,
            check=False,
            timeout=START_S,
        )
        if done.returncode:
            raise OperatorError(f"{' '.join(command)}: {done.stderr.strip()}")

    def deliver_again(self, draw: Random) -> None:
        """Let frames that are stored arrive once more, twice each and in any order."""
        frames = stored_frames(self.cloud_database, draw)
        with speaking(self.fleet, THING, "localhost", self.chosen.broker_port) as speaker:
            speaker.say(topics.frames(THING), frames)

    def receive_again(self, draw: Random, patience_s: float) -> int:
        """Let the hub have receipts again, twice each and in any order; return how many it had."""
        heard: list[bytes] = []
        port, until_s = self.chosen.broker_port, time.monotonic() + patience_s
        with speaking(self.fleet, THING, "localhost", port) as listener:
            listener.hear(topics.receipts(THING), heard.append)
            receipts = gather(heard, lambda: time.monotonic() > until_s)
        with speaking(self.fleet, WORKER_IDENTITY, "localhost", port) as speaker:
            speaker.say(topics.receipts(THING), mixed(receipts, draw))
        return len(receipts)

    def ended(self) -> list[str]:
        """List the processes that have ended by themselves."""
        return self._troupe.ended()

    def write_broker(self, *, forgets: bool) -> None:
        """Write the broker's configuration: one that forgets all with its process, or not."""
        fleet, port = str(self.state / "fleet"), str(self.chosen.broker_port)
        words = ["fleet", "broker-config", "--state", fleet, "--port", port, "--json"]
        told = run_hearthlink(*words, *(["--ephemeral"] if forgets else []))
        self._troupe.remember("broker", [find_mosquitto(), "-c", json.loads(told)["config"]])

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

    def choose(self, granularity: Granularity) -> None:
        """Choose what may leave the home, as the household does at the hub's page."""
        token = self.get(f"{self.page_url}/view.json")["token"]
        change = {"pin": self._pin, "granularity": granularity.value}
        headers = {TOKEN_HEADER: token}
        self.send("POST", f"{self.page_url}/granularity", change, headers)

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
        if self.volume is not None:
            self.volume.make()
        fleet = ["--state", str(self.state / "fleet")]
        run_hearthlink("fleet", "init", *fleet)
        run_hearthlink("fleet", "issue", THING, *fleet)
        self.write_broker(forgets=True)
        self.again("broker")
        self._troupe.wait_for_port("broker", HOST, self.chosen.broker_port)
        self._relay = Relay(self.chosen.broker_port)
        self._troupe.start("api", hearthlink("cloud", "api"), self._cloud_environment("api"))
        self._await_url("api", f"{self.api_url}/v1/health")
        for name in WORKERS:
            environment = self._cloud_environment("ingest")
            self._troupe.start(name, hearthlink("cloud", "ingest"), environment)
        link = self._play_meter()
        self._troupe.start("hub", hearthlink("run"), self._hub_environment(link))
        self._await_url("hub", f"{self.page_url}/healthz")
        self.pace.start()

    def _play_meter(self) -> str:
        port = self.state / "meter"
        self._troupe.start(
            "meter",
            hearthlink(
                "simulate",
                f"--link=pty:{port}",
                f"--seed={self.chosen.seed}",
                f"--history-days={self.chosen.history_days}",
                f"--oracle={self.oracle_path}",
            ),
        )
        self._troupe.wait_for("meter", port.exists)
        return str(port)

    def _hub_environment(self, link: str) -> dict[str, str]:
        things = self.state / "fleet" / "things"
        settings: dict[str, object] = {
            "hub_thing": THING,
            "hub_state_dir": self.hub_folder,
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
            "page_pin": self._pin,
            "consent_granularity": self.granularity.value,
        }
        return {f"HEARTHLINK_{key.upper()}": str(value) for key, value in settings.items()}

    def _can_write(self) -> bool:
        path = self.cloud_database
        database = sqlite3.connect(path, timeout=WRITE_TRY_S, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        finally:
            database.close()
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
