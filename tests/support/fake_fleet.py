"""A cloud in memory that enrols hubs, and what a hub's side is tested with against it."""

import asyncio
import base64
import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AttributeOID, NameOID

from agent.identity.folder import IdentityFolder
from agent.identity.keys import FileKeyStore
from agent.identity.place import Place
from agent.provision.enrolment import Tools
from agent.uplink.access import CloudAccess
from agent.uplink.tls import machine_time
from shared import topics
from shared.claims import Claim, claim_key, make_code, write_claim
from shared.enrolment import (
    CsrAccepted,
    CsrRequest,
    RedeemAnswer,
    RegisterAccepted,
    RegisterRequest,
    Rejected,
    RenewAnswer,
    claim_proof,
    renewal_statement,
)
from shared.errors import OperatorError, RetryableError

NOW_MS = 1_795_300_000_000
YEAR_MS = 365 * 86_400_000
CODE = make_code(bytes(range(13)))
CLAIM = write_claim(Claim("localhost:1", CODE))
THING = "hub-in-the-hall"


class EnrollingCloud:
    """Keeps the cloud's promises: one key a claim, one use a token, answers that can be repeated.

    `log` says what was asked; `refuse_claim` and `is_away` let things go wrong, `after_answer` is
    called when the cloud has done what was asked and the hub has not heard of it.
    """

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.now_ms = NOW_MS
        self.certificate = self._sign("test authority", self.key.public_key())
        self.log: list[str] = []
        self.refuse_claim = ""
        self.is_away = False
        self.claim_holder = b""
        self.tokens: dict[str, bytes] = {}
        self.things: dict[str, bytes] = {}
        self.uplink_kind = "mqtt"
        self.is_proof_wanted = True
        self.after_answer: Callable[[], None] = lambda: None

    def tools(self, state: Path) -> Tools:
        """Make a hub's tools that reach this cloud, its identity under `state`."""
        return Tools(
            IdentityFolder(state / "identity", FileKeyStore()),
            lambda _kind: lambda client_id, access: FakeCarrier(self, client_id, access),
            self.prove,
            machine_time,
            lambda: self.now_ms,
            open_api=lambda _host, _pin, _know_time: FakeApi(self),
        )

    async def prove(self, place: Place, access: CloudAccess) -> None:
        """Let a hub in whose certificate is its thing's, and whose key is that certificate's."""
        self.check_away()
        held = access.key_file.read_bytes() if access.key_file else b""
        key = serialization.load_pem_private_key(held, None).public_key()
        shown = x509.load_pem_x509_certificate(access.certificate_file.read_bytes())
        if spki(shown.public_key()) != spki(key) or self.things.get(place.thing) != spki(key):
            raise RetryableError("the broker does not know this certificate")
        self.log.append("proved")

    def check_away(self) -> None:
        """Raise RetryableError while the cloud is away."""
        if self.is_away:
            raise RetryableError("the cloud is away")

    def sign(self, csr: x509.CertificateSigningRequest, name: str) -> str:
        """Sign a request for a year."""
        return self._sign(name, csr.public_key())  # type: ignore[arg-type]

    def _sign(self, name: str, key: ec.EllipticCurvePublicKey) -> str:
        begin = dt.datetime.fromtimestamp(self.now_ms / 1000, dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + dt.timedelta(days=365))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def answer(self, client_id: str, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Answer a message of the dialogue."""
        if topic == topics.CREATE_FROM_CSR:
            return [self._answer_csr(client_id, payload)]
        return [self._answer_register(client_id, topic, payload)]

    def _answer_csr(self, client_id: str, payload: bytes) -> tuple[str, bytes]:
        topic = topics.CREATE_FROM_CSR
        request = msgspec.json.decode(payload, type=CsrRequest)
        csr = x509.load_pem_x509_csr(request.certificate_signing_request.encode())
        key = spki(csr.public_key())
        self.log.append(f"csr {client_id}")
        if not self._is_proved(client_id, csr, key):
            refusal = Rejected(403, "NotProved", "the request proves nothing")
            return topics.rejected(topic), msgspec.json.encode(refusal)
        token = hashlib.sha256(key + str(len(self.log)).encode()).hexdigest()
        self.tokens[token] = key
        thing = THING if client_id.startswith("claim-") else client_id
        accepted = CsrAccepted(token, "1", self.sign(csr, thing))
        return topics.accepted(topic), msgspec.json.encode(accepted)

    def _is_proved(self, client_id: str, csr: x509.CertificateSigningRequest, key: bytes) -> bool:
        if not self.is_proof_wanted:
            return True
        proof = csr.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value
        if client_id.startswith("claim-"):
            return proof.decode() == claim_proof(claim_key(CODE), key)
        present = serialization.load_der_public_key(self.things[client_id])
        assert isinstance(present, ec.EllipticCurvePublicKey)
        try:
            present.verify(
                base64.b64decode(proof), renewal_statement(key), ec.ECDSA(hashes.SHA256())
            )
        except InvalidSignature:
            return False
        return True

    def _answer_register(self, client_id: str, topic: str, payload: bytes) -> tuple[str, bytes]:
        request = msgspec.json.decode(payload, type=RegisterRequest)
        self.log.append(f"register {client_id}")
        key = self.tokens.pop(request.certificate_ownership_token, None)
        if key is None:
            refusal = Rejected(403, "InvalidCertificateOwnershipToken", "used, or never given")
            return topics.rejected(topic), msgspec.json.encode(refusal)
        thing = THING if client_id.startswith("claim-") else client_id
        self.things[thing] = key
        return topics.accepted(topic), msgspec.json.encode(RegisterAccepted(thing))


class FakeApi:
    """The cloud's HTTPS endpoints."""

    def __init__(self, cloud: EnrollingCloud) -> None:
        self._cloud = cloud

    async def redeem(self, code: str, csr: str) -> RedeemAnswer:
        """Redeem the one claim there is, for one key."""
        self._cloud.check_away()
        self._cloud.log.append("redeem")
        request = x509.load_pem_x509_csr(csr.encode())
        key = spki(request.public_key())
        if self._cloud.refuse_claim or code != CODE:
            raise OperatorError(self._cloud.refuse_claim or "no such claim")
        if self._cloud.claim_holder not in (b"", key):
            raise OperatorError("the claim was used by another hub")
        self._cloud.claim_holder = key
        return RedeemAnswer(
            thing=THING,
            claim_certificate=self._cloud.sign(request, "claim-1"),
            expires_at_ms=self._cloud.now_ms + YEAR_MS,
            template="claim-1",
            host="localhost",
            port=8883,
            authority=self._cloud.certificate,
            uplink_kind=self._cloud.uplink_kind,
        )

    async def renew(self, csr: str, access: CloudAccess, now_ms: int) -> RenewAnswer:
        """Renew where the present key proves it."""
        self._cloud.check_away()
        self._cloud.log.append("renew")
        request = x509.load_pem_x509_csr(csr.encode())
        key = spki(request.public_key())
        thing = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        assert self._cloud._is_proved(str(thing), request, key)
        self._cloud.things[str(thing)] = key
        return RenewAnswer(self._cloud.sign(request, str(thing)))


class FakeCarrier:
    """The Carrier port, straight into the cloud."""

    def __init__(self, cloud: EnrollingCloud, client_id: str, access: CloudAccess) -> None:
        self._cloud = cloud
        self._client_id = client_id
        self._heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._filters: list[str] = []

    async def open(self) -> None:
        """Connect, unless the cloud is away."""
        self._cloud.check_away()

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Note them."""
        self._filters += filters

    async def publish(self, topic: str, payload: bytes) -> None:
        """Have it answered."""
        self._cloud.check_away()
        answers = self._cloud.answer(self._client_id, topic, payload)
        self._cloud.after_answer()
        for answer in answers:
            if answer[0] in self._filters:
                self._heard.put_nowait(answer)

    async def hear(self) -> tuple[str, bytes]:
        """Take the next answer."""
        return await self._heard.get()

    async def close(self) -> None:
        """Nothing is open."""


def spki(key: object) -> bytes:
    """Write a public key (SPKI, DER)."""
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
