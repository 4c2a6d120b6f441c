"""The fleet's own certificate authority: makes and keeps the keys a self-hosted broker trusts.

Owns the files `ca.crt`, `ca.key`, `server.crt`, `server.key` and `things/<name>.crt|.key` of one
directory. It does not talk to a broker and decides nothing about topics (cloud/fleet/broker.py).
Certificates follow RFC 5280; keys are EC P-256 in PKCS #8, which every TLS client here reads.
"""

import contextlib
import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.clock import Clock
from shared.errors import OperatorError
from shared.topics import SERVICE_PREFIX, check_thing

SERVICES = ("cloud-api", "cloud-ingest")
"""The cloud's own clients, each with a certificate of its own from `Authority.prepare`."""

CA_VALIDITY = timedelta(days=3650)
"""Ten years: replacing the root means visiting every hub."""

LEAF_VALIDITY = timedelta(days=1095)
"""Three years: at least three times the year a hub may lie unplugged in a drawer."""

RENEW_BEFORE = timedelta(days=90)
"""A server or service certificate with less left than this is replaced by `prepare`."""

BACKDATE = timedelta(days=1)
"""A hub whose clock is some hours behind must still accept a certificate made just now."""

KEY_MODE = 0o600
CERTIFICATE_MODE = 0o644
DIRECTORY_MODE = 0o700
TRANSPORT_USES = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
SIGNING_USES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Credentials:
    """The three files a client needs to connect."""

    name: str
    authority: Path
    certificate: Path
    key: Path


class Authority:
    """One directory of certificates and the key that signs them.

    Every method may be called again: what exists and is still good is kept as it is.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory = directory
        self._clock = clock

    @property
    def certificate(self) -> Path:
        """What every client and the broker trust."""
        return self.directory / "ca.crt"

    @property
    def server(self) -> Credentials:
        """The broker's own files; they exist after `prepare`."""
        return self._credentials("server", self.directory)

    def prepare(self) -> list[Credentials]:
        """Make the root, the server's and the services' certificates where they are missing.

        Returns the services' credentials. Raises OperatorError when the root is half there.
        """
        self._make_directories()
        if not self._has_root():
            self._make_root()
        if self._needs_renewal(self.server):
            self._sign(self.server, server=True)
        return [self._ensure(name) for name in SERVICES]

    def issue(self, thing: str) -> Credentials:
        """Make a hub's certificate, its common name the thing name, or return the present one.

        Raises BadInputError for a name that is no thing name, OperatorError for a name that is
        reserved or when `prepare` has not been called.
        """
        if check_thing(thing).startswith(SERVICE_PREFIX):
            raise OperatorError(
                f"thing name {thing!r} is reserved for the cloud's own services",
                hint=f"choose a name that does not begin with {SERVICE_PREFIX!r}",
            )
        if not self._has_root():
            raise OperatorError(
                f"{self.directory} holds no certificate authority",
                hint=f"run 'hearthlink fleet init --state {self.directory}' first",
            )
        return self._ensure(thing)

    def credentials(self, name: str) -> Credentials:
        """Where a thing's or service's files are, whether or not they exist yet."""
        return self._credentials(name, self.directory / "things")

    def _ensure(self, name: str) -> Credentials:
        credentials = self.credentials(check_thing(name))
        if self._needs_renewal(credentials):
            self._sign(credentials, server=False)
        return credentials

    def _credentials(self, name: str, folder: Path) -> Credentials:
        return Credentials(name, self.certificate, folder / f"{name}.crt", folder / f"{name}.key")

    def _make_directories(self) -> None:
        for folder in (self.directory, self.directory / "things"):
            folder.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)

    def _has_root(self) -> bool:
        present = [(self.directory / name).exists() for name in ("ca.crt", "ca.key")]
        if any(present) and not all(present):
            raise OperatorError(
                f"{self.directory} holds only one of ca.crt and ca.key",
                hint="restore the other from its backup, or remove both to start a new fleet",
            )
        return all(present)

    def _make_root(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _common_name("Hearthlink self-hosted fleet")
        certificate = (
            self._builder(name, name, key.public_key(), CA_VALIDITY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(SIGNING_USES, critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self.directory / "ca.key", _pem(key), KEY_MODE)
        _write(self.certificate, _certificate_pem(certificate), CERTIFICATE_MODE)

    def _sign(self, target: Credentials, *, server: bool) -> None:
        root = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        root_key = self._root_key()
        key = ec.generate_private_key(ec.SECP256R1())
        use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            self._builder(_common_name(target.name), root.subject, key.public_key(), LEAF_VALIDITY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(TRANSPORT_USES, critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
                critical=False,
            )
        )
        if server:
            builder = builder.add_extension(_loopback_names(), critical=False)
        certificate = builder.sign(root_key, hashes.SHA256())
        _write(target.key, _pem(key), KEY_MODE)
        _write(target.certificate, _certificate_pem(certificate), CERTIFICATE_MODE)

    def _root_key(self) -> ec.EllipticCurvePrivateKey:
        path = self.directory / "ca.key"
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise OperatorError(
                f"{path} holds a key of another kind ({type(key).__name__})",
                hint="put back the EC key that 'hearthlink fleet init' made",
            )
        return key

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePublicKey,
        validity: timedelta,
    ) -> x509.CertificateBuilder:
        now = self._now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATE)
            .not_valid_after(now + validity)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def _needs_renewal(self, credentials: Credentials) -> bool:
        if not (credentials.key.exists() and credentials.certificate.exists()):
            return True
        certificate = x509.load_pem_x509_certificate(credentials.certificate.read_bytes())
        return certificate.not_valid_after_utc - self._now() < RENEW_BEFORE

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.utc_ms() // 1000, UTC)


def _common_name(value: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, value)])


def _loopback_names() -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ]
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes, mode: int) -> None:
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
