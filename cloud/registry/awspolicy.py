"""What AWS IoT Core is told of hubs: their policy and provisioning templates, as documents. Pure.

A hub may connect under its thing's name alone, while its certificate is that thing's, and use its
own topics only. The variables resolve over MQTT alone (AWS IoT developer guide, thing policy
variables).
"""

from typing import Any, NamedTuple

from shared import topics

HUB_POLICY = "hearthlink-hub"
CLAIM_TEMPLATE = "hearthlink-hub"
ROTATION_TEMPLATE = "hearthlink-rotation"
THING = "${iot:Connection.Thing.ThingName}"
VERSION = "2012-10-17"
PARAMETER = "ThingName"

Document = dict[str, Any]


class Account(NamedTuple):
    """An account and region, the rule that takes frames, and who provisions.

    `hook` is the ARN of the Lambda function that cloud/registry/awshook.py is.
    """

    partition: str
    region: str
    number: str
    rule: str
    provisioning_role: str
    hook: str

    def arn(self, kind: str, name: str) -> str:
        """Write the ARN of a client, topic or topicfilter."""
        return f"arn:{self.partition}:iot:{self.region}:{self.number}:{kind}/{name}"


def hub_policy(account: Account) -> Document:
    """Write the policy of every hub's certificate."""
    prefix = f"$aws/rules/{account.rule}/"
    sent = [
        topics.frames(THING, prefix),
        topics.hello(THING),
        topics.live(THING),
        topics.status(THING),
    ]
    # A policy has 2,048 characters: one line for all of a thing's shadows and jobs.
    own = f"$aws/things/{THING}/*"
    renewal = [topics.CREATE_FROM_CSR, topics.provision(ROTATION_TEMPLATE)]
    heard = [topics.receipts(THING), own, *(f"{one}/*" for one in renewal)]
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "iot:Connect",
                "Resource": account.arn("client", THING),
                "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
            },
            _allow("iot:Publish", [account.arn("topic", one) for one in [*sent, own, *renewal]]),
            _allow("iot:Subscribe", [account.arn("topicfilter", one) for one in heard]),
            _allow("iot:Receive", [account.arn("topic", one) for one in heard]),
        ],
    }


def templates() -> dict[str, Document]:
    """Write the templates by name: a new hub's, and the one a hub renews its certificate with.

    The parameter is the thing's name, which the hook holds against the certificate that asks.
    """
    return {CLAIM_TEMPLATE: _template(PARAMETER), ROTATION_TEMPLATE: _template(PARAMETER)}


def _template(parameter: str) -> Document:
    return {
        "Parameters": {
            parameter: {"Type": "String"},
            "AWS::IoT::Certificate::Id": {"Type": "String"},
        },
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {"ThingName": {"Ref": parameter}},
                "OverrideSettings": {
                    "AttributePayload": "MERGE",
                    "ThingTypeName": "DO_NOTHING",
                    "ThingGroups": "DO_NOTHING",
                },
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {
                    "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                    "Status": "Active",
                },
            },
            "policy": {
                "Type": "AWS::IoT::Policy",
                "Properties": {"PolicyName": HUB_POLICY},
            },
        },
    }


def _allow(action: str, resources: list[str]) -> Document:
    return {"Effect": "Allow", "Action": action, "Resource": resources}
