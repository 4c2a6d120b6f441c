"""How a hub gets its certificate: AWS IoT fleet provisioning's messages, and the proof in a CSR.

The same messages go to AWS IoT Core and to our own device service. AWS binds an answer to the
connection that asked; a plain broker does not, so a CSR for our own service carries a proof of who
asks in its `challengePassword` (RFC 2985 §5.4.1).

Before that a claim is redeemed, and after a too long sleep a certificate renewed, over HTTPS; the
bodies of these requests stand here too. Pure.
"""

import base64
import hashlib
import hmac
from typing import TypeVar

import msgspec

from shared.errors import BadInputError

REDEEM_PATH = "/v1/claims/redeem"
"""Where a claim becomes a certificate of some minutes; whoever has the code may ask."""

AUTHORITY_PATH = "/v1/fleet/authority"
"""Where the authority is read by whoever has its pin."""

RENEW_PATH = "/v1/fleet/renew"
"""Where a hub whose certificate has expired asks for another, signed as any hub's request."""

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


class Rejected(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A refusal of either; `status_code` as in HTTP.

    Our own service answers a CSR with `key_id`, what `key_id_of` says of the CSR's key: on a plain
    broker a hub takes no refusal of another key for its own. AWS says none.
    """

    status_code: int
    error_code: str
    error_message: str
    key_id: str = ""


class RedeemRequest(msgspec.Struct, frozen=True):
    """Redeems a claim; the CSR (PEM) is of the claim key, its subject is not looked at.

    The first key that comes with a code has the claim; the same key again is answered the same.
    """

    code: str
    csr: str


class RedeemAnswer(msgspec.Struct, frozen=True):
    """What a hub provisions with, and where; every certificate is PEM.

    `claim_certificate` is followed by those between it and the authority; its common name is the
    MQTT client id. `private_key` is empty but on AWS, which makes the key of a claim itself.
    `authority` is what the broker's certificate is judged by; `template` goes into the topic of
    RegisterThing, `parameters` into its request.
    """

    thing: str
    claim_certificate: str
    expires_at_ms: int
    template: str
    host: str
    port: int
    authority: str
    uplink_kind: str = "mqtt"
    frames_prefix: str = ""
    parameters: dict[str, str] = {}
    private_key: str = ""


class AuthorityAnswer(msgspec.Struct, frozen=True):
    """The authority's certificate (PEM), whose DER `shared.claims.pin_of` is a claim's pin."""

    authority: str


class RenewRequest(msgspec.Struct, frozen=True):
    """Asks for a certificate of a new key after the present one expired.

    The CSR is as for a renewal over MQTT: common name the thing, proof by the expired key.
    """

    csr: str


class RenewAnswer(msgspec.Struct, frozen=True):
    """The new certificate (PEM), followed by those between it and the authority."""

    certificate: str


Message = TypeVar(
    "Message",
    CsrRequest,
    CsrAccepted,
    RegisterRequest,
    RegisterAccepted,
    Rejected,
    RedeemRequest,
    RedeemAnswer,
    AuthorityAnswer,
    RenewRequest,
    RenewAnswer,
)


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


def key_id_of(public_key_der: bytes) -> str:
    """Name a public key (SPKI DER) by its SHA-256 in hexadecimal."""
    return hashlib.sha256(public_key_der).hexdigest()


def claim_proof(claim_key: bytes, public_key_der: bytes) -> str:
    """Write the proof that the holder of a claim asks, for a CSR of this public key (SPKI DER)."""
    return base64.b64encode(hmac.digest(claim_key, public_key_der, hashlib.sha256)).decode()


def renewal_statement(public_key_der: bytes) -> bytes:
    """Write what a hub's present key signs (ECDSA, SHA-256) to ask for a certificate of a new one.

    The signature, DER in Base64, is the proof in the CSR.
    """
    return RENEWAL_CONTEXT + hashlib.sha256(public_key_der).digest()
