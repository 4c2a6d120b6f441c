"""The `DeviceRegistry` port on our own database; `hearthlink cloud devices` carries it to hubs."""

from collections.abc import Sequence
from typing import Any

from cloud.db import Database
from cloud.households.repository import household_of, lock_hub
from cloud.jobs.rollout import Plan
from cloud.jobs.rollouts import Rollouts, Standing
from cloud.problems import NotFoundError
from cloud.registry.port import JobView, ShadowView
from cloud.shadows.document import ShadowError
from cloud.shadows.repository import read_shadow
from cloud.shadows.requests import ShadowDesk
from shared.clock import Clock
from shared.errors import BadInputError
from shared.topics import check_thing


class SelfHostedRegistry:
    """Things, shadows and jobs as rows."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._desk = ShadowDesk(database)
        self._rollouts = Rollouts(database)

    def add_thing(self, thing: str) -> None:
        """Note a hub before it was ever heard."""
        check_thing(thing)
        with self._database.writing() as connection:
            lock_hub(connection, thing, self._clock.utc_ms())

    def desire(self, thing: str, shadow: str, state: dict[str, Any]) -> int:
        """Write what is desired; the device service tells the hub within a second or so."""
        with self._database.reading() as connection:
            if household_of(connection, thing) is None:
                raise NotFoundError(f"no hub {thing!r}", hint="GET /v1/fleet/hubs lists them")
        try:
            return self._desk.desire(thing, shadow, state, self._clock.utc_ms()).version
        except ShadowError as error:
            raise BadInputError(error.message, hint="ask for less") from error

    def read_shadow(self, thing: str, shadow: str) -> ShadowView | None:
        """Read a shadow from its row."""
        with self._database.reading() as connection:
            kept = read_shadow(connection, thing, shadow)
        if kept is None or kept.shadow.is_deleted:
            return None
        found = kept.shadow
        return ShadowView(found.version, found.desired.state, found.reported.state)

    def begin_job(self, job_id: str, document: bytes, things: Sequence[str], plan: Plan) -> JobView:
        """Write the job and let its first stage out."""
        now_ms = self._clock.utc_ms()
        return _view(self._rollouts.begin(job_id, document, things, plan, now_ms))

    def find_job(self, job_id: str) -> JobView:
        """Read the job's row and count its executions."""
        return _view(self._rollouts.find(job_id))

    def cancel_job(self, job_id: str) -> JobView:
        """Cancel what was not begun."""
        return _view(self._rollouts.cancel(job_id, self._clock.utc_ms()))


def _view(standing: Standing) -> JobView:
    job = standing.job
    return JobView(
        job.job_id,
        job.document,
        job.plan,
        job.step.state,
        job.step.reason,
        job.step.stage,
        standing.progress,
        job.created_at_ms,
        job.expires_at_ms,
    )
