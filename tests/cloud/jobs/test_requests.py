"""Requests about jobs: what a hub is asked for, and how its reports are taken."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cloud.db import Database
from cloud.errors import ProblemError
from cloud.households.repository import lock_hub
from cloud.households.revocations import revoke
from cloud.jobs.execution import START_TIMEOUT_MS
from cloud.jobs.requests import JobDesk
from cloud.jobs.rollout import Plan, RolloutState
from cloud.jobs.rollouts import Rollouts
from shared.errors import BadInputError
from shared.units import MS_PER_DAY, MS_PER_MINUTE
from tests.support.cloud import START_MS, database_in

pytestmark = pytest.mark.usefixtures("either_store")

DOCUMENT = {"operation": "restart", "expires_at_ms": START_MS + MS_PER_DAY}
ALL = Plan(stages=(100,))


class Fleet:
    """Jobs on a database of its own, ten hubs, and what they say."""

    def __init__(self, directory: Path) -> None:
        self.now_ms = START_MS
        self.database: Database = database_in(directory)
        self.desk = JobDesk(self.database)
        self.rollouts = Rollouts(self.database)
        with self.database.writing() as connection:
            for number in range(10):
                lock_hub(connection, f"hub-{number}", START_MS)

    def begin(self, job_id: str, *things: str, plan: Plan = ALL) -> None:
        """Make a job."""
        self.now_ms += 1
        document = json.dumps(DOCUMENT).encode()
        self.rollouts.begin(job_id, document, things, plan, self.now_ms)

    def ask(self, what: str, thing: str = "hub-0", **request: Any) -> dict[str, Any]:
        """Ask as a hub; the answer and the notices by the last levels of their topics."""
        topic = f"$aws/things/{thing}/jobs/{what}"
        said = self.desk.answer(thing, topic, json.dumps(request).encode(), self.now_ms)
        base = f"$aws/things/{thing}/jobs/"
        return {of.removeprefix(base): json.loads(payload) for of, payload in said}

    def told(self) -> dict[str, Any]:
        """Hear what is told without being asked, by topic."""
        return {of: json.loads(payload) for of, payload in self.desk.tell(self.now_ms)}

    def state(self, job_id: str) -> RolloutState:
        """How a rollout stands."""
        return self.rollouts.find(job_id).job.step.state


@pytest.fixture(name="fleet")
def _fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.database.close()


def _id(answer: Mapping[str, Any]) -> str | None:
    job_id: str | None = answer.get("execution", {}).get("jobId")
    return job_id


def test_job_is_listed_begun_and_ended(fleet: Fleet) -> None:
    """The whole way of a job, with its versions and its times."""
    fleet.begin("j1", "hub-0")

    listed = fleet.ask("get", clientToken="t")["get/accepted"]
    begun = fleet.ask("start-next", statusDetails={"step": "1"})["start-next/accepted"]
    ended = fleet.ask("j1/update", status="SUCCEEDED", expectedVersion="2")
    after = fleet.ask("get")["get/accepted"]

    assert [one["jobId"] for one in listed["queuedJobs"]] == ["j1"]
    assert (listed["inProgressJobs"], listed["clientToken"]) == ([], "t")
    execution = begun["execution"]
    assert execution["jobDocument"] == DOCUMENT
    assert (execution["status"], execution["versionNumber"]) == ("IN_PROGRESS", 2)
    assert (execution["executionNumber"], execution["statusDetails"]) == (1, {"step": "1"})
    assert "j1/update/accepted" in ended
    assert ended["notify-next"]["execution"] == {}
    assert ended["notify"]["jobs"] == {}
    assert after["queuedJobs"] == after["inProgressJobs"] == []


def test_hub_is_told_of_its_next_job_once(fleet: Fleet) -> None:
    """A new job reaches its hub by itself, and no other hub."""
    fleet.begin("j1", "hub-0")

    told = fleet.told()

    assert set(told) == {"$aws/things/hub-0/jobs/notify", "$aws/things/hub-0/jobs/notify-next"}
    assert _id(told["$aws/things/hub-0/jobs/notify-next"]) == "j1"
    assert fleet.told() == {}


def test_jobs_are_done_in_their_order(fleet: Fleet) -> None:
    """What was begun goes on first; the next is told when it ends."""
    fleet.begin("b", "hub-0")
    fleet.begin("a", "hub-0")

    first = fleet.ask("start-next")["start-next/accepted"]
    again = fleet.ask("start-next")["start-next/accepted"]
    ended = fleet.ask("b/update", status="FAILED", statusDetails={"why": "x"})

    assert _id(first) == _id(again) == "b"
    assert again["execution"]["versionNumber"] == 2
    assert _id(ended["notify-next"]) == "a"


def test_wrong_version_and_final_state_are_refused(fleet: Fleet) -> None:
    """The refusal says how the job stands, so that the hub need not ask."""
    fleet.begin("j1", "hub-0")

    mismatch = fleet.ask("j1/update", status="IN_PROGRESS", expectedVersion=9, clientToken="t")
    fleet.ask("j1/update", status="REJECTED")
    final = fleet.ask("j1/update", status="IN_PROGRESS")

    assert mismatch["j1/update/rejected"]["code"] == "VersionMismatch"
    assert mismatch["j1/update/rejected"]["executionState"]["versionNumber"] == 1
    assert mismatch["j1/update/rejected"]["clientToken"] == "t"
    assert final["j1/update/rejected"]["code"] == "InvalidStateTransition"
    assert final["j1/update/rejected"]["executionState"]["status"] == "REJECTED"


@pytest.mark.parametrize(
    ("what", "request_", "code"),
    [
        ("j1/update", {"status": "QUEUED"}, "InvalidRequest"),
        ("j1/update", {"status": "CANCELED"}, "InvalidRequest"),
        ("j1/update", {"status": "DONE"}, "InvalidRequest"),
        ("j1/update", {}, "InvalidRequest"),
        ("j1/update", {"status": "FAILED", "statusDetails": {"a": 1}}, "InvalidRequest"),
        ("j1/update", {"status": "FAILED", "statusDetails": {"a b": "1"}}, "InvalidRequest"),
        ("j1/update", {"status": "FAILED", "statusDetails": {"a": "x" * 1_025}}, "InvalidRequest"),
        (
            "j1/update",
            {"status": "FAILED", "statusDetails": {str(n): "" for n in range(11)}},
            "InvalidRequest",
        ),
        ("j1/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 0}, "InvalidRequest"),
        ("j1/update", {"status": "FAILED", "executionNumber": 2}, "ResourceNotFound"),
        ("other/get", {}, "ResourceNotFound"),
        ("other/update", {"status": "FAILED"}, "ResourceNotFound"),
    ],
)
def test_bad_request_is_refused(
    fleet: Fleet, what: str, request_: dict[str, Any], code: str
) -> None:
    """With AWS IoT's code, the asker's token, and nothing changed."""
    fleet.begin("j1", "hub-0")

    refusal = fleet.ask(what, **request_, clientToken="t")[f"{what}/rejected"]

    assert (refusal["code"], refusal["clientToken"]) == (code, "t")
    assert fleet.ask("j1/get")["j1/get/accepted"]["execution"]["versionNumber"] == 1


def test_garbage_is_refused(fleet: Fleet) -> None:
    """No JSON, too much of it, too deep: an answer and no exception."""
    topic = "$aws/things/hub-0/jobs/get"

    for payload in (b"{", b"\xff", b"[" * 20_000, b"x" * 40_000, b"[]"):
        ((of, said),) = fleet.desk.answer("hub-0", topic, payload, START_MS)
        assert of == f"{topic}/rejected"
        assert json.loads(said)["code"] in ("InvalidJson", "InvalidRequest")


def test_foreign_and_revoked_hubs_are_not_answered(fleet: Fleet) -> None:
    """Nor is anything that is no request."""
    fleet.begin("j1", "hub-0")
    with fleet.database.writing() as connection:
        revoke(connection, "hub-0", START_MS)

    assert fleet.ask("start-next") == {}
    assert fleet.desk.answer("hub-1", "$aws/things/hub-0/jobs/get", b"", START_MS) == []
    assert fleet.desk.answer("hub-1", "$aws/things/hub-1/jobs/notify", b"", START_MS) == []


def test_next_stands_for_the_next_job(fleet: Fleet) -> None:
    """`$next` is described and reported on like any; without one it is not found."""
    missing = fleet.ask("$next/get")
    fleet.begin("j1", "hub-0")

    described = fleet.ask("$next/get", includeJobDocument=False)["$next/get/accepted"]
    reported = fleet.ask(
        "$next/update",
        status="IN_PROGRESS",
        includeJobExecutionState=True,
        includeJobDocument=True,
    )["$next/update/accepted"]

    assert missing["$next/get/rejected"]["code"] == "ResourceNotFound"
    assert _id(described) == "j1"
    assert "jobDocument" not in described["execution"]
    assert reported["executionState"] == {
        "status": "IN_PROGRESS",
        "statusDetails": {},
        "versionNumber": 2,
    }
    assert reported["jobDocument"] == DOCUMENT


def test_silent_hub_times_out(fleet: Fleet) -> None:
    """After its step's time, or the longest that any step may take; each word puts it off."""
    fleet.begin("j1", "hub-0")
    fleet.begin("j2", "hub-1")
    fleet.ask("start-next", stepTimeoutInMinutes=5)
    fleet.ask("start-next", "hub-1")

    fleet.now_ms += 4 * MS_PER_MINUTE
    fleet.ask("j1/update", status="IN_PROGRESS", stepTimeoutInMinutes=5)
    fleet.now_ms += 4 * MS_PER_MINUTE
    fleet.rollouts.advance(fleet.now_ms)
    still = fleet.ask("j1/get")["j1/get/accepted"]["execution"]["status"]
    fleet.now_ms += 2 * MS_PER_MINUTE
    told = fleet.told()
    late = fleet.ask("j1/update", status="SUCCEEDED")["j1/update/rejected"]

    assert still == "IN_PROGRESS"
    assert told["$aws/things/hub-0/jobs/notify-next"]["execution"] == {}
    assert late["executionState"]["status"] == "TIMED_OUT"
    fleet.now_ms += START_TIMEOUT_MS
    fleet.rollouts.advance(fleet.now_ms)
    other = fleet.ask("j2/get", "hub-1")["j2/get/accepted"]["execution"]["status"]
    assert other == "TIMED_OUT"


