"""The torture's own stage: processes that may be taken away, and what is asked of the cloud."""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
from pathlib import Path
from typing import Any

from agent.demo.processes import START_S, hearthlink, run_hearthlink
from agent.demo.stage import SIMULATED_ZONE, Stage, find_mosquitto, free_port
from agent.torture.troupe import Troupe
from shared.errors import OperatorError
from shared.ranges import subtract

HUB, SECOND = "hub", "hub-2"
"""The hub that most faults strike, and one in real time, whose wall clock may jump."""

THING = "torture-hub"
THINGS = {HUB: THING, SECOND: f"{THING}-2"}
WORKERS = ("ingest-1", "ingest-2")
FREEZE_TRIES = 50
WRITE_TRY_S = 2.0


class TortureStage(Stage):
    """What a torture runs, by name, and its cloud."""

    def __init__(self, state: Path, seed: int, history_days: float) -> None:
        chosen = argparse.Namespace(
            state=state,
            seed=seed,
            history_days=history_days,
            protocol="p1",
            replay=None,
            zone=SIMULATED_ZONE,
            faults=None,
            page_port=free_port(),
            api_port=free_port(),
            broker_port=free_port(),
        )
        super().__init__(chosen)
        self._processes = self._troupe = Troupe(self.state)

    @property
    def fleet(self) -> Path:
        """Where the identities are."""
        return self.state / "fleet"

    @property
    def cloud_database(self) -> Path:
        """Where the cloud keeps everything."""
        return self.state / "cloud" / "cloud.db"

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

    def ended(self) -> list[str]:
        """List the processes that have ended by themselves."""
        return self._troupe.ended()

    def write_broker(self, *, forgets: bool) -> None:
        """Write the broker's configuration: one that forgets all with its process, or not."""
        fleet, port = str(self.state / "fleet"), str(self.chosen.broker_port)
        words = ["fleet", "broker-config", "--state", fleet, "--port", port, "--json"]
        words += ["--services-port", str(self.services_port)]
        told = run_hearthlink(*words, *(["--ephemeral"] if forgets else []))
        self._troupe.remember("broker", [find_mosquitto(), "-c", json.loads(told)["config"]])

    def stored(self, hub: str | None = None) -> dict[str, list[tuple[int, int]]] | None:
        """Ask the API what it lists as stored of each log; None where it does not answer.

        Of one hub's logs alone where that is named.
        """
        try:
            gateways: Any = self.get(f"{self.api_url}/v1/gateways")["gateways"]
        except (urllib.error.URLError, OSError, ValueError):
            return None
        return {
            log["log_id"]: [(first, last) for first, last, *_ in log["stored"]]
            for gateway in gateways
            if hub is None or gateway["thing"] == THINGS[hub]
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
