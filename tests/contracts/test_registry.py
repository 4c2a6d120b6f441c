"""Any fleet registry, held to one contract: our own database, and AWS IoT as moto plays it."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3  # type: ignore[import-untyped]  # it ships no types
import moto
import pytest

from cloud.errors import NotFoundError, ProblemError
from cloud.jobs.rollout import Plan, RolloutState
from cloud.registry.aws import AwsRegistry
from cloud.registry.port import DeviceRegistry
from cloud.registry.selfhosted import SelfHostedRegistry
from shared.clock import DrivenClock
from shared.errors import BadInputError
from shared.units import MS_PER_DAY
from tests.support.cloud import START_MS, database_in

DOCUMENT = json.dumps({"operation": "restart", "expires_at_ms": START_MS + MS_PER_DAY}).encode()
PLAN = Plan(stages=(10, 100), failure_percent=25, executed_min=2)
REGION = "eu-west-2"


@pytest.fixture(name="registry", params=["self-hosted", "aws"])
def _registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DeviceRegistry]:
    clock = DrivenClock(START_MS)
    if request.param == "self-hosted":
        database = database_in(tmp_path)
        yield SelfHostedRegistry(database, clock)
        database.close()
        return
    with moto.mock_aws():
        secrets = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        iot, data = (
            boto3.client(name, region_name=REGION, **secrets) for name in ("iot", "iot-data")
        )
        yield AwsRegistry(REGION, clock, iot=iot, iot_data=data)


def test_thing_may_be_added_twice(registry: DeviceRegistry) -> None:
    """The second time nothing changes; a bad name is refused."""
    registry.add_thing("hub-1")
    registry.desire("hub-1", "settings", {"a": 1})

    registry.add_thing("hub-1")

    assert registry.read_shadow("hub-1", "settings") is not None
    with pytest.raises(BadInputError):
        registry.add_thing("hub/1")


def test_what_is_desired_is_replaced(registry: DeviceRegistry) -> None:
    """A key that is no longer wanted is gone, and the version rises."""
    registry.add_thing("hub-1")

    first = registry.desire("hub-1", "settings", {"a": 1, "b": 2})
    second = registry.desire("hub-1", "settings", {"b": 3})

    found = registry.read_shadow("hub-1", "settings")
    assert found is not None
    assert (first, second, found.version) == (1, 2, 2)
    assert found.desired == {"b": 3}
    assert found.reported == {}


def test_shadow_that_is_not_there_is_none(registry: DeviceRegistry) -> None:
    """And a thing that is not there cannot be wanted anything of."""
    registry.add_thing("hub-1")

    assert registry.read_shadow("hub-1", "settings") is None
    with pytest.raises(NotFoundError):
        registry.desire("hub-2", "settings", {"a": 1})


def test_oversized_shadow_is_refused(registry: DeviceRegistry) -> None:
    """Over 8 KB of state."""
    registry.add_thing("hub-1")

    with pytest.raises(BadInputError):
        registry.desire("hub-1", "settings", {"a": "x" * 9_000})


def test_job_is_made_once_and_found(registry: DeviceRegistry) -> None:
    """The same again is the same job; its document, plan and hubs are as given."""
    registry.add_thing("hub-1")
    registry.add_thing("hub-2")

    made = registry.begin_job("j1", DOCUMENT, ["hub-1", "hub-2"], PLAN)
    again = registry.begin_job("j1", DOCUMENT, ["hub-1", "hub-2"], PLAN)
    found = registry.find_job("j1")

    assert made.document == again.document == found.document
    assert json.loads(found.document) == json.loads(DOCUMENT)
    assert found.plan == PLAN
    assert (found.state, found.progress.total) == (RolloutState.ACTIVE, 2)
    assert found.expires_at_ms == START_MS + MS_PER_DAY


def test_another_job_of_the_name_is_refused(registry: DeviceRegistry) -> None:
    """With 409."""
    registry.add_thing("hub-1")
    registry.begin_job("j1", DOCUMENT, ["hub-1"], PLAN)

    with pytest.raises(ProblemError) as caught:
        registry.begin_job("j1", DOCUMENT, ["hub-1"], Plan())

    assert caught.value.status == 409


def test_bad_job_is_refused(registry: DeviceRegistry) -> None:
    """A document, a plan, a name, a hub that will not do: nothing is made."""
    registry.add_thing("hub-1")

    with pytest.raises(BadInputError):
        registry.begin_job("j1", b"{}", ["hub-1"], PLAN)
    with pytest.raises(BadInputError):
        registry.begin_job("j1", DOCUMENT, ["hub-1"], Plan(stages=()))
    with pytest.raises(BadInputError):
        registry.begin_job("../j1", DOCUMENT, ["hub-1"], PLAN)
    with pytest.raises((BadInputError, NotFoundError)):
        registry.begin_job("j1", DOCUMENT, ["hub-9"], PLAN)
    with pytest.raises(NotFoundError):
        registry.find_job("j1")


def test_cancelled_job_is_cancelled_once(registry: DeviceRegistry) -> None:
    """Again is refused with 409; an unknown one is not found."""
    registry.add_thing("hub-1")
    registry.begin_job("j1", DOCUMENT, ["hub-1"], PLAN)

    cancelled = registry.cancel_job("j1")

    assert cancelled.state is RolloutState.CANCELED
    with pytest.raises(ProblemError) as caught:
        registry.cancel_job("j1")
    assert caught.value.status == 409
    with pytest.raises(NotFoundError):
        registry.cancel_job("j2")
