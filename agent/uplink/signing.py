"""Signs requests with the hub's key. Reads the key and the certificate; opens no connection."""

import ssl

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.uplink.access import CloudAccess
from shared import hubrequests
from shared.errors import OperatorError

COORDINATE_BYTES = 32
"""A P-256 signature on the wire is r and s, 32 bytes each (RFC 9421 §3.3.4)."""

Headers = list[tuple[str, str]]


class Signer:
    """The hub's key and certificate, ready to sign."""

    def __init__(self, access: CloudAccess) -> None:
        """Read both; raises OperatorError where the key is none that signs these requests."""
        certificate = ssl.PEM_cert_to_DER_cert(_first_certificate(access))
        self._key = _read_key(access)
        self._key_id = hubrequests.key_id_of(certificate)
        self._certificate = hubrequests.byte_sequence(certificate)

    def sign(self, path: str, body: bytes, created_s: int) -> Headers:
        """Make the header fields that prove who sends this body to this path, and when."""
        digest = hubrequests.content_digest(body)
        parameters = hubrequests.signature_parameters(self._key_id, created_s)
        base = hubrequests.signature_base(path, digest, parameters)
        r, s = decode_dss_signature(self._key.sign(base, ec.ECDSA(hashes.SHA256())))
        signature = b"".join(number.to_bytes(COORDINATE_BYTES, "big") for number in (r, s))
        return [
            ("content-digest", digest),
            (hubrequests.CERTIFICATE_FIELD, self._certificate),
            ("signature-input", f"{hubrequests.LABEL}={parameters}"),
            ("signature", f"{hubrequests.LABEL}={hubrequests.byte_sequence(signature)}"),
        ]


def _first_certificate(access: CloudAccess) -> str:
    """Read the hub's own certificate; those between it and the authority may follow it."""
    own, end, _ = access.certificate_file.read_text().strip().partition(ssl.PEM_FOOTER)
    return own + end


def _read_key(access: CloudAccess) -> ec.EllipticCurvePrivateKey:
    if access.token_key is not None:
        return access.token_key.open()
    if access.key_file is None:
        raise OperatorError("no private key is named", hint="provision the hub")
    try:
        key = load_pem_private_key(access.key_file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise OperatorError(
            f"the private key {access.key_file} cannot be read: {error}",
            hint="copy the file that 'hearthlink fleet issue' made",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise OperatorError(
            f"the private key {access.key_file} is no EC key on P-256",
            hint="https signs requests with ecdsa-p256-sha256: issue the certificate anew",
        )
    return key