def test_expired_job_is_not_begun(fleet: Fleet) -> None:
    """From the instant it expires, and it is then cancelled with that reason."""
    fleet.begin("j1", "hub-0")
    fleet.now_ms += MS_PER_DAY + 1

    nothing = fleet.ask("start-next")["start-next/accepted"]
    late = fleet.ask("j1/update", status="IN_PROGRESS")["j1/update/rejected"]
    fleet.told()
    execution = fleet.ask("j1/get")["j1/get/accepted"]["execution"]

    assert "execution" not in nothing
    assert late["code"] == "InvalidStateTransition"
    assert (execution["status"], execution["statusDetails"]) == ("CANCELED", {"reason": "expired"})
    assert fleet.state("j1") is RolloutState.COMPLETED


def test_rollout_halts_where_its_first_stage_fails(fleet: Fleet) -> None:
    """One hub in ten fails: the other nine never hear of it, until it is resumed."""
    fleet.begin("j1", plan=Plan(stages=(10, 100)))
    (first,) = {topic.split("/")[2] for topic in fleet.told()}
    fleet.ask("start-next", first)
    fleet.ask("j1/update", first, status="FAILED")

    fleet.told()
    fleet.told()
    standing = fleet.rollouts.find("j1")
    fleet.rollouts.resume("j1", fleet.now_ms)
    fleet.told()
    told = fleet.told()

    assert standing.job.step.state is RolloutState.HALTED
    assert standing.job.step.reason == "1 of 1 failed; 20 % halt it"
    assert standing.progress.waiting == 9
    assert fleet.state("j1") is RolloutState.ACTIVE
    assert fleet.rollouts.find("j1").progress.queued == 9
    assert first not in {topic.split("/")[2] for topic in told}


