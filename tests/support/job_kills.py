"""Kills a real hub with SIGKILL in the middle of its jobs, and says what became of each job.

The hub is its own process over a real Mosquitto and device service. It dies just before a change of
the disk that the job makes (tests/support/struck_hub.py), is started again, and must then bring the
job to its end and say so once.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from agent.jobs.journal import Journal
from cloud.fleet.dispatch import Answers
from cloud.households.repository import lock_hub
from cloud.jobs.requests import JobDesk
from cloud.jobs.rollout import Plan
from cloud.jobs.rollouts import Rollouts
from shared import topics
from shared.jobs import JobStatus, Operation
from shared.units import MS_PER_DAY
from tests.support import struck_hub
from tests.support.device_cloud import DeviceCloud, until

THING = "hub-struck"
ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
STARTED_ANEW = "the hub is started anew: job "


@dataclass
class JobToll:
    """Kills, and the jobs that were not brought to their end, or done or said more than once."""

    kills: int = 0
    jobs: int = 0
    unfinished: int = 0
    repeated: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Tell whether each job was done and reported once."""
        return not (self.unfinished or self.repeated)


class CountingDesk:
    """The cloud's answers to a hub's jobs, and every final report that a hub sent for each."""

    def __init__(self, desk: JobDesk) -> None:
        self._desk = desk
        self.said: defaultdict[str, set[str]] = defaultdict(set)
        self.accepted: Counter[str] = Counter()

    def answer(self, thing: str, topic: str, payload: bytes, now_ms: int) -> Answers:
        """Answer as the desk does."""
        answers = self._desk.answer(thing, topic, payload, now_ms)
        report: dict[str, Any] = msgspec.json.decode(payload)
        if topic.endswith("/update") and JobStatus(report["status"]).is_final:
            job_id = topic.split("/")[-2]
            outcome = msgspec.json.encode([report["status"], report["statusDetails"]])
            self.said[job_id].add(outcome.decode())
            self.accepted[job_id] += answers[0][0] == topics.accepted(topic)
        return answers


class StruckHub:
    """A hub that is killed and started again, and the cloud that gives it jobs."""

    def __init__(self, folder: Path, cloud: DeviceCloud) -> None:
        self._cloud = cloud
        self._database = cloud.signing.database
        self.state = folder / "hub"
        self.journal = Journal(self.state / "jobs")
        self._log = folder / "hub.log"
        self._strike_file = folder / "strike"
        self.desk = CountingDesk(JobDesk(self._database))
        self._environment = {**os.environ, **self._settings(folder)}
        self._process: subprocess.Popen[bytes] | None = None
        with self._database.writing() as connection:
            lock_hub(connection, THING, cloud.signing.now_ms)

    def start(self) -> None:
        """Start the process anew."""
        words = [sys.executable, "-m", "tests.support.struck_hub", "run"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                words, cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )

    def begin(self, job_id: str, operation: Operation, change: int) -> None:
        """Give the hub a job in which it is to die before the change of this number."""
        struck_hub.arm(self._strike_file, change)
        now_ms = self._cloud.signing.now_ms
        document = {"operation": operation, "expires_at_ms": now_ms + MS_PER_DAY}
        content = msgspec.json.encode(document)
        Rollouts(self._database).begin(job_id, content, [THING], Plan(stages=(100,)), now_ms)

    def is_struck(self, job_id: str) -> bool:
        """Wait until the hub was killed, or the job is over before that; tell which it was."""
        until(lambda: self._status() is not None or self._is_over(job_id), PATIENCE_S)
        status = self._status()
        assert status in (None, -signal.SIGKILL), self.printed()
        return status is not None

    def has_ended(self, job_id: str) -> bool:
        """Wait until the job is over on both sides; tell whether that came to be."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            if self._is_over(job_id):
                return True
            time.sleep(0.02)
        return False

    def count_restarts(self, job_id: str) -> int:
        """Count how often the hub has started itself anew for a job."""
        return self.printed().count(f"{STARTED_ANEW}{job_id}\n")

    def printed(self) -> str:
        """Read what the hub has printed in all its lives."""
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        """End the process."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _is_over(self, job_id: str) -> bool:
        is_closed = self.journal.outcome_of(f"{job_id}/1") is not None
        return is_closed and self.journal.current() is None and self.desk.accepted[job_id] > 0

    def _status(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def _settings(self, folder: Path) -> dict[str, str]:
        capture, broker = folder / "capture", self._cloud.broker
        capture.touch()
        credentials = broker.issue(THING)
        settings: dict[str, object] = {
            "hub_thing": THING,
            "hub_state_dir": self.state,
            "meter_link": f"replay:{capture}",
            "page_port": 0,
            "uplink_host": broker.host,
            "uplink_port": broker.port,
            "uplink_ca_file": credentials.authority,
            "uplink_certificate_file": credentials.certificate,
            "uplink_key_file": credentials.key,
            "uplink_start_delay_s": 0,
        }
        named = {f"HEARTHLINK_{name.upper()}": str(value) for name, value in settings.items()}
        return {
            **named,
            struck_hub.STRIKE_FILE: str(self._strike_file),
            "PYTHONPATH": str(ROOT),
        }


@contextmanager
def struck(folder: Path) -> Iterator[StruckHub]:
    """Serve a cloud's jobs, and a hub that has connected, until the block ends."""
    cloud = DeviceCloud(folder / "cloud")
    cloud.broker.start()
    try:
        hub = StruckHub(folder, cloud)
        jobs = JobDesk(cloud.signing.database)
        with cloud.serving({"jobs": hub.desk.answer}, [jobs.tell]) as service:
            until(lambda: service.is_leading)
            hub.start()
            try:
                yield hub
            finally:
                hub.stop()
    finally:
        cloud.close()


def kill_jobs(
    hub: StruckHub, operation: Operation, changes: Iterable[int], run: str = "1"
) -> JobToll:
    """Kill the hub at these changes, each in a job of its own, until one is later than its job.

    `run` tells the names of these jobs from those of another call.
    """
    toll = JobToll()
    for change in changes:
        job_id = f"{operation}-{run}-{change}"
        toll.jobs += 1
        hub.begin(job_id, operation, change)
        is_struck = hub.is_struck(job_id)
        if is_struck:
            toll.kills += 1
            hub.start()
        _judge(hub, job_id, toll)
        if not is_struck:
            break
    return toll


def _judge(hub: StruckHub, job_id: str, toll: JobToll) -> None:
    """The job must have ended well, have been reported in one way, and restarted the hub once."""
    outcome = hub.journal.outcome_of(f"{job_id}/1") if hub.has_ended(job_id) else None
    is_done = outcome is not None and outcome.status is JobStatus.SUCCEEDED
    if not is_done or hub.desk.accepted[job_id] != 1:
        toll.unfinished += 1
        toll.faults.append(f"{job_id}: {outcome}, reported {hub.desk.accepted[job_id]} times")
    if len(hub.desk.said[job_id]) > 1 or hub.count_restarts(job_id) > 1:
        toll.repeated += 1
        toll.faults.append(f"{job_id}: said {hub.desk.said[job_id]}")
