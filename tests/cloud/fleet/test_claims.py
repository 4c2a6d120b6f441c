"""Claims: one code, one key, some minutes; and how the API tells of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.fleet import pace
from cloud.fleet.authority import Credentials
from cloud.fleet.certificates import key_pem, new_key, read_key
from cloud.fleet.claims import KEPT_MS, MAX_MINUTES
from cloud.households.revocations import revoke
from shared.claims import pin_of, read_claim
from shared.enrolment import (
    AUTHORITY_PATH,
    REDEEM_PATH,
    RENEW_PATH,
    RedeemAnswer,
    RenewAnswer,
    decode_enrolment,
)
from shared.units import MS_PER_MINUTE
from tests.support.cloud import HEADERS, config_in
from tests.support.enrolling import (
    BROKER_HOST,
    SigningCloud,
    accepted,
    claim_csr,
    code_of,
    csr_of,
    pem_of,
    renewal_csr,
)
from tests.support.signed import Fleet

CLAIMS_PATH = "/v1/fleet/claims"


class ClaimApi:
    """The application over one cloud."""

    def __init__(self, cloud: SigningCloud) -> None:
        self.cloud = cloud
        self.app = create_app(cloud.config, cloud.clock)
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def redeem(self, code: str, key: Any = None) -> Any:
        """Redeem a code with a key."""
        csr = pem_of(csr_of(key or new_key(), "anything"))
        return self.client.post(REDEEM_PATH, json={"code": code, "csr": csr})


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[SigningCloud]:
    cloud = SigningCloud(tmp_path)
    yield cloud
    cloud.close()


@pytest.fixture(name="api")
def _api(cloud: SigningCloud) -> ClaimApi:
    return ClaimApi(cloud)


def redeemed(answer: Any) -> RedeemAnswer:
    """Take an answer that must be a redeemed claim."""
    assert answer.status_code == 200, answer.text
    return decode_enrolment(RedeemAnswer, answer.content)


def problem(answer: Any) -> tuple[int, str]:
    """Take an answer that must be a problem; returns its status and its code."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    return answer.status_code, document["code"]


def test_redeeming_tells_all_that_a_hub_needs(api: ClaimApi) -> None:
    """A certificate of the claim's name for its minutes, and where to go with it."""
    offer, key = api.cloud.offer("hub-a"), new_key()

    answer = redeemed(api.redeem(code_of(offer), key))

    certificate = x509.load_pem_x509_certificate(answer.claim_certificate.encode())
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == [offer.row.claim_id] == [answer.template]
    assert certificate.public_key() == key.public_key()
    assert certificate.not_valid_after_utc.timestamp() * 1000 == answer.expires_at_ms
    assert answer.expires_at_ms == offer.row.made_at_ms + 15 * MS_PER_MINUTE
    assert (answer.thing, answer.host, answer.port) == ("hub-a", BROKER_HOST, 8883)
    assert answer.authority == api.cloud.authority.certificate.read_text()
    assert (answer.uplink_kind, answer.frames_prefix, answer.private_key) == ("mqtt", "", "")


def test_same_key_is_answered_the_same_and_another_is_refused(api: ClaimApi) -> None:
    """The hub that lost its answer goes on; whoever has read the code over a shoulder does not."""
    offer, key = api.cloud.offer(), new_key()
    first = redeemed(api.redeem(code_of(offer), key))

    again = redeemed(api.redeem(code_of(offer), key))
    stranger = problem(api.redeem(code_of(offer)))

    assert again == first
    assert stranger == (409, "claim-taken")
    listed = api.client.get(CLAIMS_PATH, headers=HEADERS).json()["claims"]
    assert [(one["state"], one["refused_count"]) for one in listed] == [("redeemed", 1)]


def test_code_is_read_as_people_type_it(api: ClaimApi) -> None:
    """Lower case, spaces for hyphens."""
    offer = api.cloud.offer()

    answer = api.redeem(f" {offer.code[:5].lower()} {offer.code[5:]} ")

    assert redeemed(answer).thing == "hub-a"


def test_claim_ends_with_its_minutes(api: ClaimApi) -> None:
    """Not redeemed, or redeemed and asked for again."""
    offer, key = api.cloud.offer(minutes=1), new_key()
    redeemed(api.redeem(code_of(offer), key))
    api.cloud.pass_ms(MS_PER_MINUTE)

    assert problem(api.redeem(code_of(offer), key)) == (410, "claim-expired")


def test_newer_claim_ends_the_older_of_the_same_hub(api: ClaimApi) -> None:
    """The installer who makes another has lost the first."""
    old, new = api.cloud.offer("hub-a"), api.cloud.offer("hub-a")

    assert problem(api.redeem(code_of(old))) == (410, "claim-expired")
    assert redeemed(api.redeem(code_of(new))).thing == "hub-a"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": "0" * 20, "csr": "x"}, (404, "no-such-claim")),
        ({"code": "short", "csr": "x"}, (400, "bad-code")),
        ({"code": 5, "csr": "x"}, (400, "bad-value")),
        ({}, (400, "bad-value")),
    ],
)
def test_what_is_no_claim_is_refused(
    api: ClaimApi, body: dict[str, object], expected: tuple[int, str]
) -> None:
    """Each with its status and code."""
    assert problem(api.client.post(REDEEM_PATH, json=body)) == expected


