"""The certificates of hubs as rows: which there are, whose, and how each stands. Commits nothing.

Whoever changes how a thing's certificates stand takes the hub's row lock first
(cloud/households/repository.py).
"""

import enum
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from cloud.fleet.certificates import epoch_ms, pem
from cloud.fleettables import certificates
from cloud.writes import upsert
from shared.enrolment import key_id_of
from shared.units import MS_PER_DAY

MAX_NAMED = 1_000
"""Certificates that one statement names: within what every database takes."""

PENDING_MS = MS_PER_DAY
"""A hub that was cut off between its certificate and its registration goes on within a day."""


class Status(enum.StrEnum):
    """How a certificate stands.

    Pending until it is registered; active from then on; superseded once its successor was seen in
    use, or when it was not registered in time; revoked with its thing. The last two are on the
    revocation list.
    """

    PENDING = "pending"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"


class Record(NamedTuple):
    """A certificate; `asker` is the identity that asked for it, a claim's or the thing's own.

    `seen_at_ms` is when the thing was first known to use it.
    """

    certificate_id: str
    household_id: str
    thing: str
    serial: str
    key_id: str
    asker: str
    status: str
    issued_at_ms: int
    not_after_ms: int
    changed_at_ms: int
    seen_at_ms: int | None
    token: str
    token_expires_at_ms: int
    pem: str

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        return x509.load_pem_x509_certificate(self.pem.encode("ascii"))


_COLUMNS = [certificates.c[name] for name in Record._fields]


def record_of(
    certificate: x509.Certificate,
    *,
    thing: str,
    household_id: str,
    asker: str,
    status: Status,
    now_ms: int,
    chain_pem: str = "",
) -> Record:
    """Describe a certificate as a row, without a token."""
    key_der = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Record(
        certificate_id=certificate.fingerprint(hashes.SHA256()).hex(),
        household_id=household_id,
        thing=thing,
        serial=f"{certificate.serial_number:x}",
        key_id=key_id_of(key_der),
        asker=asker,
        status=status,
        issued_at_ms=now_ms,
        not_after_ms=epoch_ms(certificate.not_valid_after_utc),
        changed_at_ms=now_ms,
        seen_at_ms=None,
        token="",
        token_expires_at_ms=0,
        pem=chain_pem or pem(certificate).decode("ascii"),
    )


def add_record(connection: Connection, record: Record) -> None:
    """Add a row, unless the same asker has one of the same key already."""
    upsert(connection, certificates, [record._asdict()], keys=("asker", "key_id"))


def find_asked(connection: Connection, asker: str, key_id: str) -> Record | None:
    """Find what this asker was given for this key."""
    return _one(connection, certificates.c.asker == asker, certificates.c.key_id == key_id)


def find_token(connection: Connection, asker: str, token: str) -> Record | None:
    """Find what a token was given with, to this asker alone."""
    if not token:
        return None
    return _one(connection, certificates.c.asker == asker, certificates.c.token == token)


def find_record(connection: Connection, certificate_id: str) -> Record | None:
    """Find a certificate by its fingerprint."""
    return _one(connection, certificates.c.certificate_id == certificate_id)


def find_serial(connection: Connection, serial: int) -> Record | None:
    """Find a certificate by its serial number."""
    return _one(connection, certificates.c.serial == f"{serial:x}")


def known_serials(connection: Connection, serials: Iterable[int]) -> set[int]:
    """Find which of these certificates there are rows of."""
    wanted = [f"{serial:x}" for serial in serials]
    found: set[int] = set()
    for start in range(0, len(wanted), MAX_NAMED):
        named = certificates.c.serial.in_(wanted[start : start + MAX_NAMED])
        rows = connection.execute(select(certificates.c.serial).where(named)).scalars()
        found |= {int(serial, 16) for serial in rows}
    return found


def list_of_thing(connection: Connection, thing: str, *statuses: Status) -> list[Record]:
    """List a thing's certificates that stand so, all where nothing is named, the newest first."""
    query = select(*_COLUMNS).where(certificates.c.thing == thing)
    if statuses:
        query = query.where(certificates.c.status.in_(statuses))
    rows = connection.execute(query.order_by(certificates.c.issued_at_ms.desc()))
    return [Record(*row) for row in rows]


