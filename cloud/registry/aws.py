"""The `DeviceRegistry` port on AWS IoT Core, and what an account needs once before the first hub.

Owns every call to AWS's control plane. Stages are AWS's own there: a job begins slowly, faster as
hubs succeed, and AWS cancels it where too many fail; a cancelled one cannot be resumed. Facts are
from the AWS IoT API reference; what was tried, and against what, is in docs/how-to/aws.md.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import boto3  # type: ignore[import-untyped]  # it ships no types
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # as above

from cloud.jobs.document import check_document, check_job_id, encode_document
from cloud.jobs.rollout import Plan, RolloutState, check_plan, progress_of
from cloud.problems import NotFoundError, ProblemError
from cloud.registry import awshook, awspolicy
from cloud.registry.port import JobView, ShadowView
from shared.clock import Clock
from shared.errors import BadInputError
from shared.jobs import JobStatus, decode_document
from shared.shadows import MAX_SHADOW_BYTES
from shared.topics import HEALTH_SHADOW, LIVE_SHADOW, SETTINGS_SHADOW, check_thing
from shared.units import MS_PER_SECOND

MAX_PER_MINUTE = 1_000
"""How many hubs are asked in a minute at the most (AWS allows as many)."""

BASE_PER_MINUTE = 50
INCREMENT = 2
IN_PROGRESS_MINUTES = 120
PAGE = 250
CONFLICT = 409
OUR_SHADOWS = (SETTINGS_SHADOW, HEALTH_SHADOW, LIVE_SHADOW)
STATES = {
    "SCHEDULED": RolloutState.ACTIVE,
    "IN_PROGRESS": RolloutState.ACTIVE,
    "CANCELED": RolloutState.CANCELED,
    "DELETION_IN_PROGRESS": RolloutState.CANCELED,
    "COMPLETED": RolloutState.COMPLETED,
}
_PLAN_TAG = "hearthlink-plan"


class ProvisioningClaim(NamedTuple):
    """A certificate and key that may provision one hub, for minutes; the key is made by AWS."""

    certificate_id: str
    certificate_pem: str
    private_key_pem: str
    expires_at_ms: int


class AwsRegistry:
    """Things, shadows and jobs of one AWS account and region."""

    def __init__(self, region: str, clock: Clock, *, iot: Any = None, iot_data: Any = None) -> None:
        """Make the clients; credentials are found as every AWS tool finds them."""
        self._iot = iot or boto3.client("iot", region_name=region)
        self._data = iot_data or boto3.client("iot-data", region_name=region)
        self._clock = clock

    def add_thing(self, thing: str) -> None:
        """Make the thing, unless it is there: making one again could change it."""
        try:
            self._arn(thing)
        except NotFoundError:
            self._iot.create_thing(thingName=thing)

    def desire(self, thing: str, shadow: str, state: dict[str, Any]) -> int:
        """Replace what is desired; AWS tells the hub.

        Read first, so that a key which is no longer wanted is taken out; a change in between is a
        version conflict and refused.
        """
        self._arn(thing)
        if len(json.dumps(state)) > MAX_SHADOW_BYTES:
            raise BadInputError(f"over {MAX_SHADOW_BYTES} bytes of state", hint="ask for less")
        old = self.read_shadow(thing, shadow)
        gone = {key: None for key in (old.desired if old else {}) if key not in state}
        document: dict[str, Any] = {"state": {"desired": {**gone, **state}}}
        if old is not None:
            document["version"] = old.version
        try:
            answer = self._data.update_thing_shadow(
                thingName=thing, shadowName=shadow, payload=json.dumps(document)
            )
        except ClientError as error:
            code = _code(error)
            if code == "ConflictException":
                raise ProblemError(
                    CONFLICT, f"the shadow {shadow!r} of {thing} has just changed", hint="try again"
                ) from error
            if code in ("RequestEntityTooLargeException", "InvalidRequestException"):
                raise BadInputError(str(error), hint="ask for less") from error
            raise
        version: int = json.loads(answer["payload"].read())["version"]
        return version

    def read_shadow(self, thing: str, shadow: str) -> ShadowView | None:
        """Get the shadow."""
        try:
            answer = self._data.get_thing_shadow(thingName=thing, shadowName=shadow)
        except ClientError as error:
            if _code(error) == "ResourceNotFoundException":
                return None
            raise
        document = json.loads(answer["payload"].read())
        state = document.get("state", {})
        return ShadowView(document["version"], state.get("desired", {}), state.get("reported", {}))

    def begin_job(self, job_id: str, document: bytes, things: Sequence[str], plan: Plan) -> JobView:
        """Create the job; AWS begins it with few hubs and cancels it where too many fail."""
        checked = encode_document(check_document(document, self._clock.utc_ms()))
        check_plan(plan)
        if not things:
            raise BadInputError("no hub is named", hint="on AWS name the hubs a job is for")
        targets = [self._arn(thing) for thing in sorted(set(things))]
        if self._find(check_job_id(job_id)) is None:
            self._iot.create_job(**job_request(job_id, checked, targets, plan))
            return self.find_job(job_id)
        found = self.find_job(job_id)
        if (found.document, found.plan) != (checked, plan):
            raise ProblemError(
                CONFLICT, f"job {job_id!r} is another job", hint="choose another job_id"
            )
        return found

    def find_job(self, job_id: str) -> JobView:
        """Describe the job and count its executions."""
        job = self._find(job_id)
        if job is None:
            raise NotFoundError(f"no job {job_id!r}")
        document = self._iot.get_job_document(jobId=job_id)["document"].encode()
        counts = Counter(JobStatus(status) for status in self._statuses(job_id))
        return JobView(
            job_id,
            document,
            _plan_of(job),
            STATES.get(job["status"], RolloutState.ACTIVE),
            job.get("reasonCode", ""),
            0,
            progress_of({(status, True): count for status, count in counts.items()}),
            _ms(job["createdAt"]),
            decode_document(document).expires_at_ms,
        )

    def cancel_job(self, job_id: str) -> JobView:
        """Cancel the job; executions that are in progress may end."""
        found = self.find_job(job_id)
        if found.state is not RolloutState.ACTIVE:
            raise ProblemError(CONFLICT, f"job {job_id!r} is {found.state}")
        self._iot.cancel_job(jobId=job_id, reasonCode="OPERATOR")
        return self.find_job(job_id)

    def endpoint(self) -> str:
        """Tell where hubs reach this account's broker."""
        found: str = self._iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        return found

    def prepare(self, account: awspolicy.Account) -> list[str]:
        """Make what the account needs once: the hubs' policy and the provisioning templates.

        Again changes nothing that is there. Returns the names of what was made.
        """
        made = []
        if _make(
            self._iot.create_policy,
            policyName=awspolicy.HUB_POLICY,
            policyDocument=json.dumps(awspolicy.hub_policy(account)),
        ):
            made.append(f"policy {awspolicy.HUB_POLICY}")
        for name, body in awspolicy.templates().items():
            if _make(
                self._iot.create_provisioning_template,
                templateName=name,
                templateBody=json.dumps(body),
                enabled=True,
                provisioningRoleArn=account.provisioning_role,
                preProvisioningHook={
                    "payloadVersion": awshook.PAYLOAD_VERSION,
                    "targetArn": account.hook,
                },
            ):
                made.append(f"template {name}")
        return made

    def make_claim(self, thing: str) -> ProvisioningClaim:
        """Make a claim for one hub (CreateProvisioningClaim, the trusted user's).

        The thing notes which certificate may ask for its name: the hook lets no other.
        """
        self.add_thing(thing)
        made = self._iot.create_provisioning_claim(templateName=awspolicy.CLAIM_TEMPLATE)
        attributes = {awshook.CLAIM_ATTRIBUTE: made["certificateId"]}
        self._iot.update_thing(
            thingName=thing, attributePayload={"attributes": attributes, "merge": True}
        )
        return ProvisioningClaim(
            made["certificateId"],
            made["certificatePem"],
            made["keyPair"]["PrivateKey"],
            _ms(made["expiration"]),
        )

    def has_joined(self, thing: str) -> bool:
        """Tell whether a thing has a certificate."""
        return bool(self._principals(thing))

    def revoke(self, thing: str) -> int:
        """Revoke every certificate of a thing and take it off; returns how many there were."""
        principals = self._principals(thing)
        for principal in principals:
            certificate_id = principal.rpartition("/")[2]
            self._iot.update_certificate(certificateId=certificate_id, newStatus="REVOKED")
            self._iot.detach_thing_principal(thingName=thing, principal=principal)
        return len(principals)

    def forget(self, thing: str) -> None:
        """Cancel the jobs that a thing has not ended, and delete its shadows; again is the same."""
        for status in ("QUEUED", "IN_PROGRESS"):
            for job_id in self._jobs_of(thing, status):
                with contextlib.suppress(self._iot.exceptions.ResourceNotFoundException):
                    self._iot.cancel_job_execution(jobId=job_id, thingName=thing, force=True)
        for shadow in ({}, *({"shadowName": name} for name in OUR_SHADOWS)):
            with contextlib.suppress(self._data.exceptions.ResourceNotFoundException):
                self._data.delete_thing_shadow(thingName=thing, **shadow)

    def _jobs_of(self, thing: str, status: str) -> list[str]:
        try:
            pages = self._iot.get_paginator("list_job_executions_for_thing").paginate(
                thingName=thing, status=status
            )
            return [one["jobId"] for page in pages for one in page["executionSummaries"]]
        except self._iot.exceptions.ResourceNotFoundException:
            return []

    def _principals(self, thing: str) -> list[str]:
        try:
            found: list[str] = self._iot.list_thing_principals(thingName=thing)["principals"]
        except ClientError as error:
            if _code(error) == "ResourceNotFoundException":
                return []
            raise
        return found

    def _find(self, job_id: str) -> dict[str, Any] | None:
        try:
            job: dict[str, Any] = self._iot.describe_job(jobId=job_id)["job"]
        except ClientError as error:
            if _code(error) == "ResourceNotFoundException":
                return None
            raise
        return job

    def _arn(self, thing: str) -> str:
        try:
            arn: str = self._iot.describe_thing(thingName=check_thing(thing))["thingArn"]
        except ClientError as error:
            if _code(error) == "ResourceNotFoundException":
                raise NotFoundError(f"no hub {thing!r}") from error
            raise
        return arn

    def _statuses(self, job_id: str) -> Iterator[str]:
        token: dict[str, str] = {}
        while True:
            page = self._iot.list_job_executions_for_job(jobId=job_id, maxResults=PAGE, **token)
            for one in page["executionSummaries"]:
                yield one["jobExecutionSummary"]["status"]
            if not page.get("nextToken"):
                return
            token = {"nextToken": page["nextToken"]}