def test_request_for_a_weak_key_is_refused_and_binds_nothing(api: ClaimApi) -> None:
    """The claim is still to be had for a good one."""
    offer = api.cloud.offer()

    bad = api.client.post(REDEEM_PATH, json={"code": code_of(offer), "csr": "no request"})

    assert problem(bad) == (400, "bad-csr")
    assert redeemed(api.redeem(code_of(offer))).thing == "hub-a"


def test_body_over_its_limit_is_refused(api: ClaimApi) -> None:
    """Before it is read to its end."""
    answer = api.client.post(REDEEM_PATH, content=b"x" * 20_000)

    assert problem(answer)[0] == 413


def test_revoked_hub_redeems_nothing(api: ClaimApi) -> None:
    """A claim made before is dead too."""
    offer = api.cloud.offer("hub-a")
    with api.cloud.database.writing() as connection:
        revoke(connection, "hub-a", api.cloud.now_ms)

    assert problem(api.redeem(code_of(offer))) == (403, "revoked")


def test_address_that_guesses_is_slowed_down_alone(api: ClaimApi) -> None:
    """After ten wrong codes it waits, right code or not; who has sent none never does."""
    offer = api.cloud.offer()
    guessed = [problem(api.redeem("0" * 20)) for _ in range(pace.ADDRESS_TRIES + 1)]

    neighbour = TestClient(api.app, client=("192.0.2.7", 5))
    csr = pem_of(csr_of(new_key(), ""))
    let_in = neighbour.post(REDEEM_PATH, json={"code": code_of(offer), "csr": csr})
    api.cloud.pass_ms(pace.ADDRESS_MS)
    later = problem(api.redeem("0" * 20))

    assert guessed == [(404, "no-such-claim")] * 10 + [(429, "too-many-requests")]
    assert redeemed(let_in).thing == "hub-a"
    assert later == (404, "no-such-claim")


def test_claim_is_made_over_the_api(api: ClaimApi) -> None:
    """With a picture; the code stands in the answer and nowhere else."""
    order = {"thing": "hub-x", "installer": "Ada", "minutes": 5}

    made = api.client.post(CLAIMS_PATH, json=order, headers=HEADERS)

    document = made.json()
    assert made.status_code == 201
    assert read_claim(document["text"]).host == "cloud.example.org"
    assert document["qr_svg"].startswith("<svg")
    assert redeemed(api.redeem(document["code"])).thing == "hub-x"
    listed = api.client.get(CLAIMS_PATH, headers=HEADERS).text
    assert document["claim"] in listed
    assert read_claim(document["text"]).code not in listed.replace("-", "")


def test_hub_without_a_name_is_given_one(api: ClaimApi) -> None:
    """The installer need not make one up."""
    made = api.client.post(CLAIMS_PATH, json={}, headers=HEADERS).json()

    assert made["thing"].startswith("hub-")


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"thing": "cloud-ingest"}, 400),
        ({"thing": "claim-1"}, 400),
        ({"thing": "hub/a"}, 400),
        ({"minutes": 0}, 422),
        ({"minutes": MAX_MINUTES + 1}, 422),
        ({"installer": "\x1b[2J"}, 400),
    ],
)
def test_claims_that_cannot_be_are_refused(
    api: ClaimApi, order: dict[str, object], status: int
) -> None:
    """Names no hub may have, numbers that are too large, control characters."""
    assert problem(api.client.post(CLAIMS_PATH, json=order, headers=HEADERS))[0] == status


@pytest.mark.parametrize("method", ["get", "post"])
def test_claims_need_the_token(api: ClaimApi, method: str) -> None:
    """Making one is making a hub."""
    assert getattr(api.client, method)(CLAIMS_PATH).status_code == 401


def test_authority_is_told_with_no_token(api: ClaimApi) -> None:
    """A hub checks it by its pin."""
    told = api.client.get(AUTHORITY_PATH).json()["authority"]

    assert told == api.cloud.authority.certificate.read_text()


def test_claim_of_a_cloud_with_our_own_certificate_has_a_pin(cloud: SigningCloud) -> None:
    """No system trusts it: the hub is told by the QR code what to trust."""
    server = cloud.authority.server
    config = config_in(
        cloud.directory,
        fleet_dir=cloud.authority.directory,
        hub_broker_host=BROKER_HOST,
        api_cert=server.certificate,
        api_key=server.key,
    )
    desk = create_app(config, cloud.clock).state.claim_desk

    claim = read_claim(desk.offer().text)

    root = x509.load_pem_x509_certificate(cloud.authority.certificate.read_bytes())
    assert claim.pin == pin_of(root.public_bytes(Encoding.DER))
    assert claim.host == "127.0.0.1:8000"