def expiries(connection: Connection, things: Sequence[str]) -> dict[str, int]:
    """Find when the last certificate of each of these things ends, by thing."""
    query = (
        select(certificates.c.thing, func.max(certificates.c.not_after_ms))
        .where(certificates.c.thing.in_(things), certificates.c.status == Status.ACTIVE)
        .group_by(certificates.c.thing)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def list_barred(connection: Connection, now_ms: int) -> list[Record]:
    """List what must be on the revocation list: barred, and not expired by itself."""
    query = select(*_COLUMNS).where(
        certificates.c.status.in_((Status.SUPERSEDED, Status.REVOKED)),
        certificates.c.not_after_ms > now_ms,
    )
    rows = connection.execute(query.order_by(certificates.c.changed_at_ms, certificates.c.serial))
    return [Record(*row) for row in rows]


def count_pending(connection: Connection, asker: str) -> int:
    """Count what an asker was given and has not registered."""
    query = select(func.count()).where(
        certificates.c.asker == asker, certificates.c.status == Status.PENDING
    )
    return int(connection.execute(query).scalar_one())


def count_since(connection: Connection, thing: str, since_ms: int) -> int:
    """Count the certificates a thing was given since then."""
    query = select(func.count()).where(
        certificates.c.thing == thing, certificates.c.issued_at_ms > since_ms
    )
    return int(connection.execute(query).scalar_one())


def count_asked_since(connection: Connection, asker: str, since_ms: int) -> int:
    """Count the certificates an asker was given since then."""
    query = select(func.count()).where(
        certificates.c.asker == asker, certificates.c.issued_at_ms > since_ms
    )
    return int(connection.execute(query).scalar_one())


def count_own(connection: Connection, thing: str, status: Status, now_ms: int) -> int:
    """Count what a thing has asked for itself that stands so and has not expired."""
    query = select(func.count()).where(
        certificates.c.asker == thing,
        certificates.c.status == status,
        certificates.c.not_after_ms > now_ms,
    )
    return int(connection.execute(query).scalar_one())


def sweep_expired(connection: Connection, now_ms: int) -> int:
    """Forget what was superseded and has expired by itself; returns how many.

    One without a token stays: it was carried as a file, and would be taken in again from there.
    """
    done = connection.execute(
        delete(certificates).where(
            certificates.c.status == Status.SUPERSEDED,
            certificates.c.not_after_ms <= now_ms,
            certificates.c.token != "",
        )
    )
    return int(done.rowcount)


def bar_unregistered(connection: Connection, now_ms: int) -> int:
    """Bar what was issued and not registered in time; returns how many.

    The broker would take it: it has no word for a certificate that is nobody's yet.
    """
    return _bar(connection, now_ms, certificates.c.issued_at_ms <= now_ms - PENDING_MS)


def set_token(connection: Connection, certificate_id: str, token: str, expires_at_ms: int) -> None:
    """Give a certificate another token."""
    _change(connection, certificate_id, token=token, token_expires_at_ms=expires_at_ms)


def set_status(connection: Connection, certificate_id: str, status: Status, now_ms: int) -> None:
    """Change how a certificate stands."""
    _change(connection, certificate_id, status=status, changed_at_ms=now_ms)


def bar_asked(connection: Connection, asker: str, now_ms: int) -> None:
    """Bar what an asker was given and did not register: it has another."""
    _bar(connection, now_ms, certificates.c.asker == asker)


def bar_pending(
    connection: Connection, thing: str, now_ms: int, *, issued_until_ms: int | None = None
) -> None:
    """Bar what was issued for a thing, until then where that is said, and not registered."""
    condition = certificates.c.thing == thing
    if issued_until_ms is not None:
        condition &= certificates.c.issued_at_ms <= issued_until_ms
    _bar(connection, now_ms, condition)


def bar_all(connection: Connection, thing: str, now_ms: int, *, but: str = "") -> None:
    """Bar for good every certificate of a thing, revoked ones too, but this one."""
    connection.execute(
        update(certificates)
        .where(
            certificates.c.thing == thing,
            certificates.c.status != Status.SUPERSEDED,
            certificates.c.certificate_id != but,
        )
        .values(status=Status.SUPERSEDED, changed_at_ms=now_ms)
    )


def note_seen(connection: Connection, record: Record, now_ms: int) -> bool:
    """Note that a thing uses this certificate; what it had before is superseded by that.

    Returns false where it was known, or the certificate is not active.
    """
    if record.status != Status.ACTIVE or record.seen_at_ms is not None:
        return False
    _change(connection, record.certificate_id, seen_at_ms=now_ms)
    connection.execute(
        update(certificates)
        .where(
            certificates.c.thing == record.thing,
            certificates.c.status == Status.ACTIVE,
            certificates.c.certificate_id != record.certificate_id,
            certificates.c.issued_at_ms < record.issued_at_ms,
        )
        .values(status=Status.SUPERSEDED, changed_at_ms=now_ms)
    )
    return True


def _bar(connection: Connection, now_ms: int, condition: ColumnElement[bool]) -> int:
    done = connection.execute(
        update(certificates)
        .where(certificates.c.status == Status.PENDING, condition)
        .values(status=Status.SUPERSEDED, changed_at_ms=now_ms)
    )
    return int(done.rowcount)


def _change(connection: Connection, certificate_id: str, **values: object) -> None:
    connection.execute(
        update(certificates).where(certificates.c.certificate_id == certificate_id).values(**values)
    )


def _one(connection: Connection, *conditions: ColumnElement[bool]) -> Record | None:
    row = connection.execute(select(*_COLUMNS).where(*conditions)).one_or_none()
    return None if row is None else Record(*row)
