"""The port behind which a fleet is governed: our own device service, or AWS IoT Core.

Two ports, each with two adapters held to one suite: `DeviceRegistry` (cloud/registry/selfhosted.py
and aws.py; tests/contracts/test_registry.py) and `Admission` (cloud/fleet/admission.py and
awsadmission.py; tests/contracts/test_admission.py).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from cloud.jobs.rollout import Plan, Progress, RolloutState


class ShadowView(NamedTuple):
    """A shadow as the operator sees it."""

    version: int
    desired: dict[str, Any]
    reported: dict[str, Any]


class JobView(NamedTuple):
    """A job as the operator sees it; `stage` counts from 0 among the plan's stages."""

    job_id: str
    document: bytes
    plan: Plan
    state: RolloutState
    reason: str
    stage: int
    progress: Progress
    created_at_ms: int
    expires_at_ms: int


class DeviceRegistry(Protocol):
    """Things, their shadows and their jobs. Every call blocks, and is durable when it returns."""

    def add_thing(self, thing: str) -> None:
        """Make a thing known; again changes nothing. Raises BadInputError for a bad name."""

    def desire(self, thing: str, shadow: str, state: dict[str, Any]) -> int:
        """Put `state` in place of all that is desired; the hub hears the delta.

        Returns the shadow's version. Raises BadInputError where it is too large, NotFoundError for
        a thing that is not known.
        """

    def read_shadow(self, thing: str, shadow: str) -> ShadowView | None:
        """Read a shadow; None where there is none."""

    def begin_job(self, job_id: str, document: bytes, things: Sequence[str], plan: Plan) -> JobView:
        """Ask these hubs, stage by stage; the same again is answered as the first time.

        Raises BadInputError for a document, plan or thing that will not do, ProblemError 409 where
        the name is another job's.
        """

    def find_job(self, job_id: str) -> JobView:
        """Read a job and its progress; raises NotFoundError."""

    def cancel_job(self, job_id: str) -> JobView:
        """Take back what was not begun; raises NotFoundError, ProblemError 409 once ended."""


class Ticket(NamedTuple):
    """A claim as a hub is given it: a `text` for QR code and fingers, or a `file` that AWS made.

    `file` is secret: it holds the claim's key. `code` is the claim's short text, "" for a file.
    """

    thing: str
    claim: str
    household_id: str
    expires_at_ms: int
    code: str = ""
    text: str = ""
    file: bytes = b""


class Excluded(NamedTuple):
    """A hub that was shut out; `broker` says for a person whether the broker knows."""

    thing: str
    revoked_at_ms: int
    broker: str


class Admission(Protocol):
    """Who may come in. Every call blocks, and is durable when it returns."""

    def prepare(self) -> list[str]:
        """Make what is needed once before the first hub; names what was made, nothing again.

        Raises OperatorError where a setting is missing.
        """

    def offer(
        self,
        thing: str,
        installer: str,
        minutes: int,
        household_id: str = "",
        *,
        rejoin: bool = False,
    ) -> Ticket:
        """Make a claim for one hub of one household; a thing without a name is given one.

        `household_id` is an id or a name, "" where there is but one household. Raises BadInputError
        for a name that will not do and where it is not clear which household is meant,
        NotFoundError for a household that there is not, and ProblemError 409 for a hub that has
        joined already, unless `rejoin` says it may.
        """

    def forget(self, thing: str) -> None:
        """End what is kept of a hub elsewhere than in our database, before it changes hands.

        Raises OperatorError where that cannot be told: then it has not changed hands.
        """

    def revoke(self, thing: str) -> Excluded:
        """Shut a hub out, whether or not it was ever heard; again changes nothing.

        Raises BadInputError for a bad name.
        """
