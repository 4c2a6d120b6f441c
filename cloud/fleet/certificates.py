"""What a fleet's certificates and revocation lists say, and how they are written to files.

Follows RFC 5280; keys are EC P-256 in PKCS #8, which every TLS client here reads. Knows no folder:
which files there are is authority.py's business.
"""

import contextlib
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.errors import OperatorError
from shared.units import MS_PER_SECOND

BACKDATE = timedelta(days=1)
"""A hub whose clock is some hours behind must still accept a certificate made just now."""

_USES = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}
TRANSPORT_USES = x509.KeyUsage(**{**_USES, "digital_signature": True})
SIGNING_USES = x509.KeyUsage(**{**_USES, "key_cert_sign": True, "crl_sign": True})


@dataclass(frozen=True)
class Issuer:
    """A certificate that signs others, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Revoked(NamedTuple):
    """One line of a revocation list; `is_final` is false for a hub that may be let in again."""

    serial: int
    revoked_at: datetime
    is_final: bool


class Span(NamedTuple):
    """From when and until when a certificate is valid."""

    start: datetime
    end: datetime


def utc(epoch_ms: int) -> datetime:
    """Write an instant as certificates do, in whole seconds."""
    return datetime.fromtimestamp(epoch_ms // MS_PER_SECOND, UTC)


def epoch_ms(instant: datetime) -> int:
    """Read an instant of a certificate."""
    return int(instant.timestamp()) * MS_PER_SECOND


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def make_root(
    name: str, key: ec.EllipticCurvePrivateKey, span: Span, path_length: int
) -> x509.Certificate:
    """Make a root: `path_length` 0 signs leaves itself, 1 has issuers below it."""
    subject = common_name(name)
    return _authority_builder(subject, subject, key.public_key(), span, path_length).sign(
        key, hashes.SHA256()
    )


def make_issuer(
    name: str, key: ec.EllipticCurvePublicKey, span: Span, root: Issuer
) -> x509.Certificate:
    """Make the certificate of an issuer below a root."""
    builder = _authority_builder(common_name(name), root.certificate.subject, key, span, 0)
    return builder.add_extension(_key_id_of(root), critical=False).sign(root.key, hashes.SHA256())


def make_leaf(
    name: str,
    key: ec.EllipticCurvePublicKey,
    span: Span,
    issuer: Issuer,
    server_names: Sequence[str] = (),
) -> x509.Certificate:
    """Make a client's certificate, or a server's where names are given."""
    use = ExtendedKeyUsageOID.SERVER_AUTH if server_names else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(common_name(name), issuer.certificate.subject, key, span)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(TRANSPORT_USES, critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(_key_id_of(issuer), critical=False)
    )
    if server_names:
        names = x509.SubjectAlternativeName([_general_name(one) for one in server_names])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def make_revocation_list(
    issuer: Issuer, revoked: Sequence[Revoked], span: Span, number: int
) -> x509.CertificateRevocationList:
    """Make a list that holds until the span's end (nextUpdate); `number` only rises."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(span.start)
        .next_update(span.end)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_key_id_of(issuer), critical=False)
    )
    for one in revoked:
        reason = x509.ReasonFlags.superseded if one.is_final else x509.ReasonFlags.certificate_hold
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(one.serial)
            .revocation_date(one.revoked_at)
            .add_extension(x509.CRLReason(reason), critical=False)
            .build()
        )
    return builder.sign(issuer.key, hashes.SHA256())


def common_name(value: str) -> x509.Name:
    """Write a subject that has a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, value)])


def names_of(certificate: x509.Certificate) -> list[str]:
    """List the names that a server's certificate answers to."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in found]


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Read the certificates of a PEM file; raises OperatorError where there is none."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"{path} holds no certificate: {error}", hint="put it back from its backup"
        ) from error


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a key that signs; raises OperatorError where it is of another kind."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise OperatorError(
            f"{path} holds a key of another kind ({type(key).__name__})",
            hint="put back the EC key that 'hearthlink fleet init' made",
        )
    return key


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def pem(*certificates: x509.Certificate) -> bytes:
    """Write a certificate and those that follow it as PEM."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Put the file in place whole or not at all, never readable by others on the way."""
    draft = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _authority_builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    span: Span,
    path_length: int,
) -> x509.CertificateBuilder:
    return (
        _builder(subject, issuer, key, span)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(SIGNING_USES, critical=True)
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, span: Span
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(span.start)
        .not_valid_after(span.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_id_of(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
