"""Who may send as a hub over HTTPS: whoever the fleet's authority vouches for, now."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from fastapi import HTTPException

from cloud import hubauth
from cloud.hubauth import BURST_REQUESTS, MAX_REQUESTS_PER_S, HubGate, HubRequest
from shared import hubrequests
from shared.clock import DrivenClock
from shared.errors import OperatorError
from shared.hubrequests import FRAMES_PATH, SIGNATURE_WINDOW_S
from shared.units import MS_PER_DAY
from tests.support.signed import Fleet

NOW_MS = 1_772_323_200_000
BODY = b"frame"


@pytest.fixture
def clock() -> DrivenClock:
    """A clock that the test moves."""
    return DrivenClock(NOW_MS)


@pytest.fixture
def fleet(tmp_path: Path, clock: DrivenClock) -> Fleet:
    """A fleet whose certificates are made by that clock."""
    return Fleet(tmp_path / "fleet", clock)


@pytest.fixture
def gate(fleet: Fleet, clock: DrivenClock) -> HubGate:
    """A gate that knows this fleet's authority."""
    return HubGate(str(fleet.authority.certificate), clock)


def request(headers: dict[str, str], body: bytes = BODY, path: str = FRAMES_PATH) -> HubRequest:
    return HubRequest("POST", f"https://cloud.invalid{path}", headers, body)


def refusal(gate: HubGate, asked: HubRequest) -> str:
    with pytest.raises(HTTPException) as caught:
        gate.admit(asked)
    assert caught.value.status_code == 401
    assert caught.value.headers is not None
    assert caught.value.headers[hubrequests.TIME_FIELD].isdecimal()
    return str(caught.value.detail)


def test_a_hub_is_known_by_its_certificates_name(gate: HubGate, fleet: Fleet) -> None:
    """The thing is the common name that the authority signed."""
    for thing in ("hub-1", "hub-2"):
        headers = fleet.headers(thing, FRAMES_PATH, BODY)

        assert gate.admit(request(headers)) == thing


@pytest.mark.parametrize("name", ["signature", "signature-input", "content-digest"])
def test_a_request_without_a_part_of_its_proof_is_refused(
    gate: HubGate, fleet: Fleet, name: str
) -> None:
    """Nothing of the proof may be left out."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY)
    del headers[name]

    assert refusal(gate, request(headers))


def test_another_body_path_or_method_than_was_signed_is_refused(
    gate: HubGate, fleet: Fleet
) -> None:
    """A signature is for one message to one place."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY)

    refusal(gate, request(headers, body=b"other"))
    refusal(gate, request(headers, body=b""))
    refusal(gate, request(headers, path=hubrequests.HELLO_PATH))
    refusal(gate, HubRequest("PUT", f"https://cloud.invalid{FRAMES_PATH}", headers, BODY))


def test_a_signature_that_covers_less_is_refused(gate: HubGate, fleet: Fleet) -> None:
    """Whoever leaves the content out of what is signed proves nothing about it."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY)
    headers["signature-input"] = headers["signature-input"].replace(' "content-digest"', "")

    refusal(gate, request(headers))


@pytest.mark.parametrize("part", ["keyid", "alg", "tag", "created"])
def test_altered_parameters_are_refused(gate: HubGate, fleet: Fleet, part: str) -> None:
    """Key, algorithm, purpose and time are signed too."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY)
    written = headers["signature-input"]
    headers["signature-input"] = {
        "keyid": written.replace('keyid="', 'keyid="00'),
        "alg": written.replace("ecdsa-p256-sha256", "hmac-sha256"),
        "tag": written.replace(";tag=", ";other="),
        "created": written.replace("created=17", "created=18"),
    }[part]

    refusal(gate, request(headers))


