"""The fleet's own certificate authority: makes and keeps the keys a self-hosted broker trusts.

Owns the files of one directory: `ca.crt` with `ca.key` (one root that signs everything), or
`ca.crt` with `issuer.crt` and `issuer.key` (the root's key is kept elsewhere, offline), `ca.crl`,
`server.crt|.key` and `things/<name>.crt|.key`. It does not talk to a broker and decides nothing
about topics (cloud/fleet/broker.py) or about who may have a certificate (cloud/fleet/enrolment.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from cloud.fleet.certificates import (
    BACKDATE,
    Issuer,
    Revoked,
    Span,
    key_pem,
    make_issuer,
    make_leaf,
    make_root,
    names_of,
    new_key,
    pem,
    read_certificates,
    read_key,
    utc,
    write_file,
)
from cloud.fleet.crl import FILE_NAME as REVOCATIONS_NAME
from cloud.fleet.crl import RevocationList, read_list, write_list
from shared.clock import Clock
from shared.errors import BadInputError, OperatorError
from shared.topics import check_hub, check_thing

SERVICES = ("cloud-api", "cloud-devices", "cloud-ingest")
"""The cloud's own clients, each with a certificate of its own from `Authority.prepare`."""

ROOT_VALIDITY = timedelta(days=10_950)
"""Thirty years: replacing the root means visiting every hub, and one that joins a fleet of
seventeen years is to have ten, and a last certificate that is not cut short by the root's end."""

ISSUER_VALIDITY = timedelta(days=3650)
"""Ten: below a root that is offline this is what is replaced, under the same key."""

LONGEST_OFFLINE = timedelta(days=365)
"""How long a hub may lie unplugged in a drawer and go on by itself afterwards."""

LEAF_VALIDITY = 3 * LONGEST_OFFLINE
"""Renewed at two thirds, a hub that falls asleep just before still has a year."""