def test_halted_job_is_not_begun_elsewhere(fleet: Fleet) -> None:
    """A hub that was told of it already finds nothing to start, and is told so."""
    fleet.begin("j1", "hub-0", "hub-1", plan=Plan(stages=(100,)))
    fleet.told()
    fleet.ask("start-next", "hub-1")
    fleet.ask("j1/update", "hub-1", status="FAILED")

    told = fleet.told()

    assert fleet.state("j1") is RolloutState.HALTED
    assert told["$aws/things/hub-0/jobs/notify-next"]["execution"] == {}
    assert "execution" not in fleet.ask("start-next")["start-next/accepted"]


def test_resuming_may_retry_what_failed(fleet: Fleet) -> None:
    """The failed execution is queued once more under the next number."""
    fleet.begin("j1", "hub-0", "hub-1")
    fleet.ask("start-next")
    fleet.ask("j1/update", status="FAILED")
    fleet.told()

    fleet.rollouts.resume("j1", fleet.now_ms, with_retry=True)
    begun = fleet.ask("start-next")["start-next/accepted"]["execution"]

    assert begun["executionNumber"] == 2
    assert fleet.state("j1") is RolloutState.ACTIVE


def test_cancelled_job_ends_where_it_was_not_begun(fleet: Fleet) -> None:
    """What runs may end; the rest is taken back and told."""
    fleet.begin("j1", "hub-0", "hub-1")
    fleet.told()
    fleet.ask("start-next")

    progress = fleet.rollouts.cancel("j1", fleet.now_ms).progress
    told = fleet.told()
    ended = fleet.ask("j1/update", status="SUCCEEDED")

    assert (progress.in_progress, progress.canceled) == (1, 1)
    assert told["$aws/things/hub-1/jobs/notify-next"]["execution"] == {}
    assert "j1/update/accepted" in ended
    with pytest.raises(ProblemError):
        fleet.rollouts.cancel("j1", fleet.now_ms)