def test_cloud_without_a_fleet_says_so(tmp_path: Path) -> None:
    """404, with the setting to set."""
    client = TestClient(create_app(config_in(tmp_path)))

    answer = client.get(AUTHORITY_PATH)

    assert answer.status_code == 404
    assert "fleet_dir" in answer.json()["hint"]


def test_claim_that_leads_nowhere_is_not_made(cloud: SigningCloud) -> None:
    """Before an installer stands in a hallway with it."""
    config = config_in(cloud.directory, fleet_dir=cloud.authority.directory)
    client = TestClient(create_app(config, cloud.clock))

    answer = client.post(CLAIMS_PATH, json={}, headers=HEADERS)

    assert problem(answer)[0] == 503
    assert "hub_broker_host" in answer.json()["hint"]


def test_certificate_of_somebody_else_needs_no_pin(cloud: SigningCloud, tmp_path: Path) -> None:
    """The system trusts it, or the operator has seen to that."""
    other = SigningCloud(tmp_path / "other")
    server = other.authority.server
    settings = {"api_cert": server.certificate, "api_key": server.key}
    config = config_in(
        cloud.directory,
        fleet_dir=cloud.authority.directory,
        hub_broker_host=BROKER_HOST,
        **settings,
    )
    desk = create_app(config, cloud.clock).state.claim_desk

    assert read_claim(desk.offer().text).pin == ""
    other.close()


def test_late_renewal_of_a_revoked_hub_is_refused(api: ClaimApi) -> None:
    """With the code that its installer can look up."""
    fleet = Fleet(api.cloud.authority.directory, api.cloud.clock)
    issued = fleet.authority.issue("hub-1")
    csr = renewal_csr(new_key(), "hub-1", read_key(issued.key))
    body = json.dumps({"csr": csr}).encode()
    with api.cloud.database.writing() as connection:
        revoke(connection, "hub-1", api.cloud.now_ms)

    answer = api.client.post(
        RENEW_PATH, content=body, headers=fleet.headers("hub-1", RENEW_PATH, body)
    )

    assert problem(answer) == (403, "revoked")


def test_old_claims_are_forgotten(cloud: SigningCloud) -> None:
    """After 90 days, when the next is made."""
    cloud.offer("hub-a")
    cloud.pass_ms(KEPT_MS + 1)

    cloud.offer("hub-b")

    client = TestClient(create_app(cloud.config, cloud.clock))
    listed = client.get(CLAIMS_PATH, headers=HEADERS).json()["claims"]
    assert [one["thing"] for one in listed] == ["hub-b"]


def test_expired_certificate_renews_over_https(api: ClaimApi) -> None:
    """Signed by the expired key; the frames of that certificate are still refused."""
    fleet = Fleet(api.cloud.authority.directory, api.cloud.clock)
    issued = fleet.authority.issue("hub-1")
    signer, present = fleet.signer(issued), read_key(issued.key)
    api.cloud.pass_ms(1_200 * 86_400_000)
    body = json.dumps({"csr": renewal_csr(new_key(), "hub-1", present)}).encode()

    answer = api.client.post(
        RENEW_PATH, content=body, headers=fleet.headers("hub-1", RENEW_PATH, body, signer=signer)
    )
    frames = api.client.post(
        "/v1/frames", content=b"x", headers=fleet.headers("", "/v1/frames", b"x", signer=signer)
    )

    assert answer.status_code == 200, answer.text
    pem = decode_enrolment(RenewAnswer, answer.content).certificate
    assert x509.load_pem_x509_certificate(pem.encode()).issuer == (
        fleet.authority.issuer().certificate.subject
    )
    assert frames.status_code == 401


def test_barred_certificate_is_refused_over_https(api: ClaimApi) -> None:
    """What was issued and never registered, and what was superseded."""
    offer, key = api.cloud.offer(), new_key()
    created = accepted(api.cloud.create(claim_csr(key, offer.row.claim_id, offer.code)))
    folder = api.cloud.directory
    (folder / "hub.crt").write_text(created.certificate_pem)
    (folder / "hub.key").write_bytes(key_pem(key))
    authority = api.cloud.authority.certificate
    fleet = Fleet(api.cloud.authority.directory, api.cloud.clock)
    signer = fleet.signer(Credentials("hub-a", authority, folder / "hub.crt", folder / "hub.key"))

    def hello() -> int:
        headers = fleet.headers("", "/v1/hub/tariff", b"{}", signer=signer)
        return int(api.client.post("/v1/hub/tariff", content=b"{}", headers=headers).status_code)

    pending = hello()
    api.cloud.register(offer.row.claim_id, created.certificate_ownership_token)
    active = hello()

    assert (pending, active) == (401, 404)
    assert api.cloud.records()[0].seen_at_ms is not None
