"""The cloud's signature on a report: JWS (RFC 7515) with ES256, its certificates inside.

A report is read years later and elsewhere: the certificates ride in `x5c`, and whoever verifies it
needs nothing but the fleet's root. The type keeps such a signature from meaning anything else.
"""

import datetime as dt
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from shared.errors import BadInputError, OperatorError
from shared.topics import SERVICE_PREFIX

ALGORITHM = "ES256"
TYPE = "hearthlink-report+jws"
MAX_SEALED_BYTES = 1024 * 1024
MAX_CHAIN = 4
"""The service, an intermediate, the root, and one to spare."""


MadeAt = Callable[[bytes], dt.datetime]
"""Reads out of a payload when it was made; raises BadInputError where it does not say."""


class Seal:
    """Signs with one of the cloud's own service keys."""

    def __init__(self, certificate_file: str, key_file: str) -> None:
        """Read both; raises OperatorError where they cannot be used."""
        try:
            chain = x509.load_pem_x509_certificates(Path(certificate_file).read_bytes())
            self._key = ECKey.import_key(Path(key_file).read_bytes())
        except (OSError, ValueError, JoseError) as error:
            raise OperatorError(
                f"reports cannot be signed with {certificate_file!r}, {key_file!r}: {error}",
                hint="name a service's certificate and key, as 'hearthlink fleet init' makes them",
            ) from error
        self._chain = [_der(one) for one in chain]

    def sign(self, payload: bytes) -> str:
        """Sign a payload; the compact form (RFC 7515 §7.1)."""
        chain = [b64encode(one).decode() for one in self._chain]
        header = {"alg": ALGORITHM, "typ": TYPE, "x5c": chain}
        return jws.serialize_compact(header, payload, self._key, registry=_registry())


def verify(sealed: str, authorities: Sequence[x509.Certificate], made_at: MadeAt) -> bytes:
    """Return what was signed; raises BadInputError with the reason where it is not to be trusted.

    The certificates must lead to one of `authorities`, be a service's, and have been valid when
    the payload says that it was made (`made_at` reads that).
    """
    if len(sealed) > MAX_SEALED_BYTES:
        raise BadInputError(f"signature of {len(sealed)} characters")
    try:
        header = jws.extract_compact(sealed.encode("ascii"), registry=_registry()).headers()
        chain = _read_chain(header)
        key = chain[0].public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise BadInputError("its certificate's key is no EC key")
        pem = key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        payload = jws.deserialize_compact(
            sealed, ECKey.import_key(pem), algorithms=[ALGORITHM], registry=_registry()
        ).payload
    except (JoseError, ValueError, UnicodeError) as error:
        raise BadInputError(f"it is not signed as a report is: {error}") from error
    if payload is None:
        raise BadInputError("it signs nothing")
    _check_chain(chain, authorities, made_at(payload))
    return payload


def _registry() -> jws.JWSRegistry:
    registry = jws.JWSRegistry(algorithms=[ALGORITHM])
    registry.max_header_length = MAX_SEALED_BYTES
    registry.max_payload_length = MAX_SEALED_BYTES
    return registry


def _read_chain(header: dict[str, Any]) -> list[x509.Certificate]:
    chain = header.get("x5c")
    if header.get("typ") != TYPE or not isinstance(chain, list) or not 0 < len(chain) <= MAX_CHAIN:
        raise BadInputError("it is not signed as a report is")
    return [x509.load_der_x509_certificate(b64decode(str(one), validate=True)) for one in chain]


def _check_chain(
    chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], at: dt.datetime
) -> None:
    names = chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = str(names[0].value) if len(names) == 1 else ""
    if not name.startswith(SERVICE_PREFIX):
        raise BadInputError(f"{name or 'its signer'} is no service of the cloud's")
    for place, one in enumerate(chain):
        if not one.not_valid_before_utc <= at <= one.not_valid_after_utc:
            raise BadInputError(f"certificate {place + 1} was not valid when it was made")
        if one in authorities or any(_is_issued_by(one, root) for root in authorities):
            return
        if place + 1 == len(chain) or not _is_issued_by(one, chain[place + 1]):
            break
    raise BadInputError(
        "it was not signed by this fleet", hint="give the fleet's root with --authority"
    )


def _is_issued_by(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        one.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return constraints.ca


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