RENEW_BEFORE = timedelta(days=90)
"""A server or service certificate with less left than this is replaced by `prepare`."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
ROOT_NAME = "Hearthlink self-hosted fleet"
ISSUER_NAME = "Hearthlink self-hosted issuer"

KEY_MODE = 0o600
CERTIFICATE_MODE = 0o644
DIRECTORY_MODE = 0o700


@dataclass(frozen=True)
class Credentials:
    """The three files a client needs to connect."""

    name: str
    authority: Path
    certificate: Path
    key: Path


class Issued(NamedTuple):
    """A certificate just signed, and its PEM with what stands between it and the root."""

    certificate: x509.Certificate
    chain_pem: str


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
    def revocations(self) -> Path:
        """The revocation list that the broker reads."""
        return self.directory / REVOCATIONS_NAME

    @property
    def issuer_certificate(self) -> Path:
        """What signs hubs' certificates: the issuer, or the root where it does so itself."""
        issuer = self.directory / "issuer.crt"
        return issuer if issuer.exists() else self.certificate

    @property
    def server(self) -> Credentials:
        """The broker's own files; they exist after `prepare`."""
        return self._credentials("server", self.directory)

    def prepare(self, root: Path | None = None, hosts: Sequence[str] = ()) -> list[Credentials]:
        """Make the root, the server's and the services' certificates where they are missing.

        `root` is another folder, which keeps the root's key: it is made there where it is missing,
        and signs an issuer for this one. `hosts` are names the server answers to besides those it
        has. Returns the services' credentials. Raises OperatorError when the root is half there, or
        where a root that signs by itself is to have an issuer.
        """
        self._make_directories()
        if root is not None:
            self._prepare_issuer(root)
        elif not self._has_root():
            self._make_root(self.directory, path_length=0)
        known = read_list(self.revocations)
        if known.is_stale(self._clock.utc_ms()):
            self.publish(known.revoked)
        self._prepare_server(hosts)
        return [self._ensure(name) for name in SERVICES]

    def issue(self, thing: str) -> Credentials:
        """Make a hub's key and certificate, its common name the thing name, or find the present.

        For a hub whose files are carried to it by hand. Raises BadInputError for a name that is no
        thing name, OperatorError for a name that is reserved or when `prepare` has not been called.
        """
        check_thing(thing)
        try:
            check_hub(thing)
        except BadInputError as error:
            raise OperatorError(error.message, hint=error.hint) from error
        self.check()
        return self._ensure(thing)

    def check(self) -> None:
        """Raise OperatorError where there is no root yet."""
        if not self._has_root():
            raise OperatorError(
                f"{self.directory} holds no certificate authority",
                hint=f"run 'hearthlink fleet init --state {self.directory}' first",
            )

    def sign(self, name: str, key: ec.EllipticCurvePublicKey, validity: timedelta) -> Issued:
        """Sign a client's certificate; it ends with its issuer's at the latest."""
        issuer = self.issuer()
        made = make_leaf(name, key, self._span(validity, issuer), issuer)
        return Issued(made, pem(made, *self._between()).decode("ascii"))

    def issuer(self) -> Issuer:
        """Read what signs; raises OperatorError where it cannot be read."""
        path = self.issuer_certificate
        return Issuer(read_certificates(path)[0], read_key(path.with_suffix(".key")))

    def publish(self, revoked: Sequence[Revoked]) -> RevocationList:
        """Write the revocation list anew; the broker reads it when it is told to."""
        return write_list(self.revocations, self.issuer(), revoked, self._clock.utc_ms())

    def credentials(self, name: str) -> Credentials:
        """Where a thing's or service's files are, whether or not they exist yet."""
        return self._credentials(name, self.directory / "things")

    def _ensure(self, name: str) -> Credentials:
        credentials = self.credentials(check_thing(name))
        if self._needs_renewal(credentials):
            key = new_key()
            issued = self.sign(name, key.public_key(), LEAF_VALIDITY)
            self._write(credentials, key, issued.chain_pem)
        return credentials

    def _prepare_server(self, hosts: Sequence[str]) -> None:
        names = list(LOOPBACK_NAMES)
        if self.server.certificate.exists():
            names = names_of(read_certificates(self.server.certificate)[0])
        wanted = [*names, *(host for host in hosts if host not in names)]
        if wanted == names and not self._needs_renewal(self.server):
            return
        issuer, key = self.issuer(), new_key()
        span = self._span(LEAF_VALIDITY, issuer)
        made = make_leaf("server", key.public_key(), span, issuer, wanted)
        self._write(self.server, key, pem(made, *self._between()).decode("ascii"))

    def _prepare_issuer(self, root: Path) -> None:
        if (self.directory / "ca.key").exists():
            raise OperatorError(
                f"the root in {self.directory} signs by itself and can have no issuer",
                hint="go on without --root, or begin a new fleet in another folder",
            )
        root.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        if not (root / "ca.key").exists():
            self._make_root(root, path_length=1)
        signer = Issuer(read_certificates(root / "ca.crt")[0], read_key(root / "ca.key"))
        if self.certificate.exists() and read_certificates(self.certificate)[0] != (
            signer.certificate
        ):
            raise OperatorError(
                f"{root} holds another root than {self.certificate}",
                hint="give the folder of this fleet's own root",
            )
        target = self._credentials("issuer", self.directory)
        if self._needs_renewal(target, LEAF_VALIDITY):
            # The key stays: what it has signed goes on being good below the new certificate.
            key = read_key(target.key) if target.key.exists() else new_key()
            span = self._span(ISSUER_VALIDITY, signer)
            made = make_issuer(ISSUER_NAME, key.public_key(), span, signer)
            self._write(target, key, pem(made).decode("ascii"))
        write_file(self.certificate, pem(signer.certificate), CERTIFICATE_MODE)

    def _between(self) -> list[x509.Certificate]:
        """List what stands between a leaf and the root."""
        path = self.issuer_certificate
        return [] if path == self.certificate else read_certificates(path)[:1]

    def _credentials(self, name: str, folder: Path) -> Credentials:
        return Credentials(name, self.certificate, folder / f"{name}.crt", folder / f"{name}.key")

    def _make_directories(self) -> None:
        for folder in (self.directory, self.directory / "things"):
            folder.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)

    def _has_root(self) -> bool:
        issuer = all((self.directory / name).exists() for name in ("issuer.crt", "issuer.key"))
        key = issuer or (self.directory / "ca.key").exists()
        if key != self.certificate.exists():
            raise OperatorError(
                f"{self.directory} holds only one of ca.crt and ca.key",
                hint="restore the other from its backup, or remove both to start a new fleet",
            )
        return key

    def _make_root(self, folder: Path, *, path_length: int) -> None:
        key = new_key()
        now = self._now()
        made = make_root(ROOT_NAME, key, Span(now - BACKDATE, now + ROOT_VALIDITY), path_length)
        write_file(folder / "ca.key", key_pem(key), KEY_MODE)
        write_file(folder / "ca.crt", pem(made), CERTIFICATE_MODE)

    def _write(self, target: Credentials, key: ec.EllipticCurvePrivateKey, chain: str) -> None:
        write_file(target.key, key_pem(key), KEY_MODE)
        write_file(target.certificate, chain.encode("ascii"), CERTIFICATE_MODE)

    def _span(self, validity: timedelta, signer: Issuer) -> Span:
        now = self._now()
        return Span(now - BACKDATE, min(now + validity, signer.certificate.not_valid_after_utc))

    def _needs_renewal(self, credentials: Credentials, before: timedelta = RENEW_BEFORE) -> bool:
        if not (credentials.key.exists() and credentials.certificate.exists()):
            return True
        certificate = read_certificates(credentials.certificate)[0]
        return certificate.not_valid_after_utc - self._now() < before

    def _now(self) -> datetime:
        return utc(self._clock.utc_ms())
