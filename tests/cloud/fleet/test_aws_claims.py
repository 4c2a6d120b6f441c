"""With a region set, the API's and the installer's claims are AWS's, by the same paths."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moto
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # it ships no types
from fastapi.testclient import TestClient

from agent.home.changes import MAX_CLAIM_BYTES, TOKEN_HEADER
from agent.provision.tickets import read_ticket
from cloud.app import create_app
from cloud.fleet.admission import SelfHostedAdmission
from cloud.fleet.awsadmission import AwsAdmission
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.registry.aws import AwsRegistry
from shared.clock import DrivenClock
from shared.enrolment import RedeemAnswer
from tests.support.aws import REGION, client, iot_client
from tests.support.cloud import HEADERS, START_MS, TOKEN, config_in, payload_of, samples_of
from tests.support.home_page import PIN, Home

SETTINGS = {
    "fleet_region": REGION,
    "fleet_rule": "hearthlink_frames",
    "fleet_role": "arn:aws:iam::123456789012:role/hearthlink-provisioning",
    "fleet_hook": "arn:aws:lambda:eu-west-2:123456789012:function:hearthlink-hook",
}
CLAIMS = "/v1/fleet/claims"


class AwsCloud:
    """The application of a cloud that AWS governs the hubs of; moto plays AWS."""

    def __init__(self, directory: Path) -> None:
        self.clock = DrivenClock(START_MS)
        config = config_in(directory, **SETTINGS)
        self.app = create_app(config, self.clock)
        self.database = self.app.state.parts.database
        self.iot = iot_client(START_MS)
        registry = AwsRegistry(REGION, self.clock, iot=self.iot, iot_data=client("iot-data"))
        own = SelfHostedAdmission(config, self.database, self.clock)
        self.app.state.admission = AwsAdmission(config, registry, own, self.database, self.clock)
        self.app.state.admission.prepare()
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def order(self, thing: str = "hub-1") -> Any:
        """Sign in at the installer's screen, and send the form."""
        self.client.post("/install", data={"token": TOKEN})
        return self.client.post(
            "/install/claims", data={"thing": thing, "installer": "Ada", "order": "w"}
        )

    def hear(self, thing: str = "hub-1") -> None:
        """Take a first reading of a hub."""
        self.clock.advance_to(self.clock.utc_ms() + 1_000)
        ingest = IngestService(self.database, self.clock, Rules())
        ingest.ingest([Message(thing, payload_of(samples_of(1, 5)), self.clock.utc_ms())])


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsCloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with moto.mock_aws():
        cloud = AwsCloud(tmp_path)
        yield cloud
        cloud.database.close()


def test_api_makes_a_claim_at_aws(cloud: AwsCloud) -> None:
    """A bundle in place of code and picture, which a hub reads; told once, and listed after."""
    answer = cloud.client.post(CLAIMS, json={"thing": "hub-1", "installer": "Ada"}, headers=HEADERS)
    listed = cloud.client.get(CLAIMS, headers=HEADERS).json()["claims"]

    made = answer.json()
    given = read_ticket(made["bundle"])
    assert answer.status_code == 201
    assert (made["code"], made["text"], made["qr_svg"]) == ("", "", "")
    assert isinstance(given, RedeemAnswer)
    assert (given.thing, given.uplink_kind) == ("hub-1", "aws")
    assert [(one["claim"], one["state"], one["installer"]) for one in listed] == [
        (made["claim"], "open", "Ada")
    ]
    assert "PRIVATE KEY" not in json.dumps(listed)


def test_aws_that_refuses_is_told_with_the_fix(cloud: AwsCloud) -> None:
    """As the operator's to mend; no claim is left."""

    def refuse(**_request: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "CreateProvisioningClaim")

    cloud.iot.create_provisioning_claim = refuse

    answer = cloud.client.post(CLAIMS, json={"thing": "hub-1"}, headers=HEADERS)

    assert answer.status_code == 503
    assert "credentials" in answer.json()["hint"]
    assert cloud.client.get(CLAIMS, headers=HEADERS).json()["claims"] == []


def test_installer_saves_the_claim_and_sees_the_hub_come(cloud: AwsCloud) -> None:
    """The file is the one claim's however often it is asked for; the hub is heard, then it ends."""
    page = cloud.order()
    files = [cloud.client.get(f"{page.url}/file") for _ in range(2)]
    cloud.hear()
    after = cloud.client.get(page.url)

    assert "Save the claim as a file" in page.text
    assert "hearthlink-claim.txt" in files[0].headers["content-disposition"]
    assert files[0].content == files[1].content
    assert isinstance(read_ticket(files[0].text), RedeemAnswer)
    assert "The claim is used" in after.text
    assert cloud.client.get(f"{page.url}/file").status_code == 404


def test_hubs_page_takes_a_claim_of_aws(cloud: AwsCloud) -> None:
    """Its body has room for it, and for no more than such a claim has."""
    bundle = cloud.client.post(CLAIMS, json={"thing": "hub-1"}, headers=HEADERS).json()["bundle"]
    home = Home()
    app = home.page()
    browser = TestClient(
        app, base_url="http://localhost:8080", headers={TOKEN_HEADER: app.state.token}
    )

    taken = browser.post("/claim", json={"pin": PIN, "claim": bundle})
    much = browser.post("/claim", json={"pin": PIN, "claim": " " * MAX_CLAIM_BYTES})

    assert (taken.status_code, much.status_code) == (202, 413)
    assert home.claims == [bundle]
