"""AWS's own clients of shadows and jobs against our device service, on a real Mosquitto."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import awsiot  # type: ignore[import-untyped]  # awsiotsdk ships no types
import pytest
from awscrt.mqtt_request_response import (  # type: ignore[import-untyped]  # as above
    ClientOptions,
)
from awsiot import iotjobs, iotshadow, mqtt5_client_builder

from cloud.jobs.requests import JobDesk
from cloud.jobs.rollout import Plan
from cloud.jobs.rollouts import Rollouts
from cloud.shadows.requests import ShadowDesk
from shared.units import MS_PER_DAY
from tests.support.device_cloud import DeviceCloud, until

WAIT_S = 60.0
THING = "hub-sdk"
SHADOW = "config"

pytestmark = pytest.mark.slow


class Sdk:
    """A hub that speaks through awsiotsdk, and the operator's side of the same database."""

    def __init__(self, cloud: DeviceCloud, client: Any) -> None:
        self.cloud = cloud
        self.database = cloud.signing.database
        options = ClientOptions(
            max_request_response_subscriptions=4,
            max_streaming_subscriptions=16,
            operation_timeout_in_seconds=int(WAIT_S),
        )
        self.shadows = iotshadow.IotShadowClientV2(client, options)
        self._streams: list[Any] = []
        self.jobs = iotjobs.IotJobsClientV2(client, options)

    def listen(self, open_stream: Callable[..., Any], request: Any) -> list[Any]:
        """Open one of the clients' streams; what it hears is appended to the list."""
        heard: list[Any] = []
        is_open = threading.Event()
        stream = open_stream(
            request,
            awsiot.ServiceStreamOptions(
                incoming_event_listener=heard.append,
                subscription_status_listener=lambda _event: is_open.set(),
            ),
        )
        stream.open()
        # A stream that nobody holds is closed.
        self._streams.append(stream)
        assert is_open.wait(WAIT_S)
        return heard

    def now_ms(self) -> int:
        """The machine's time, which the service has too."""
        return self.cloud.signing.clock.utc_ms()

    def begin(self, job_id: str, *things: str) -> None:
        """Make a job."""
        expires_at_ms = self.now_ms() + MS_PER_DAY
        document = json.dumps({"operation": "restart", "expires_at_ms": expires_at_ms}).encode()
        plan = Plan(stages=(100,))
        Rollouts(self.database).begin(job_id, document, things or (THING,), plan, self.now_ms())


@pytest.fixture(name="sdk", scope="module")
def _sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    cloud = DeviceCloud(tmp_path_factory.mktemp("sdk"))
    cloud.broker.start()
    credentials = cloud.broker.issue(THING)
    shadows, jobs = ShadowDesk(cloud.signing.database), JobDesk(cloud.signing.database)
    handlers = {"shadow": shadows.answer, "jobs": jobs.answer}
    opened: Future[None] = Future()
    stopped: Future[None] = Future()
    with cloud.serving(handlers, [shadows.tell, jobs.tell]) as service:
        until(lambda: service.is_leading)
        client = mqtt5_client_builder.mtls_from_path(
            str(credentials.certificate),
            str(credentials.key),
            endpoint=cloud.broker.host,
            port=cloud.broker.port,
            ca_filepath=str(credentials.authority),
            client_id=THING,
            on_lifecycle_connection_success=lambda _event: opened.set_result(None),
            on_lifecycle_stopped=lambda _event: stopped.set_result(None),
        )
        client.start()
        opened.result(WAIT_S)
        yield Sdk(cloud, client)
        client.stop()
        stopped.result(WAIT_S)
    cloud.close()


def refusal(asking: Future[Any]) -> Any:
    """Wait for a request to be refused, and take what the client made of it."""
    with pytest.raises(awsiot.V2ServiceException) as refused:
        asking.result(WAIT_S)
    return refused.value.modeled_error


def test_named_shadow_calls_pass(sdk: Sdk) -> None:
    """Update, get, delta stream, updated stream, version conflict, delete, not found."""
    named = {"thing_name": THING, "shadow_name": SHADOW}
    deltas = sdk.listen(
        sdk.shadows.create_named_shadow_delta_updated_stream,
        iotshadow.NamedShadowDeltaUpdatedSubscriptionRequest(**named),
    )
    documents = sdk.listen(
        sdk.shadows.create_named_shadow_updated_stream,
        iotshadow.NamedShadowUpdatedSubscriptionRequest(**named),
    )
    state = iotshadow.ShadowState(desired={"rate": 5, "name": "x"}, reported={"rate": 1})

    updated = sdk.shadows.update_named_shadow(
        iotshadow.UpdateNamedShadowRequest(**named, state=state)
    ).result(WAIT_S)
    got = sdk.shadows.get_named_shadow(iotshadow.GetNamedShadowRequest(**named)).result(WAIT_S)
    until(lambda: bool(deltas and documents))
    conflict = refusal(
        sdk.shadows.update_named_shadow(
            iotshadow.UpdateNamedShadowRequest(**named, state=state, version=99)
        )
    )
    deleted = sdk.shadows.delete_named_shadow(iotshadow.DeleteNamedShadowRequest(**named)).result(
        WAIT_S
    )
    missing = refusal(sdk.shadows.get_named_shadow(iotshadow.GetNamedShadowRequest(**named)))

    assert (updated.version, got.version, deleted.version) == (1, 1, 1)
    assert got.state.desired == {"rate": 5, "name": "x"}
    assert got.state.delta == deltas[0].state == {"rate": 5, "name": "x"}
    assert deltas[0].version == 1
    assert documents[0].current.state.reported == {"rate": 1}
    assert (conflict.code, missing.code) == (409, 404)


