"""AWS IoT as moto plays it, and by hand what moto lacks: provisioning templates and claims."""

import datetime as dt
from typing import Any

import boto3  # type: ignore[import-untyped]  # it ships no types
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # as above

REGION = "eu-west-2"
SECRETS = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
CLAIM_S = 300


def client(name: str) -> Any:
    """Make a client that moto answers."""
    return boto3.client(name, region_name=REGION, **SECRETS)


def iot_client(now_ms: int) -> Any:
    """Make IoT's client; a claim's certificate is one that moto makes."""
    iot = client("iot")
    templates: set[str] = set()

    def create_provisioning_template(**request: Any) -> dict[str, Any]:
        if request["templateName"] in templates:
            error = {"Error": {"Code": "ResourceAlreadyExistsException"}}
            raise ClientError(error, "CreateProvisioningTemplate")
        templates.add(request["templateName"])
        return {}

    def create_provisioning_claim(**request: Any) -> dict[str, Any]:
        assert request["templateName"] in templates
        made = iot.create_keys_and_certificate(setAsActive=True)
        expires = dt.datetime.fromtimestamp(now_ms // 1_000 + CLAIM_S, dt.UTC)
        return {**made, "expiration": expires}

    iot.create_provisioning_template = create_provisioning_template
    iot.create_provisioning_claim = create_provisioning_claim
    return iot
