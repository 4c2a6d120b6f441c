"""Which certificate signing requests are signed: the key, the form, the name and the proof.

Reads what strangers send and signs nothing. Who may ask at all is decided in enrolment.py; here is
only what a request must be, whoever asks (PKCS #10, RFC 2986).
"""

import binascii
import hmac
from base64 import b64decode
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AttributeOID, NameOID

from shared.enrolment import claim_proof, key_id_of, renewal_statement
from shared.errors import BadInputError

MAX_CSR_CHARS = 4_096
"""A request for a P-256 key with a proof has under 700."""

MAX_PROOF_CHARS = 256
SIGNATURE_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class Csr(NamedTuple):
    """A request that may be signed; `name` is "" where its subject is not one common name."""

    key: ec.EllipticCurvePublicKey
    key_der: bytes
    key_id: str
    name: str
    proof: str


class CsrError(BadInputError):
    """A request that is not signed; `key_id` names its key as far as it could be read."""

    def __init__(self, message: str, key_id: str = "", *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.key_id = key_id


def read_csr(text: str) -> Csr:
    """Read a request; raises CsrError unless it is for a P-256 key, signed by it, and plain.

    Plain means no attribute but `challengePassword`: a hub has no say in what its certificate is
    good for, and whoever wants an extension is no hub.
    """
    if len(text) > MAX_CSR_CHARS:
        raise CsrError(f"a request of {len(text)} characters; {MAX_CSR_CHARS} at most")
    try:
        csr = x509.load_pem_x509_csr(text.encode())
        key = csr.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CsrError(f"no certificate signing request of a key we know: {error}") from error
    key_der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key_id = key_id_of(key_der)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CsrError("its key is no EC key on P-256", key_id, hint="make an EC P-256 key")
    _check_signature(csr, key_id)
    return Csr(key, key_der, key_id, _name_of(csr), _proof_of(csr, key_id))


def check_claim_proof(csr: Csr, claim_key: bytes) -> None:
    """Raise CsrError unless the request shows that its maker holds the claim."""
    wanted = claim_proof(claim_key, csr.key_der)
    # In constant time: how long a wrong proof takes must not tell how wrong it is.
    if not hmac.compare_digest(csr.proof.encode(), wanted.encode()):
        raise CsrError("its challengePassword does not prove the claim", csr.key_id)


def check_renewal_proof(csr: Csr, present: ec.EllipticCurvePublicKey) -> None:
    """Raise CsrError unless the present key has signed that its thing changes to this one."""
    try:
        signature = b64decode(csr.proof, validate=True)
        present.verify(signature, renewal_statement(csr.key_der), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise CsrError("its challengePassword is not signed by the present key", csr.key_id) from (
            error
        )


def _check_signature(csr: x509.CertificateSigningRequest, key_id: str) -> None:
    try:
        is_good = csr.is_signature_valid and isinstance(
            csr.signature_hash_algorithm, SIGNATURE_HASHES
        )
    except (ValueError, UnsupportedAlgorithm):
        is_good = False
    if not is_good:
        raise CsrError("its signature is not its own key's", key_id)


def _name_of(csr: x509.CertificateSigningRequest) -> str:
    """Read the one common name; any other subject is no name of ours."""
    attributes = list(csr.subject)
    if len(attributes) != 1 or attributes[0].oid != NameOID.COMMON_NAME:
        return ""
    return str(attributes[0].value)


def _proof_of(csr: x509.CertificateSigningRequest, key_id: str) -> str:
    try:
        attributes = list(csr.attributes)
        if any(one.oid != AttributeOID.CHALLENGE_PASSWORD for one in attributes):
            raise CsrError("it asks for extensions", key_id, hint="leave them out")
        if not attributes:
            return ""
        proof: str = attributes[0].value.decode("ascii")
    except ValueError as error:
        raise CsrError(f"its attributes cannot be read: {error}", key_id) from error
    if len(attributes) > 1 or len(proof) > MAX_PROOF_CHARS:
        raise CsrError("its challengePassword is too long, or not one", key_id)
    return proof