def test_classic_shadow_calls_pass(sdk: Sdk) -> None:
    """The same without a name."""
    deltas = sdk.listen(
        sdk.shadows.create_shadow_delta_updated_stream,
        iotshadow.ShadowDeltaUpdatedSubscriptionRequest(thing_name=THING),
    )
    documents = sdk.listen(
        sdk.shadows.create_shadow_updated_stream,
        iotshadow.ShadowUpdatedSubscriptionRequest(thing_name=THING),
    )
    state = iotshadow.ShadowState(desired={"a": 1})

    updated = sdk.shadows.update_shadow(
        iotshadow.UpdateShadowRequest(thing_name=THING, state=state)
    ).result(WAIT_S)
    got = sdk.shadows.get_shadow(iotshadow.GetShadowRequest(thing_name=THING)).result(WAIT_S)
    until(lambda: bool(deltas and documents))
    deleted = sdk.shadows.delete_shadow(iotshadow.DeleteShadowRequest(thing_name=THING))

    assert updated.version == got.version == deleted.result(WAIT_S).version == 1
    assert deltas[0].state == {"a": 1}


def test_oversized_and_deep_shadows_are_refused(sdk: Sdk) -> None:
    """With the codes the client knows; nothing is stored."""
    deep: Any = 1
    for _ in range(9):
        deep = {"a": deep}

    codes = [
        refusal(
            sdk.shadows.update_named_shadow(
                iotshadow.UpdateNamedShadowRequest(
                    thing_name=THING,
                    shadow_name="big",
                    state=iotshadow.ShadowState(reported=reported),
                )
            )
        ).code
        for reported in ({"a": "x" * 9_000}, deep)
    ]

    assert codes == [413, 400]


def test_what_the_operator_wants_reaches_the_hub(sdk: Sdk) -> None:
    """Without being asked, within a tick or two of the service."""
    named = {"thing_name": THING, "shadow_name": "settings"}
    deltas = sdk.listen(
        sdk.shadows.create_named_shadow_delta_updated_stream,
        iotshadow.NamedShadowDeltaUpdatedSubscriptionRequest(**named),
    )

    ShadowDesk(sdk.database).desire(THING, "settings", {"commit_window_s": 5}, sdk.now_ms())

    until(lambda: bool(deltas))
    assert deltas[0].state == {"commit_window_s": 5}


def test_another_hubs_shadow_is_out_of_reach(sdk: Sdk) -> None:
    """The broker refuses the request itself."""
    asking = sdk.shadows.get_named_shadow(
        iotshadow.GetNamedShadowRequest(thing_name="hub-other", shadow_name=SHADOW)
    )

    with pytest.raises(awsiot.V2ServiceException):
        asking.result(WAIT_S)


def test_job_calls_pass(sdk: Sdk) -> None:
    """Pending list, start-next, describe, update, mismatch, both streams, and the next job."""
    changes = sdk.listen(
        sdk.jobs.create_job_executions_changed_stream,
        iotjobs.JobExecutionsChangedSubscriptionRequest(thing_name=THING),
    )
    nexts = sdk.listen(
        sdk.jobs.create_next_job_execution_changed_stream,
        iotjobs.NextJobExecutionChangedSubscriptionRequest(thing_name=THING),
    )
    sdk.begin("job-1")
    sdk.begin("job-2")
    until(lambda: bool(changes and nexts))

    listed = sdk.jobs.get_pending_job_executions(
        iotjobs.GetPendingJobExecutionsRequest(thing_name=THING)
    ).result(WAIT_S)
    begun = sdk.jobs.start_next_pending_job_execution(
        iotjobs.StartNextPendingJobExecutionRequest(
            thing_name=THING, status_details={"step": "1"}, step_timeout_in_minutes=10
        )
    ).result(WAIT_S)
    described = sdk.jobs.describe_job_execution(
        iotjobs.DescribeJobExecutionRequest(
            thing_name=THING, job_id="job-1", include_job_document=True
        )
    ).result(WAIT_S)
    mismatch = refusal(
        sdk.jobs.update_job_execution(
            iotjobs.UpdateJobExecutionRequest(
                thing_name=THING, job_id="job-1", status="SUCCEEDED", expected_version=77
            )
        )
    )
    updated = sdk.jobs.update_job_execution(
        iotjobs.UpdateJobExecutionRequest(
            thing_name=THING,
            job_id="job-1",
            status="SUCCEEDED",
            expected_version=begun.execution.version_number,
            status_details={"took": "3 s"},
            include_job_execution_state=True,
        )
    ).result(WAIT_S)
    final = refusal(
        sdk.jobs.update_job_execution(
            iotjobs.UpdateJobExecutionRequest(
                thing_name=THING, job_id="job-1", status="IN_PROGRESS"
            )
        )
    )
    until(lambda: any(one.execution and one.execution.job_id == "job-2" for one in nexts))

    assert {one.job_id for one in listed.queued_jobs} == {"job-1", "job-2"}
    assert begun.execution.job_id == "job-1"
    assert begun.execution.job_document["operation"] == "restart"
    assert described.execution.status == "IN_PROGRESS"
    assert described.execution.status_details == {"step": "1"}
    assert (mismatch.code, final.code) == ("VersionMismatch", "InvalidStateTransition")
    assert updated.execution_state.status == "SUCCEEDED"
    assert any("QUEUED" in one.jobs for one in changes)


def test_unknown_job_is_not_found(sdk: Sdk) -> None:
    """In the client's own words."""
    error = refusal(
        sdk.jobs.describe_job_execution(
            iotjobs.DescribeJobExecutionRequest(thing_name=THING, job_id="none")
        )
    )

    assert error.code == "ResourceNotFound"
