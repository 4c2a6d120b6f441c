"""The pre-provisioning hook on AWS: a certificate may become the thing it was meant for, or renew.

Runs as a Lambda function before AWS registers a thing; without it whoever holds any claim, or any
hub, could take another's name. The payload is AWS IoT's, version 2020-04-01.
"""

from typing import Any

PAYLOAD_VERSION = "2020-04-01"
CLAIM_ATTRIBUTE = "claim"
"""The thing's attribute that names the one claim certificate which may ask for it."""


def handler(event: dict[str, Any], _context: object) -> dict[str, bool]:
    """Answer AWS IoT; what Lambda calls."""
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415  # Lambda brings its own

    return {"allowProvisioning": may_provision(event, boto3.client("iot"))}


def may_provision(event: dict[str, Any], iot: Any) -> bool:
    """Tell whether the certificate that asks is the thing's claim, or the thing's own already."""
    asker = event.get("claimCertificateId")
    thing = event.get("parameters", {}).get("ThingName")
    if not isinstance(asker, str) or not asker or not isinstance(thing, str) or not thing:
        return False
    try:
        attributes = iot.describe_thing(thingName=thing).get("attributes", {})
    except iot.exceptions.ResourceNotFoundException:
        return False
    if attributes.get(CLAIM_ATTRIBUTE) == asker:
        return True
    principals = iot.list_thing_principals(thingName=thing)["principals"]
    return any(principal.rpartition("/")[2] == asker for principal in principals)
