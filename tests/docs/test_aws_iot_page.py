"""docs/how-to/aws-iot-core.md, held against the code: its policy, its settings, its rule."""

import json
import re
import tomllib
from collections.abc import Iterable
from typing import Any

from agent.config import read_config
from agent.uplink.kinds import UplinkKind
from cloud.registry.awspolicy import ROTATION_TEMPLATE, Account, hub_policy
from shared import topics
from tests.docs.generate import ROOT

PAGE = ROOT / "docs" / "how-to" / "aws-iot-core.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ACCOUNT = Account("aws", "REGION", "ACCOUNT", "RULE", "", "")


def block(kind: str) -> str:
    """Take the one block of a kind from the page."""
    (found,) = [content for name, content in FENCE.findall(PAGE.read_text()) if name == kind]
    return str(found)


def resources(policy: dict[str, Any]) -> dict[str, set[str]]:
    """List what a policy allows, by action."""
    named = {one["Action"]: one["Resource"] for one in policy["Statement"]}
    return {action: {one} if isinstance(one, str) else set(one) for action, one in named.items()}


def of_renewal(allowed: Iterable[str]) -> bool:
    """Tell whether these are topics of fleet provisioning alone, which this page goes without."""
    asked = (topics.CREATE_FROM_CSR, topics.provision(ROTATION_TEMPLATE))
    return all(any(topic in one for topic in asked) for one in allowed)


def test_the_pages_policy_is_what_the_hub_needs() -> None:
    """The one that `fleet prepare` makes, but for renewing, which is by hand here."""
    page = json.loads(block("json"))

    made, written = resources(hub_policy(ACCOUNT)), resources(page)

    assert made.keys() == written.keys()
    assert all(written[action] <= made[action] for action in made)
    assert all(of_renewal(made[action] - written[action]) for action in made)
    assert page["Statement"][0]["Condition"] == hub_policy(ACCOUNT)["Statement"][0]["Condition"]


def test_the_pages_settings_are_taken_and_send_to_its_rule() -> None:
    """By the library that it has installed, on the topic that the policy and the rule name."""
    settings = {"hub": {"thing": "my-hub"}, "meter": {"link": "replay:none"}}

    config = read_config({**settings, **tomllib.loads(block("toml"))}, {}, "the page")

    sent = topics.frames(config.hub_thing, config.uplink_frames_prefix)
    assert config.uplink_kind is UplinkKind.AWS
    assert sent == "$aws/rules/RULE/hearthlink/v1/my-hub/frames"
    assert f"FROM '{topics.frames(topics.ANY_THING)}'" in block("sql")
    locks = re.findall(r"requirements/\w+\.lock", block("sh"))
    assert locks
    assert all((ROOT / lock).exists() for lock in locks)
