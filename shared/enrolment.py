"""How a hub gets its certificate: AWS IoT fleet provisioning's messages, and the proof in a CSR.

The same messages go to AWS IoT Core and to our own device service. AWS binds an answer to the
connection that asked; a plain broker does not, so a CSR for our own service carries a proof of who
asks in its `challengePassword` (RFC 2985 §5.4.1). Pure.
"""

import base64
import hashlib
import hmac
from typing import TypeVar

import msgspec

from shared.errors import BadInputError

MAX_ENROLMENT_BYTES = 16 * 1024
"""A CSR has under 1 KB, a certificate with its chain under 4 KB."""

RENEWAL_CONTEXT = b"hearthlink renewal v1\0"
"""Put before the new key where the old one signs it: that signature means nothing else."""


class CsrRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Asks for a certificate (CreateCertificateFromCsr); the CSR is PEM."""

    certificate_signing_request: str


class CsrAccepted(msgspec.Struct, frozen=True, rename="camel"):
    """The certificate, not yet any thing's; the token allows to register it.

    On a plain broker every asker hears every answer: a hub takes the one that holds its own key.
    """

    certificate_ownership_token: str
    certificate_id: str
    certificate_pem: str


class RegisterRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Makes the certificate a thing's (RegisterThing); `parameters` as the template asks."""

    certificate_ownership_token: str
    parameters: dict[str, str] = {}


class RegisterAccepted(msgspec.Struct, frozen=True, rename="camel"):
    """The certificate is this thing's now."""

    thing_name: str
    device_configuration: dict[str, str] = {}


class Rejected(msgspec.Struct, frozen=True, rename="camel"):
    """A refusal of either; `status_code` as in HTTP."""

    status_code: int
    error_code: str
    error_message: str


Message = TypeVar("Message", CsrRequest, CsrAccepted, RegisterRequest, RegisterAccepted, Rejected)


def decode_enrolment(kind: type[Message], payload: bytes) -> Message:
    """Decode a message; raises BadInputError where it is too long or not one."""
    if len(payload) > MAX_ENROLMENT_BYTES:
        raise BadInputError(
            f"{kind.__name__} of {len(payload)} bytes; {MAX_ENROLMENT_BYTES} at most"
        )
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"not a {kind.__name__}: {error}") from error


def claim_proof(claim_key: bytes, public_key_der: bytes) -> str:
    """Write the proof that the holder of a claim asks, for a CSR of this public key (SPKI DER)."""
    return base64.b64encode(hmac.digest(claim_key, public_key_der, hashlib.sha256)).decode()


def renewal_statement(public_key_der: bytes) -> bytes:
    """Write what a hub's present key signs (ECDSA, SHA-256) to ask for a certificate of a new one.

    The signature, DER in Base64, is the proof in the CSR.
    """
    return RENEWAL_CONTEXT + hashlib.sha256(public_key_der).digest()
