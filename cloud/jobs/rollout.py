"""How a job goes out to many hubs: in stages, halted where too many fail. Pure."""

import enum
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from shared.errors import BadInputError
from shared.jobs import JobStatus

STAGES = (1, 10, 100)
"""Percent of the hubs, each stage counting those before it."""

MAX_STAGES = 16
PERCENT = 100
ENOUGH_PERCENT = 90
"""How much of a stage must have ended before the next begins: a hub in a drawer must not stop a
fleet, and a stage that is mostly silent must not be passed over."""


class RolloutState(enum.StrEnum):
    """How a rollout stands."""

    ACTIVE = "ACTIVE"
    HALTED = "HALTED"
    CANCELED = "CANCELED"
    COMPLETED = "COMPLETED"


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stages in cumulative percent, and when to halt.

    It halts where `failure_percent` of what was executed failed, once `executed_min` were.
    """

    stages: tuple[int, ...] = STAGES
    failure_percent: int = 20
    executed_min: int = 1


class Progress(NamedTuple):
    """Counts of a rollout; `waiting` are hubs of stages that have not begun."""

    total: int
    waiting: int
    queued: int
    in_progress: int
    succeeded: int
    failed: int
    rejected: int
    timed_out: int
    canceled: int


class Step(NamedTuple):
    """What is to be done with a rollout now: the state it is in from now on, and its stage."""

    state: RolloutState
    stage: int
    reason: str = ""


def check_plan(plan: Plan) -> Plan:
    """Return a plan that can be carried out; raises BadInputError with the fix."""
    stages = plan.stages
    rises = all(one < other for one, other in itertools.pairwise(stages))
    if not 0 < len(stages) <= MAX_STAGES or not rises or stages[0] < 1 or stages[-1] != PERCENT:
        raise BadInputError(
            f"stages = {list(stages)} are no stages",
            hint=f"rising percentages that end with {PERCENT}, {MAX_STAGES} at most",
        )
    if not 1 <= plan.failure_percent <= PERCENT:
        raise BadInputError(
            f"failure_percent = {plan.failure_percent}", hint=f"give 1 to {PERCENT}"
        )
    if plan.executed_min < 1:
        raise BadInputError(f"executed_min = {plan.executed_min}", hint="give 1 or more")
    return plan


def assign(job_id: str, things: Sequence[str], stages: Sequence[int]) -> dict[str, int]:
    """Say at which stage each hub is; another job begins with other hubs.

    Each stage has at least one hub more than the one before, while there are any.
    """
    names = sorted(
        set(things), key=lambda thing: hashlib.sha256(f"{job_id}\0{thing}".encode()).digest()
    )
    assigned: dict[str, int] = {}
    for stage, percent in enumerate(stages):
        until = max(-(-len(names) * percent // PERCENT), len(assigned) + 1)
        for thing in names[len(assigned) : until]:
            assigned[thing] = stage
    return assigned


def progress_of(counts: Mapping[tuple[JobStatus, bool], int]) -> Progress:
    """Add up executions by their status, and whether they were released."""

    def released(status: JobStatus) -> int:
        return counts.get((status, True), 0)

    return Progress(
        total=sum(counts.values()),
        waiting=counts.get((JobStatus.QUEUED, False), 0),
        queued=released(JobStatus.QUEUED),
        in_progress=released(JobStatus.IN_PROGRESS),
        succeeded=released(JobStatus.SUCCEEDED),
        failed=released(JobStatus.FAILED),
        rejected=released(JobStatus.REJECTED),
        timed_out=released(JobStatus.TIMED_OUT),
        canceled=sum(counts.get((JobStatus.CANCELED, known), 0) for known in (True, False)),
    )


def outcome_of(progress: Progress) -> tuple[int, int]:
    """Count what was executed, and what of it failed; what was cancelled is neither."""
    failed = progress.failed + progress.rejected + progress.timed_out
    return progress.succeeded + failed, failed


def next_step(
    plan: Plan,
    present: Step,
    progress: Progress,
    stage_counts: Mapping[JobStatus, int],
    forgiven: tuple[int, int] = (0, 0),
) -> Step:
    """Decide how an active rollout goes on.

    `stage_counts` are of the present stage; `forgiven` is what was executed and failed before the
    rollout was last resumed, which does not halt it again.
    """
    if present.state is not RolloutState.ACTIVE:
        return present
    if progress.waiting == progress.queued == progress.in_progress == 0:
        return Step(RolloutState.COMPLETED, present.stage)
    executed, failed = outcome_of(progress)
    executed, failed = executed - forgiven[0], failed - forgiven[1]
    if executed >= plan.executed_min and failed * PERCENT >= plan.failure_percent * executed > 0:
        reason = f"{failed} of {executed} failed; {plan.failure_percent} % halt it"
        return Step(RolloutState.HALTED, present.stage, reason)
    ended = sum(count for status, count in stage_counts.items() if status.is_final)
    total = sum(stage_counts.values())
    if ended * PERCENT >= total * ENOUGH_PERCENT and present.stage + 1 < len(plan.stages):
        return Step(RolloutState.ACTIVE, present.stage + 1)
    return present
