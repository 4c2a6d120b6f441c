"""What tests of provisioning share: CSRs of every kind, and a cloud that signs them."""

import base64
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AttributeOID

from cloud.config import Config
from cloud.db import Database
from cloud.fleet.admission import SelfHostedAdmission
from cloud.fleet.authority import Authority
from cloud.fleet.certificates import common_name, new_key
from cloud.fleet.desk import ClaimDesk, Offer
from cloud.fleet.dispatch import Dispatcher
from cloud.fleet.enrolment import Enrolment
from cloud.fleet.records import Record, list_of_thing
from cloud.fleet.refusals import Refusal
from shared.claims import claim_key, read_claim
from shared.clock import Clock, DrivenClock
from shared.enrolment import (
    CsrAccepted,
    CsrRequest,
    RegisterAccepted,
    RegisterRequest,
    claim_proof,
    renewal_statement,
)
from tests.support.cloud import START_MS, config_in, database_in

BROKER_HOST = "broker.example.org"

Key = ec.EllipticCurvePrivateKey


def key_der(key: Any) -> bytes:
    """Write the public half of a key (SPKI)."""
    made: bytes = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made


def csr_of(
    key: Any, name: str | x509.Name = "", proof: str = "", extension: Any = None
) -> x509.CertificateSigningRequest:
    """Make a request; `proof` becomes its challengePassword."""
    subject = common_name(name) if isinstance(name, str) and name else name
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        subject if isinstance(subject, x509.Name) else x509.Name([])
    )
    if proof:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, proof.encode())
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


def pem_of(csr: x509.CertificateSigningRequest) -> str:
    """Write a request as PEM."""
    return csr.public_bytes(serialization.Encoding.PEM).decode()


def claim_csr(key: Any, claim: str, code: str) -> str:
    """Ask for a certificate as a claim: proved by the code."""
    return pem_of(csr_of(key, claim, claim_proof(claim_key(code), key_der(key))))


def renewal_csr(new: Any, thing: str, present: Key) -> str:
    """Ask for a certificate of a new key as a thing: proved by its present key."""
    signature = present.sign(renewal_statement(key_der(new)), ec.ECDSA(hashes.SHA256()))
    return pem_of(csr_of(new, thing, base64.b64encode(signature).decode()))


def csr_request(csr: str) -> bytes:
    """Write CreateCertificateFromCsr's payload."""
    return msgspec.json.encode(CsrRequest(csr))


def register_request(token: str) -> bytes:
    """Write RegisterThing's payload."""
    return msgspec.json.encode(RegisterRequest(token))


class SigningCloud:
    """A database and an authority in a folder, with a clock of the test's and no network.

    For a broker it takes the machine's clock, and settings that say where that is.
    """

    def __init__(
        self,
        directory: Path,
        authority: Authority | None = None,
        clock: Clock | None = None,
        **settings: object,
    ) -> None:
        self.clock: Clock = clock or DrivenClock(START_MS)
        self.directory = directory
        self.authority = authority or Authority(directory / "fleet", self.clock)
        self.authority.prepare()
        self.database: Database = database_in(directory)
        self.config: Config = config_in(
            directory,
            fleet_dir=self.authority.directory,
            hub_ca=self.authority.certificate,
            claim_host="cloud.example.org",
            **{"hub_broker_host": BROKER_HOST, **settings},
        )
        self.desk = ClaimDesk(self.config, self.database, self.clock)
        self.admission = SelfHostedAdmission(self.config, self.database, self.clock, self.desk)
        self.enrolment = Enrolment(self.authority)
        self.dispatcher = Dispatcher(self.database, self.enrolment, {})

    @property
    def now_ms(self) -> int:
        """The test's time."""
        return self.clock.utc_ms()

    def pass_ms(self, span_ms: int) -> None:
        """Let time pass."""
        assert isinstance(self.clock, DrivenClock)
        self.clock.advance_to(self.now_ms + span_ms)

    def offer(self, thing: str = "hub-a", minutes: int = 15, household_id: str = "") -> Offer:
        """Make a claim as an operator, who may bring in anew what is there."""
        return self.desk.offer(
            household_id=household_id, thing=thing, installer="Ada", minutes=minutes, rejoin=True
        )

    def create(self, csr: str) -> CsrAccepted | Refusal:
        """Ask for a certificate."""
        with self.database.writing() as connection:
            return self.enrolment.create(connection, csr_request(csr), self.now_ms)

    def register(self, asker: str, token: str) -> RegisterAccepted | Refusal:
        """Register a certificate."""
        with self.database.writing() as connection:
            return self.enrolment.register(connection, asker, register_request(token), self.now_ms)

    def provision(self, thing: str = "hub-a") -> tuple[Key, CsrAccepted]:
        """Bring a hub in by a claim; returns its key and its certificate."""
        offer, key = self.offer(thing), new_key()
        created = accepted(self.create(claim_csr(key, offer.row.claim_id, offer.code)))
        assert self.register(offer.row.claim_id, created.certificate_ownership_token) == (
            RegisterAccepted(thing)
        )
        return key, created

    def records(self, thing: str = "hub-a") -> list[Record]:
        """List a thing's certificates, the newest first."""
        with self.database.reading() as connection:
            return list_of_thing(connection, thing)

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def accepted(answer: CsrAccepted | Refusal) -> CsrAccepted:
    """Take an answer that must be a certificate."""
    assert isinstance(answer, CsrAccepted), answer
    return answer


def code_of(offer: Offer) -> str:
    """Read the code out of what the installer is shown."""
    return read_claim(offer.text).code
