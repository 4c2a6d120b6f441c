"""A hub whose key is in a PKCS#11 token, in a self-hosted cloud: SoftHSM and a real Mosquitto."""

import asyncio
from pathlib import Path

import pytest

from agent.identity.token import TokenKeyStore
from agent.provision.joining import join
from agent.provision.renewing import renew
from agent.uplink.kinds import UplinkKind
from tests.support.hub_kills import claim_for, governed, tools_of
from tests.support.softhsm import software_token


@pytest.mark.slow
def test_hub_with_its_key_in_a_token_joins_and_renews(tmp_path: Path) -> None:
    """By the same claim as any hub; each certificate is proved by connecting, no key is a file."""
    tools = tools_of(str(tmp_path / "hub"), TokenKeyStore(software_token()))
    with governed(tmp_path / "cloud") as (cloud, api):
        place = asyncio.run(join(tools, claim_for(cloud, api, "hub-1")))
        joined = tools.identity.current()
        asyncio.run(renew(tools))
        renewed = tools.identity.current()

    assert joined is not None
    assert renewed is not None
    assert (place.thing, place.kind) == ("hub-1", UplinkKind.MQTT)
    assert renewed.facts.name == "hub-1"
    assert renewed.facts.public_key_der != joined.facts.public_key_der
    assert not list((tmp_path / "hub").rglob("*.key"))