@pytest.mark.parametrize(
    "off_s", [SIGNATURE_WINDOW_S + 1, -SIGNATURE_WINDOW_S - 1, -NOW_MS // 1000]
)
def test_what_was_signed_at_another_time_is_refused_with_the_time(
    gate: HubGate, fleet: Fleet, off_s: int
) -> None:
    """A recording is of no use later; a hub whose clock is off learns the cloud's."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY, off_s=off_s)

    assert "from this clock" in refusal(gate, request(headers))


@pytest.mark.parametrize("off_s", [SIGNATURE_WINDOW_S - 1, 1 - SIGNATURE_WINDOW_S])
def test_a_clock_that_is_a_little_off_passes(gate: HubGate, fleet: Fleet, off_s: int) -> None:
    """Five minutes either way are no reason to lose a request."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY, off_s=off_s)

    assert gate.admit(request(headers)) == "hub-1"


def test_two_signatures_with_the_hubs_tag_are_refused(gate: HubGate, fleet: Fleet) -> None:
    """One message has one sender."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY)
    for name in ("signature", "signature-input"):
        headers[name] += ", " + headers[name].replace("hub=", "second=")

    assert "2 signatures" in refusal(gate, request(headers))


def test_anothers_signature_beside_the_hubs_is_passed_over(gate: HubGate, fleet: Fleet) -> None:
    """A proxy may sign too, with a tag of its own."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY)
    for name in ("signature", "signature-input"):
        other = headers[name].replace("hub=", "proxy=").replace("hearthlink-v1", "proxy")
        headers[name] += f", {other}"

    assert gate.admit(request(headers)) == "hub-1"


def test_certificates_of_another_authority_are_refused(
    gate: HubGate, fleet: Fleet, tmp_path: Path, clock: DrivenClock
) -> None:
    """The same name from another fleet is another hub."""
    other = Fleet(tmp_path / "other", clock)

    headers = other.headers("hub-1", FRAMES_PATH, BODY)

    assert "authority" in refusal(gate, request(headers))


def test_a_stolen_certificate_without_its_key_is_refused(gate: HubGate, fleet: Fleet) -> None:
    """Certificates are no secret: the signature must be of the key in it."""
    mine = fleet.headers("hub-1", FRAMES_PATH, BODY)
    theirs = fleet.headers("hub-2", FRAMES_PATH, BODY)
    mine[hubrequests.CERTIFICATE_FIELD] = theirs[hubrequests.CERTIFICATE_FIELD]

    refusal(gate, request(mine))


def test_services_and_the_server_are_no_hubs(gate: HubGate, fleet: Fleet) -> None:
    """The cloud's own clients have certificates too; they do not speak for a home."""
    authority = fleet.authority
    service = fleet.signer(authority.credentials("cloud-ingest"))
    server = fleet.signer(authority.server)

    for signer, reason in ((service, "is reserved"), (server, "not a client's")):
        headers = fleet.headers("", FRAMES_PATH, BODY, signer=signer)
        assert reason in refusal(gate, request(headers))


@pytest.mark.parametrize(
    ("curve", "is_a_clients", "reason"),
    [
        (ec.SECP256R1(), False, "not a client's"),
        (ec.SECP384R1(), True, "no EC key on P-256"),
    ],
)
def test_certificates_of_the_authority_for_another_use_are_refused(
    gate: HubGate, fleet: Fleet, curve: ec.EllipticCurve, is_a_clients: bool, reason: str
) -> None:
    """What else the authority has signed speaks for no hub."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY)
    made = certificate_of(fleet, curve, is_a_clients=is_a_clients)
    headers[hubrequests.CERTIFICATE_FIELD] = hubrequests.byte_sequence(made)

    assert reason in refusal(gate, request(headers))


def certificate_of(fleet: Fleet, curve: ec.EllipticCurve, *, is_a_clients: bool) -> bytes:
    """Let the fleet's authority sign a certificate it would not issue by itself."""
    root = x509.load_pem_x509_certificate(fleet.authority.certificate.read_bytes())
    start = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub-1")]))
        .issuer_name(root.subject)
        .public_key(ec.generate_private_key(curve).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(days=1))
        .not_valid_after(start + timedelta(days=1))
    )
    if is_a_clients:
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    made = builder.sign(fleet.authority.issuer().key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def test_no_more_hubs_are_watched_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pace of a fleet of any size is remembered in bounded memory."""
    monkeypatch.setattr(hubauth, "MAX_HUBS_WATCHED", 3)
    pace = hubauth._Pace()

    for number in range(10):
        assert pace.takes(f"hub-{number}", 0)

    assert list(pace._buckets) == ["hub-7", "hub-8", "hub-9"]


def test_an_expired_certificate_is_refused(gate: HubGate, fleet: Fleet, clock: DrivenClock) -> None:
    """Three years and a day later the hub needs a new one."""
    signer = fleet.signer(fleet.authority.issue("hub-1"))
    clock.advance_to(NOW_MS + 1_096 * MS_PER_DAY)

    headers = fleet.headers("hub-1", FRAMES_PATH, BODY, signer=signer)

    assert "not valid now" in refusal(gate, request(headers))


@pytest.mark.parametrize(
    "written", ["", "x", "::", ":AAAA:", ":not base64:", ":" + "A" * 5_000 + ":"]
)
def test_what_is_no_certificate_is_refused(gate: HubGate, fleet: Fleet, written: str) -> None:
    """Anything may stand in the field; nothing of it raises."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY)
    headers[hubrequests.CERTIFICATE_FIELD] = written

    refusal(gate, request(headers))


@pytest.mark.parametrize("name", ["signature", "signature-input", "content-digest"])
@pytest.mark.parametrize("written", ["", "=", "hub=:", "hub=?1", 'hub="x"', "\x00", "hub=()" * 500])
def test_garbage_in_the_proof_is_refused(
    gate: HubGate, fleet: Fleet, name: str, written: str
) -> None:
    """Structured fields that are none are a refusal, never an error of ours."""
    headers = fleet.headers("hub-1", FRAMES_PATH, BODY)
    headers[name] = written

    refusal(gate, request(headers))


def test_a_hub_that_calls_too_often_is_slowed_down_alone(
    gate: HubGate, fleet: Fleet, clock: DrivenClock
) -> None:
    """After a burst a hub has its rate; another hub's calls are its own."""
    mine, other = (request(fleet.headers(thing, FRAMES_PATH, BODY)) for thing in ("a", "b"))
    for _ in range(BURST_REQUESTS):
        gate.admit(mine)

    with pytest.raises(HTTPException) as caught:
        gate.admit(mine)
    others = gate.admit(other)
    clock.advance_to(NOW_MS + 1_000)
    later = [gate.admit(mine) for _ in range(MAX_REQUESTS_PER_S)]

    assert (caught.value.status_code, caught.value.headers) == (429, {"Retry-After": "1"})
    assert others == "b"
    assert len(later) == MAX_REQUESTS_PER_S


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_authority_that_cannot_be_read_is_an_operators_error(
    tmp_path: Path, clock: DrivenClock, content: bytes | None
) -> None:
    """A gate that knows no authority must not open."""
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(OperatorError, match="hub_ca"):
        HubGate(str(path), clock)


def test_a_fleet_is_not_vouched_for_by_its_own_hubs(
    tmp_path: Path, fleet: Fleet, clock: DrivenClock
) -> None:
    """A hub's certificate put in the authority's place vouches for nobody, itself included."""
    hub = fleet.authority.issue("hub-1")
    gate = HubGate(str(hub.certificate), clock)

    refusal(gate, request(fleet.headers("hub-1", FRAMES_PATH, BODY)))
