"""What tests of jobs and remote settings share: a junction, and a cloud that gives jobs."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from agent.uplink.junction import Junction
from agent.uplink.port import Arrived, Channel, Event
from shared.jobs import JobStatus, Operation
from tests.support.fakes import FakeUplink

NOW_MS = 1_800_000_000_000
LATER_MS = NOW_MS + 60_000


def document(operation: Operation | str = Operation.RESTART, **more: object) -> dict[str, Any]:
    """Write a job's document."""
    return {"operation": str(operation), "expires_at_ms": LATER_MS, **more}


class JobCloud(FakeUplink):
    """An uplink whose other end gives the jobs in `waiting`, as AWS IoT does.

    `reports` keeps each report; a final one closes the job, and a second is refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[str, int, Any]] = []
        self.reports: list[tuple[str, str, dict[str, str]]] = []
        self.closed: set[str] = set()
        self.loses_answers = 0
        self.loses_final_reports = 0
        self._tell: Callable[[Event], None] = lambda _event: None

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Remember whom to tell."""
        self._tell = deliver
        await super().start(deliver)

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Take what the hub says, and answer on the event loop."""
        if not super().publish(channel, payload, subject):
            return False
        if channel is Channel.JOB_NEXT:
            self._answer(Channel.JOB_ACCEPTED, self._next(), "")
        elif channel is Channel.JOB_UPDATE:
            self._take(msgspec.json.decode(payload), subject)
        return True

    def offer(self, job_id: str, asked: Any, number: int = 1) -> None:
        """Give the hub a job, and tell it."""
        self.waiting.append((job_id, number, asked))
        self._answer(Channel.JOB_NOTICE, {"execution": {"jobId": job_id}}, "")

    def final(self) -> list[tuple[str, str]]:
        """List the reports that ended a job."""
        return [(job, status) for job, status, _ in self.reports if JobStatus(status).is_final]

    def _next(self) -> dict[str, Any]:
        if not self.waiting:
            return {"timestamp": 1}
        job_id, number, asked = self.waiting[0]
        execution = {"jobId": job_id, "executionNumber": number, "status": "IN_PROGRESS"}
        return {"execution": {**execution, "versionNumber": 2, "jobDocument": asked}}

    def _take(self, report: dict[str, Any], job_id: str) -> None:
        if self.loses_final_reports and JobStatus(report["status"]).is_final:
            self.loses_final_reports -= 1
            return
        if job_id in self.closed:
            self._answer(Channel.JOB_REJECTED, {"code": "InvalidStateTransition"}, job_id)
            return
        self.reports.append((job_id, report["status"], report["statusDetails"]))
        if JobStatus(report["status"]).is_final:
            self.waiting = [one for one in self.waiting if one[0] != job_id]
            self.closed.add(job_id)
        if self.loses_answers:
            self.loses_answers -= 1
            return
        self._answer(Channel.JOB_ACCEPTED, {"timestamp": 1}, job_id)

    def _answer(self, channel: Channel, content: dict[str, Any], subject: str) -> None:
        arrived = Arrived(channel, msgspec.json.encode(content), subject)
        asyncio.get_running_loop().call_soon(self._tell, arrived)


async def joined(uplink: FakeUplink, *attach: Callable[[Junction], None]) -> Junction:
    """Have somebody speak over an uplink, which is connected then."""
    junction = Junction(uplink)
    for one in attach:
        one(junction)
    await junction.start(lambda _event: None)
    uplink.connect()
    return junction


async def until(is_so: Callable[[], bool], patience_s: float = 60.0) -> None:
    """Wait until something is so; raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while not is_so():  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.002)
