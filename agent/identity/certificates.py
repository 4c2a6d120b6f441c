"""What the hub reads out of certificates, and the requests it writes. Pure: bytes in, bytes out."""

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from agent.identity.x509 import read_certificate
from shared.enrolment import renewal_statement

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec


class Facts(NamedTuple):
    """What matters of a certificate; times in UTC epoch milliseconds."""

    name: str
    begins_ms: int
    expires_ms: int
    fingerprint: str
    public_key_der: bytes


def read_facts(pem: str) -> Facts:
    """Read the first certificate of a PEM text; raises BadInputError where there is none."""
    read = read_certificate(pem)
    return Facts(
        read.name,
        read.not_before_ms,
        read.not_after_ms,
        hashlib.sha256(read.der).hexdigest(),
        read.public_key_der,
    )


def der_of(pem: str) -> bytes:
    """Write the first certificate of a PEM text as DER; raises BadInputError."""
    return read_certificate(pem).der


def public_der(key: "ec.EllipticCurvePrivateKey") -> bytes:
    """Write a key's public half (SPKI, DER)."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 (weighs 8 MB)
        Encoding,
        PublicFormat,
    )

    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def make_csr(key: "ec.EllipticCurvePrivateKey", name: str, proof: str = "") -> str:
    """Write a request for a certificate of this key (PEM); `proof` is why it should be given."""
    from cryptography import x509  # noqa: PLC0415 (as above)
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 (as above)
    from cryptography.x509.oid import AttributeOID, NameOID  # noqa: PLC0415 (as above)

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if proof:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, proof.encode("ascii"))
    request = builder.sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def renewal_proof(
    present: "ec.EllipticCurvePrivateKey", following: "ec.EllipticCurvePrivateKey"
) -> str:
    """Let the present key say that a certificate of the following one is wanted."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 (as above)
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 (as above)

    statement = renewal_statement(public_der(following))
    return base64.b64encode(present.sign(statement, ec.ECDSA(hashes.SHA256()))).decode()
