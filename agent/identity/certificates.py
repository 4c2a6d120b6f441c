"""What the hub reads out of certificates, and the requests it writes. Pure: bytes in, bytes out."""

import base64
import datetime as dt
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, NameOID

from shared.enrolment import renewal_statement
from shared.errors import BadInputError
from shared.units import MS_PER_SECOND


class Facts(NamedTuple):
    """What matters of a certificate; times in UTC epoch milliseconds."""

    name: str
    begins_ms: int
    expires_ms: int
    fingerprint: str
    public_key_der: bytes


def read_facts(pem: str) -> Facts:
    """Read the first certificate of a PEM text; raises BadInputError where there is none."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError as error:
        raise BadInputError(f"not a certificate: {error}") from error
    return Facts(
        str(names[0].value) if names else "",
        _ms(certificate.not_valid_before_utc),
        _ms(certificate.not_valid_after_utc),
        certificate.fingerprint(hashes.SHA256()).hex(),
        key,
    )


def der_of(pem: str) -> bytes:
    """Write the first certificate of a PEM text as DER; raises BadInputError."""
    try:
        return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    except ValueError as error:
        raise BadInputError(f"not a certificate: {error}") from error


def public_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a key's public half (SPKI, DER)."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def make_csr(key: ec.EllipticCurvePrivateKey, name: str, proof: str = "") -> str:
    """Write a request for a certificate of this key (PEM); `proof` is why it should be given."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if proof:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, proof.encode("ascii"))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def renewal_proof(
    present: ec.EllipticCurvePrivateKey, following: ec.EllipticCurvePrivateKey
) -> str:
    """Let the present key say that a certificate of the following one is wanted."""
    statement = renewal_statement(public_der(following))
    return base64.b64encode(present.sign(statement, ec.ECDSA(hashes.SHA256()))).decode()


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp()) * MS_PER_SECOND
