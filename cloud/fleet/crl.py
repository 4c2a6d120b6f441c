"""The certificate revocation list as a file: what stands in it, and how long the broker takes it.

A list past its nextUpdate makes Mosquitto refuse every hub, so it is refreshed long before, and
whoever looks is told long before too. Who is on it is decided in revocation.py.
"""

import enum
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloud.fleet.certificates import (
    BACKDATE,
    Issuer,
    Revoked,
    Span,
    epoch_ms,
    make_revocation_list,
    utc,
    write_file,
)
from shared.units import MS_PER_DAY, MS_PER_SECOND

FILE_NAME = "ca.crl"
FILE_MODE = 0o644

VALIDITY_DAYS = 30
"""A fleet whose device service is down for a month is looked after by nobody."""

REFRESH_BEFORE_DAYS = 20
"""With less left than this it is written anew: ten days after it was."""

ALARM_BEFORE_DAYS = 10
"""With less left than this the refresh has failed for ten days, and hubs are refused in ten."""


class Standing(enum.StrEnum):
    """How long a list still holds."""

    OK = "ok"
    DUE = "due"
    EXPIRED = "expired"
    MISSING = "missing"


class RevocationList(NamedTuple):
    """What a file says; `number` is 0 where there is none."""

    number: int = 0
    next_update_ms: int = 0
    revoked: tuple[Revoked, ...] = ()

    @property
    def serials(self) -> frozenset[int]:
        """The certificates that are refused."""
        return frozenset(one.serial for one in self.revoked)

    def standing(self, now_ms: int) -> Standing:
        """Tell whether the list holds, and whether someone must look."""
        if self.number == 0:
            return Standing.MISSING
        if self.next_update_ms <= now_ms:
            return Standing.EXPIRED
        left_ms = self.next_update_ms - now_ms
        return Standing.DUE if left_ms < ALARM_BEFORE_DAYS * MS_PER_DAY else Standing.OK

    def is_stale(self, now_ms: int) -> bool:
        """Tell whether it is time to write it anew."""
        return self.next_update_ms - now_ms < REFRESH_BEFORE_DAYS * MS_PER_DAY


def read_list(path: Path) -> RevocationList:
    """Read a list; one that is missing or damaged is told by its number 0."""
    try:
        found = x509.load_pem_x509_crl(path.read_bytes())
        number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (OSError, ValueError, x509.ExtensionNotFound):
        return RevocationList()
    end = found.next_update_utc
    revoked = tuple(_read_line(one) for one in found)
    return RevocationList(number, 0 if end is None else epoch_ms(end), revoked)


class ListFile:
    """A list that is looked things up in, and read again once the file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int], frozenset[int]] | None = None

    def holds(self, serial: int) -> bool:
        """Tell whether a certificate is on it; not where there is no list."""
        try:
            found = self._path.stat()
        except OSError:
            return False
        state = (found.st_ino, found.st_mtime_ns, found.st_size)
        known = self._read
        if known is None or known[0] != state:
            known = self._read = (state, read_list(self._path).serials)
        return serial in known[1]


def write_list(
    path: Path, issuer: Issuer, revoked: Sequence[Revoked], now_ms: int
) -> RevocationList:
    """Write a list that holds from now on; the old one stays until it is whole."""
    number = max(read_list(path).number + 1, now_ms // MS_PER_SECOND)
    now = utc(now_ms)
    # Backdated as certificates are: a broker some hours behind must take it too.
    span = Span(now - BACKDATE, now + timedelta(days=VALIDITY_DAYS))
    made = make_revocation_list(issuer, revoked, span, number)
    write_file(path, made.public_bytes(serialization.Encoding.PEM), FILE_MODE)
    return RevocationList(number, epoch_ms(span.end), tuple(revoked))


def _read_line(line: x509.RevokedCertificate) -> Revoked:
    try:
        reason = line.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        reason = x509.ReasonFlags.unspecified
    is_final = reason is not x509.ReasonFlags.certificate_hold
    return Revoked(line.serial_number, line.revocation_date_utc, is_final)