def job_request(job_id: str, document: bytes, targets: Sequence[str], plan: Plan) -> dict[str, Any]:
    """Write a CreateJob request: the plan in AWS's own words for pace, failure and silence."""
    first = max(1, len(targets) * plan.stages[0] // 100)
    rate = {
        "baseRatePerMinute": min(first, BASE_PER_MINUTE),
        "incrementFactor": INCREMENT,
        "rateIncreaseCriteria": {"numberOfSucceededThings": first},
    }
    criteria = {
        "failureType": "ALL",
        "action": "CANCEL",
        "thresholdPercentage": float(plan.failure_percent),
        "minNumberOfExecutedThings": plan.executed_min,
    }
    return {
        "jobId": job_id,
        "targets": list(targets),
        "document": document.decode(),
        "description": f"{_PLAN_TAG} {_encode_plan(plan)}",
        "targetSelection": "SNAPSHOT",
        "jobExecutionsRolloutConfig": {
            "maximumPerMinute": MAX_PER_MINUTE,
            "exponentialRate": rate,
        },
        "abortConfig": {"criteriaList": [criteria]},
        "timeoutConfig": {"inProgressTimeoutInMinutes": IN_PROGRESS_MINUTES},
    }


def _encode_plan(plan: Plan) -> str:
    stages = ",".join(str(stage) for stage in plan.stages)
    return f"{stages} {plan.failure_percent} {plan.executed_min}"


def _plan_of(job: dict[str, Any]) -> Plan:
    """Read the plan out of a job's description; another's job has the default one."""
    words = job.get("description", "").split()
    if len(words) != 4 or words[0] != _PLAN_TAG:  # noqa: PLR2004  # tag, stages, percent, minimum
        return Plan()
    stages = tuple(int(stage) for stage in words[1].split(","))
    return Plan(stages, int(words[2]), int(words[3]))


def _make(call: Any, **request: Any) -> bool:
    """Make something; tell whether it was not there yet."""
    try:
        call(**request)
    except ClientError as error:
        if _code(error) != "ResourceAlreadyExistsException":
            raise
        return False
    return True


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _ms(at: Any) -> int:
    return int(at.timestamp() * MS_PER_SECOND)