def test_same_job_again_is_the_same_job(fleet: Fleet) -> None:
    """An operator's repeated request makes nothing twice; another under its name is refused."""
    fleet.begin("j1", "hub-0")
    fleet.begin("j1", "hub-0")

    with pytest.raises(ProblemError, match="another job"):
        fleet.begin("j1", "hub-0", plan=Plan(stages=(50, 100)))
    assert fleet.rollouts.find("j1").progress.total == 1


def test_job_for_an_unknown_hub_is_refused(fleet: Fleet) -> None:
    """With its name, and nothing is made."""
    with pytest.raises(BadInputError, match="hub-99"):
        fleet.begin("j1", "hub-0", "hub-99")

    with pytest.raises(ProblemError, match="no job"):
        fleet.rollouts.find("j1")


def test_ended_executions_are_forgotten_after_90_days(fleet: Fleet) -> None:
    """Those of a job that goes on stay, and so does the job's name."""
    fleet.begin("old", "hub-0")
    fleet.ask("start-next")
    fleet.ask("old/update", status="SUCCEEDED")
    fleet.told()
    fleet.begin("open", "hub-0", "hub-1")
    fleet.ask("start-next")
    fleet.ask("open/update", status="SUCCEEDED")

    fleet.now_ms += 89 * MS_PER_DAY
    fleet.told()
    kept = fleet.rollouts.find("old").progress.total
    fleet.now_ms += 2 * MS_PER_DAY
    fleet.told()

    assert kept == 1
    assert fleet.rollouts.find("old").progress.total == 0
    assert fleet.state("old") is RolloutState.COMPLETED
