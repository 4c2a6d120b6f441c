"""What is asked of AWS where moto has no answer: the calls, by botocore's own model."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3  # type: ignore[import-untyped]  # it ships no types
import moto
import pytest
from botocore.stub import ANY, Stubber  # type: ignore[import-untyped]  # as above

from cloud.jobs.rollout import Plan
from cloud.registry import awspolicy
from cloud.registry.aws import AwsRegistry, job_request
from cloud.registry.awshook import CLAIM_ATTRIBUTE, handler, may_provision
from cloud.registry.awspolicy import Account, hub_policy, templates
from shared.clock import DrivenClock
from tests.support.cloud import START_MS

REGION = "eu-west-2"
ACCOUNT = Account(
    "aws",
    REGION,
    "123456789012",
    "hearthlink_frames",
    "arn:aws:iam::123456789012:role/hearthlink-provisioning",
    "arn:aws:lambda:eu-west-2:123456789012:function:hearthlink-hook",
)
CLAIM_ID = "a" * 64
SECRETS = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
POLICY_CHARS_MAX = 2_048


def _client(name: str) -> Any:
    return boto3.client(name, region_name=REGION, **SECRETS)


def _registry(iot: Any) -> AwsRegistry:
    return AwsRegistry(REGION, DrivenClock(START_MS), iot=iot, iot_data=_client("iot-data"))


def test_policy_names_the_thing_and_fits() -> None:
    """Every resource holds the thing's own name, or is where a certificate is asked for."""
    policy = hub_policy(ACCOUNT)

    for statement in policy["Statement"]:
        resources = statement["Resource"]
        for one in [resources] if isinstance(resources, str) else resources:
            is_renewal = "create-from-csr" in one or awspolicy.ROTATION_TEMPLATE in one
            assert awspolicy.THING in one or is_renewal, one
    assert len(json.dumps(policy, separators=(",", ":"))) <= POLICY_CHARS_MAX


def test_account_is_prepared_with_policy_templates_and_hook() -> None:
    """What is there already stays as it is."""
    iot = _client("iot")
    with Stubber(iot) as stub:
        stub.add_response(
            "create_policy", {}, {"policyName": awspolicy.HUB_POLICY, "policyDocument": ANY}
        )
        for name, body in templates().items():
            expected = {
                "templateName": name,
                "templateBody": json.dumps(body),
                "enabled": True,
                "provisioningRoleArn": ACCOUNT.provisioning_role,
                "preProvisioningHook": {
                    "payloadVersion": "2020-04-01",
                    "targetArn": ACCOUNT.hook,
                },
            }
            stub.add_response("create_provisioning_template", {}, expected)
        _registry(iot).prepare(ACCOUNT)
        for operation in ("create_policy", *["create_provisioning_template"] * 2):
            stub.add_client_error(operation, "ResourceAlreadyExistsException")

        _registry(iot).prepare(ACCOUNT)

        stub.assert_no_pending_responses()


def test_claim_is_noted_at_the_thing_it_is_for() -> None:
    """The thing is made, AWS makes certificate and key, and the hook can tell them later."""
    iot = _client("iot")
    made = {
        "certificateId": CLAIM_ID,
        "certificatePem": "-----BEGIN CERTIFICATE-----",
        "keyPair": {"PublicKey": "p", "PrivateKey": "k"},
        "expiration": datetime(2026, 3, 1, 0, 5, tzinfo=UTC),
    }
    with Stubber(iot) as stub:
        stub.add_response("describe_thing", {"thingArn": "arn"}, {"thingName": "hub-1"})
        stub.add_response(
            "create_provisioning_claim", made, {"templateName": awspolicy.CLAIM_TEMPLATE}
        )
        payload = {"attributes": {CLAIM_ATTRIBUTE: CLAIM_ID}, "merge": True}
        stub.add_response("update_thing", {}, {"thingName": "hub-1", "attributePayload": payload})

        claim = _registry(iot).make_claim("hub-1")

        stub.assert_no_pending_responses()
    assert claim.expires_at_ms == START_MS + 300_000
    assert (claim.certificate_id, claim.private_key_pem) == (CLAIM_ID, "k")


def test_job_request_is_one_that_aws_takes() -> None:
    """By botocore's model: the pace, the halt and the timeout of the plan."""
    iot = _client("iot")
    request = job_request("j1", b"{}", ["arn:1"] * 200, Plan(failure_percent=30, executed_min=7))

    with Stubber(iot) as stub:
        stub.add_response("create_job", {"jobId": "j1"}, request)
        iot.create_job(**request)

    criteria = request["abortConfig"]["criteriaList"][0]
    assert (criteria["thresholdPercentage"], criteria["minNumberOfExecutedThings"]) == (30.0, 7)
    assert request["jobExecutionsRolloutConfig"]["exponentialRate"]["baseRatePerMinute"] == 2


@pytest.fixture(name="iot")
def _iot() -> Any:
    with moto.mock_aws():
        yield _client("iot")


def _certificate(iot: Any) -> tuple[str, str]:
    made = iot.create_keys_and_certificate(setAsActive=True)
    return made["certificateId"], made["certificateArn"]


def test_hook_lets_the_claim_of_the_thing_and_the_thing_itself(iot: Any) -> None:
    """A first certificate by the noted claim, a renewal by the present certificate."""
    iot.create_thing(
        thingName="hub-1", attributePayload={"attributes": {CLAIM_ATTRIBUTE: CLAIM_ID}}
    )
    own_id, own_arn = _certificate(iot)
    iot.attach_thing_principal(thingName="hub-1", principal=own_arn)

    for asker in (CLAIM_ID, own_id):
        event = {"claimCertificateId": asker, "parameters": {"ThingName": "hub-1"}}
        assert may_provision(event, iot)


def test_hook_refuses_another_hub_and_another_claim(iot: Any) -> None:
    """A hub cannot take the name of a second one, nor can a claim that was made for a third."""
    for thing in ("hub-1", "hub-2"):
        iot.create_thing(thingName=thing)
    other_id, other_arn = _certificate(iot)
    iot.attach_thing_principal(thingName="hub-2", principal=other_arn)

    for event in (
        {"claimCertificateId": other_id, "parameters": {"ThingName": "hub-1"}},
        {"claimCertificateId": CLAIM_ID, "parameters": {"ThingName": "hub-1"}},
        {"claimCertificateId": other_id, "parameters": {"ThingName": "hub-9"}},
        {"claimCertificateId": "", "parameters": {"ThingName": "hub-1"}},
        {"parameters": {"ThingName": "hub-1"}},
        {"claimCertificateId": other_id},
    ):
        assert not may_provision(event, iot), event


def test_hook_answers_in_aws_words(iot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda returns to AWS IoT."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    iot.create_thing(thingName="hub-1")
    event = {"claimCertificateId": CLAIM_ID, "parameters": {"ThingName": "hub-1"}}

    assert handler(event, None) == {"allowProvisioning": False}


def test_revoked_thing_loses_every_certificate(iot: Any) -> None:
    """They are revoked and taken off the thing."""
    iot.create_thing(thingName="hub-1")
    certificate_id, arn = _certificate(iot)
    iot.attach_thing_principal(thingName="hub-1", principal=arn)

    assert _registry(iot).revoke("hub-1") == 1

    found = iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]
    assert found["status"] == "REVOKED"
    assert iot.list_thing_principals(thingName="hub-1")["principals"] == []
