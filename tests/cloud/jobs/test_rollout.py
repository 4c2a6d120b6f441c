"""Stages, halting and progress of a rollout, as rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.jobs.rollout import (
    Plan,
    Progress,
    RolloutState,
    Step,
    assign,
    check_plan,
    next_step,
    progress_of,
)
from shared.errors import BadInputError
from shared.jobs import JobStatus

ACTIVE = Step(RolloutState.ACTIVE, 0)
NONE = Progress(*[0] * 9)
THINGS = [f"hub-{number}" for number in range(250)]


def test_stages_have_their_share() -> None:
    """1 %, then 10 %, then all; every hub is in exactly one."""
    assigned = assign("job", THINGS, (1, 10, 100))

    counts = [list(assigned.values()).count(stage) for stage in range(3)]
    assert counts == [3, 22, 225]
    assert set(assigned) == set(THINGS)


def test_another_job_begins_with_other_hubs() -> None:
    """The same few must not meet every fault first; the same job always has the same ones."""
    first, second = (
        {thing for thing, stage in assign(job_id, THINGS, (10, 100)).items() if stage == 0}
        for job_id in ("job-1", "job-2")
    )

    assert first != second
    assert assign("job-1", THINGS[::-1], (10, 100)) == assign("job-1", THINGS, (10, 100))


@given(st.integers(0, 60), st.sampled_from([(1, 10, 100), (100,), (50, 100), (1, 2, 3, 100)]))
def test_no_hub_is_left_out(count: int, stages: tuple[int, ...]) -> None:
    """However few there are, all are reached and the first stage is not empty."""
    assigned = assign("job", THINGS[:count], stages)

    assert len(assigned) == count
    assert not count or 0 in assigned.values()


def test_next_stage_waits_for_nine_in_ten() -> None:
    """Ten hubs, eight ended: it waits; nine: it goes on."""
    progress = NONE._replace(total=100, waiting=90, succeeded=9, queued=1)
    few = {JobStatus.SUCCEEDED: 8, JobStatus.QUEUED: 2}
    enough = {JobStatus.SUCCEEDED: 9, JobStatus.QUEUED: 1}

    assert next_step(Plan(), ACTIVE, progress, few) == ACTIVE
    assert next_step(Plan(), ACTIVE, progress, enough).stage == 1


def test_failures_halt_it() -> None:
    """At the rate that was set, and not before as many were executed as were asked for."""
    plan = Plan(failure_percent=20, executed_min=5)
    early = NONE._replace(total=50, waiting=45, queued=1, succeeded=3, failed=1)
    late = early._replace(succeeded=3, failed=1, timed_out=1)

    assert next_step(plan, ACTIVE, early, {JobStatus.QUEUED: 5}) == ACTIVE
    halted = next_step(plan, ACTIVE, late, {JobStatus.QUEUED: 5})
    assert halted.state is RolloutState.HALTED
    assert halted.reason == "2 of 5 failed; 20 % halt it"


def test_forgiven_failures_do_not_halt_again() -> None:
    """After it was resumed only what failed since then counts."""
    progress = NONE._replace(total=50, waiting=40, queued=4, succeeded=4, failed=2)

    step = next_step(Plan(), ACTIVE, progress, {JobStatus.QUEUED: 5}, forgiven=(5, 2))

    assert step == ACTIVE


def test_all_ended_is_completed() -> None:
    """Also where the last ones failed; and what is not active stays as it is."""
    progress = NONE._replace(total=2, succeeded=1, failed=1)
    halted = Step(RolloutState.HALTED, 1, "x")

    assert next_step(Plan(), ACTIVE, progress, {}).state is RolloutState.COMPLETED
    assert next_step(Plan(), halted, progress, {}) == halted


def test_progress_adds_up() -> None:
    """Each execution is counted once."""
    counts = {
        (JobStatus.QUEUED, False): 7,
        (JobStatus.QUEUED, True): 2,
        (JobStatus.CANCELED, False): 1,
        (JobStatus.CANCELED, True): 1,
        (JobStatus.SUCCEEDED, True): 3,
    }

    progress = progress_of(counts)

    assert progress.total == 14 == sum(progress[1:])
    assert (progress.waiting, progress.canceled) == (7, 2)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(stages=()),
        Plan(stages=(1, 10)),
        Plan(stages=(10, 10, 100)),
        Plan(stages=(0, 100)),
        Plan(stages=tuple(range(84, 101))),
        Plan(failure_percent=0),
        Plan(failure_percent=101),
        Plan(executed_min=0),
    ],
)
def test_bad_plan_is_refused_with_the_fix(plan: Plan) -> None:
    """Stages that do not reach everyone, rates that mean nothing."""
    with pytest.raises(BadInputError) as caught:
        check_plan(plan)

    assert caught.value.hint
