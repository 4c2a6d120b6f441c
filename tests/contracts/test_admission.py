"""Any way in, held to one contract: our own authority, and AWS IoT as moto plays it.

moto has no provisioning templates and no provisioning claims; both are played here by hand, the
claim with a certificate that moto makes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moto
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # it ships no types

from agent.provision.tickets import read_ticket
from cloud.config import Config
from cloud.db import Database
from cloud.errors import ProblemError
from cloud.fleet.admission import SelfHostedAdmission
from cloud.fleet.authority import Authority
from cloud.fleet.awsadmission import AwsAdmission, account_of
from cloud.fleet.handover import hand_over_hub
from cloud.households.repository import (
    DEFAULT_HOUSEHOLD,
    Household,
    household_of,
    lock_hub,
    put_household,
)
from cloud.households.revocations import find_revocation
from cloud.registry.aws import AwsRegistry
from cloud.registry.port import Admission, Ticket
from shared.clock import DrivenClock
from shared.enrolment import RedeemAnswer
from shared.errors import BadInputError, OperatorError
from tests.support.aws import REGION, client, iot_client
from tests.support.cloud import START_MS, config_in, database_in

AWS_SETTINGS = {
    "fleet_region": REGION,
    "fleet_rule": "hearthlink_frames",
    "fleet_role": "arn:aws:iam::123456789012:role/hearthlink-provisioning",
    "fleet_hook": "arn:aws:lambda:eu-west-2:123456789012:function:hearthlink-hook",
}


class Door:
    """An adapter, and what the tests look behind it with."""

    def __init__(self, directory: Path, iot: Any = None) -> None:
        self.clock = DrivenClock(START_MS)
        self.database: Database = database_in(directory)
        self.iot = iot
        settings: dict[str, Any] = {
            "fleet_dir": str(directory / "fleet"),
            "claim_host": "cloud.example.org",
            "hub_broker_host": "broker.example.org",
        }
        (directory / "fleet").mkdir(mode=0o700)
        self.config: Config = config_in(directory, **(AWS_SETTINGS if iot else settings))
        own = SelfHostedAdmission(self.config, self.database, self.clock)
        self.admission: Admission = own
        if iot is not None:
            data = client("iot-data")
            registry = AwsRegistry(REGION, self.clock, iot=iot, iot_data=data)
            self.admission = AwsAdmission(self.config, registry, own, self.database, self.clock)

    def join(self, thing: str) -> None:
        """Give a hub its certificate."""
        if self.iot is None:
            Authority(Path(self.config.fleet_dir), self.clock).issue(thing)
            return
        self.iot.create_thing(thingName=thing)
        made = self.iot.create_keys_and_certificate(setAsActive=True)
        self.iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])


@pytest.fixture(name="door", params=["self-hosted", "aws"])
def _door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    if request.param == "self-hosted":
        door = Door(tmp_path)
        yield door
        door.database.close()
        return
    with moto.mock_aws():
        door = Door(tmp_path, iot_client(START_MS))
        yield door
        door.database.close()


def _given(ticket: Ticket) -> str | RedeemAnswer:
    """Read a ticket as a hub does."""
    return read_ticket(ticket.text or ticket.file.decode())


def test_what_is_needed_is_made_once(door: Door) -> None:
    """And named; the second time nothing is left to make."""
    made = door.admission.prepare()

    assert made
    assert door.admission.prepare() == []


def test_claim_is_one_that_a_hub_reads(door: Door) -> None:
    """For the thing it was made for, for minutes, as a text or a file and never both."""
    door.admission.prepare()

    ticket = door.admission.offer("hub-1", "Ada", 5)

    assert ticket.thing == "hub-1"
    assert bool(ticket.text) != bool(ticket.file)
    assert ticket.expires_at_ms == START_MS + 300_000
    given = _given(ticket)
    if isinstance(given, RedeemAnswer):
        assert (given.thing, given.uplink_kind) == ("hub-1", "aws")
        assert given.host.endswith("amazonaws.com")
        assert given.frames_prefix == "$aws/rules/hearthlink_frames/"
        assert given.private_key


def test_hub_joins_the_household_that_the_claim_names(door: Door) -> None:
    """Also where AWS makes the claim: the hub is placed by our own note of it when it is heard."""
    door.admission.prepare()
    with door.database.writing() as connection:
        put_household(connection, Household("flat-2", "Flat 2", "Europe/London"))

    ticket = door.admission.offer("hub-1", "Ada", 5, "Flat 2")

    door.clock.advance_to(START_MS + 299_000)
    with door.database.writing() as connection:
        heard = lock_hub(connection, "hub-1", door.clock.utc_ms())
    assert (ticket.household_id, heard.household_id) == ("flat-2", "flat-2")
    with pytest.raises(BadInputError, match="2 households"):
        door.admission.offer("hub-2", "Ada", 5)


def test_hub_without_a_name_is_given_one(door: Door) -> None:
    """Another each time."""
    door.admission.prepare()

    names = {door.admission.offer("", "", 5).thing for _ in range(3)}

    assert len(names) == 3
    assert all(name.startswith("hub-") for name in names)


@pytest.mark.parametrize(("thing", "minutes"), [("a/b", 5), ("claim-1", 5), ("hub-1", 0)])
def test_bad_claim_is_refused(door: Door, thing: str, minutes: int) -> None:
    """A name no hub may have, no time at all."""
    door.admission.prepare()

    with pytest.raises(BadInputError):
        door.admission.offer(thing, "", minutes)


def test_revoked_hub_is_shut_out_once(door: Door) -> None:
    """Also one that was never heard; ingest knows of it, and again changes nothing."""
    door.admission.prepare()
    door.admission.offer("hub-1", "", 5)

    first = door.admission.revoke("hub-1")
    door.clock.advance_to(START_MS + 1_000)
    again = door.admission.revoke("hub-1")
    unheard = door.admission.revoke("hub-2")

    assert first.revoked_at_ms == again.revoked_at_ms == START_MS
    assert unheard.thing == "hub-2"
    assert first.broker
    with door.database.reading() as connection:
        assert find_revocation(connection, "hub-1") is not None
    with pytest.raises(BadInputError):
        door.admission.revoke("a/b")


def test_hub_that_has_joined_is_claimed_on_demand_only(door: Door) -> None:
    """Refused, unless the operator says that it is to begin anew."""
    door.admission.prepare()
    door.join("hub-1")

    with pytest.raises(ProblemError) as refused:
        door.admission.offer("hub-1", "", 5)
    ticket = door.admission.offer("hub-1", "", 5, rejoin=True)

    assert (refused.value.status, refused.value.code) == (409, "hub-has-joined")
    assert ticket.thing == "hub-1"


def test_revoked_hub_has_no_certificate_at_aws(tmp_path: Path) -> None:
    """They are revoked and taken off; the operator is told how many."""
    with moto.mock_aws():
        iot = client("iot")
        door = Door(tmp_path, iot)
        iot.create_thing(thingName="hub-1")
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_thing_principal(thingName="hub-1", principal=made["certificateArn"])

        told = door.admission.revoke("hub-1")

        found = iot.describe_certificate(certificateId=made["certificateId"])
        assert found["certificateDescription"]["status"] == "REVOKED"
        assert told.broker == "AWS: 1 certificates revoked"
        door.database.close()


def test_handed_over_hub_leaves_nothing_at_aws(tmp_path: Path) -> None:
    """Neither certificate nor shadow nor a job to do; and again there is nothing to end."""
    with moto.mock_aws():
        iot, data = client("iot"), client("iot-data")
        door = Door(tmp_path, iot)
        door.join("hub-1")
        data.update_thing_shadow(
            thingName="hub-1", shadowName="settings", payload=b'{"state":{"desired":{"a":1}}}'
        )
        thing = iot.describe_thing(thingName="hub-1")["thingArn"]
        iot.create_job(jobId="restart-1", targets=[thing], document="{}")

        door.admission.forget("hub-1")
        door.admission.forget("hub-1")

        jobs = iot.list_job_executions_for_thing(thingName="hub-1", status="QUEUED")
        assert iot.list_thing_principals(thingName="hub-1")["principals"] == []
        assert jobs["executionSummaries"] == []
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            data.get_thing_shadow(thingName="hub-1", shadowName="settings")
        door.database.close()


def test_hub_stays_where_aws_cannot_be_told(tmp_path: Path) -> None:
    """The handover is undone as a whole."""
    with moto.mock_aws():
        iot = client("iot")
        door = Door(tmp_path, iot)
        with door.database.writing() as connection:
            lock_hub(connection, "hub-1", START_MS)

        def list_thing_principals(**_request: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "ListThingPrincipals")

        iot.list_thing_principals = list_thing_principals
        with pytest.raises(OperatorError, match="AWS refuses"):
            hand_over_hub(
                door.config, door.database, door.clock, door.admission, "hub-1", "Flat 2", "UTC"
            )

        with door.database.reading() as connection:
            assert household_of(connection, "hub-1") == DEFAULT_HOUSEHOLD
        door.database.close()


def test_aws_that_does_not_answer_shuts_the_hub_out_here(tmp_path: Path) -> None:
    """What is ours is done all the same, and the operator is told to do it again."""
    with moto.mock_aws():
        iot = client("iot")
        door = Door(tmp_path, iot)

        def refuse(**_request: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListThingPrincipals")

        iot.list_thing_principals = refuse

        told = door.admission.revoke("hub-1")

        assert "do it again" in told.broker
        with door.database.reading() as connection:
            assert find_revocation(connection, "hub-1") is not None
        door.database.close()


@pytest.mark.parametrize("missing", ["fleet_rule", "fleet_role", "fleet_hook"])
def test_account_that_is_not_described_is_told(tmp_path: Path, missing: str) -> None:
    """By the setting that is missing."""
    config = config_in(tmp_path, **{**AWS_SETTINGS, missing: ""})

    with pytest.raises(OperatorError, match=missing):
        account_of(config)


def test_account_is_read_from_the_role(tmp_path: Path) -> None:
    """Partition and number are in its ARN."""
    account = account_of(config_in(tmp_path, **AWS_SETTINGS))

    assert (account.partition, account.number) == ("aws", "123456789012")
