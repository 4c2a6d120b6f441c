"""What ends a hub's certificates by the operator's word: a handover, a revocation over the API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.fleet.certificates import new_key
from cloud.fleet.crl import read_list
from cloud.fleet.records import Status
from cloud.fleet.refusals import Refusal
from cloud.households.repository import lock_hub
from shared.enrolment import CsrAccepted
from shared.instants import format_utc
from tests.support.cloud import HEADERS
from tests.support.enrolling import SigningCloud, claim_csr, renewal_csr


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[SigningCloud]:
    cloud = SigningCloud(tmp_path, broker_reload="true")
    yield cloud
    cloud.close()


def test_handover_ends_certificates_and_claims(cloud: SigningCloud) -> None:
    """Carried, joined, revoked or only offered: the old household's keys open nothing more."""
    app = create_app(cloud.config, cloud.clock)
    cloud.authority.issue("hub-a")
    cloud.pass_ms(1_000)
    key, _ = cloud.provision()
    cloud.pass_ms(1_000)
    offer = cloud.offer()
    with cloud.database.writing() as connection:
        lock_hub(connection, "hub-a", cloud.now_ms)

    done = TestClient(app).post(
        "/v1/fleet/hubs/hub-a/handover", json={"household": "Flat 2"}, headers=HEADERS
    )
    renewed = cloud.create(renewal_csr(new_key(), "hub-a", key))
    claimed = cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code))
    statuses = {one.status for one in cloud.records()}
    again, _ = cloud.provision()

    assert done.status_code == 200, done.text
    assert isinstance(renewed, Refusal)
    assert isinstance(claimed, Refusal)
    assert (renewed.code, claimed.code) == ("bad-csr", "claim-expired")
    assert statuses == {Status.SUPERSEDED}
    assert isinstance(cloud.create(renewal_csr(new_key(), "hub-a", again)), CsrAccepted)


def test_hub_is_revoked_and_let_in_again(cloud: SigningCloud) -> None:
    """As by the command: the rows, the list, and what the broker was told."""
    client = TestClient(create_app(cloud.config, cloud.clock))
    cloud.provision()
    path = "/v1/fleet/hubs/hub-a/revocation"

    done = client.post(path, headers=HEADERS).json()
    listed = read_list(cloud.authority.revocations).serials
    undone = client.delete(path, headers=HEADERS).json()
    after = read_list(cloud.authority.revocations).serials
    bad = client.post("/v1/fleet/hubs/a.b/revocation", headers=HEADERS)

    assert done == {"thing": "hub-a", "revoked_at": format_utc(cloud.now_ms), "broker": "told"}
    assert len(listed) == 1
    assert undone == {"thing": "hub-a", "revoked_at": None, "broker": "told"}
    assert after == frozenset()
    assert bad.status_code == 400
