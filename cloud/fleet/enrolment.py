"""Who gets a certificate: AWS IoT's two provisioning calls, redeeming a claim, renewing too late.

A CSR is believed by its proof, never by who sent it: the broker does not tell. RegisterThing is
believed by its topic, which holds the asker's own name, as the access list has it. Every step may
be repeated, here or in another process, and is answered the same: answers get lost. Commits
nothing; all work of one call is done in the transaction it is given.
"""

import secrets
from datetime import timedelta
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection

from cloud.fleet import claims, records, succession
from cloud.fleet.authority import LEAF_VALIDITY, Authority
from cloud.fleet.certificates import epoch_ms, read_certificates
from cloud.fleet.claims import ClaimRow
from cloud.fleet.policy import Csr, CsrError, check_claim_proof, check_renewal_proof, read_csr
from cloud.fleet.records import Record, Status, record_of
from cloud.fleet.refusals import Refusal
from cloud.households.repository import household_of, lock_hub, place_of
from cloud.households.revocations import find_revocation
from shared.enrolment import (
    CsrAccepted,
    CsrRequest,
    RegisterAccepted,
    RegisterRequest,
    decode_enrolment,
)
from shared.errors import BadInputError
from shared.topics import CLAIM_PREFIX, check_hub
from shared.units import MS_PER_MINUTE

TOKEN_BYTES = 32
TOKEN_MS = 10 * MS_PER_MINUTE
"""From the certificate to its registration a hub needs one message."""

NO_KEY = "none"
"""Stands for the key of a CSR that could not be read: no hub takes that refusal for its own."""

MAX_PENDING = 5
"""Keys that one asker may have open: a hub killed before it wrote its key down makes another."""


class _Prover(NamedTuple):
    """Whom a proved CSR is for; `certificate_id` is that of the proving key, "" for a claim."""

    thing: str
    certificate_id: str = ""


class Enrolment:
    """Answers hubs by the fleet's authority and the rows of a connection."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def refuse_claim(self, connection: Connection, thing: str, now_ms: int) -> Refusal | None:
        """Say why only an operator may make a claim for a thing; None where whoever installs may.

        Holds the row of a hub that is known, so that a revocation is before this or after it.
        """
        check_hub(thing)
        if household_of(connection, thing) is not None:
            lock_hub(connection, thing, now_ms)
        self.adopt(connection, thing, now_ms)
        return succession.refuse_claim(connection, thing)

    def redeem(
        self, connection: Connection, code: str, csr_pem: str, now_ms: int
    ) -> ClaimRow | Refusal:
        """Give a claim to the first key that comes with its code, with a certificate of minutes.

        Returns, not raises, what must be committed too: that somebody else came with the code.
        """
        row = claims.find_code(connection, code)
        if row is None:
            return Refusal("no-such-claim", "no claim has this code", hint="make a new claim")
        try:
            csr = read_csr(csr_pem)
        except CsrError as error:
            return Refusal("bad-csr", error.message, hint=error.hint)
        refusal = _refuse_redeeming(connection, row, csr, now_ms)
        if refusal is not None:
            return refusal
        if row.key_id:
            return row
        left = timedelta(milliseconds=row.expires_at_ms - now_ms)
        issued = self._authority.sign(row.claim_id, csr.key, left)
        claims.bind_claim(connection, row.claim_id, csr.key_id, issued.chain_pem, now_ms)
        return row._replace(key_id=csr.key_id, certificate=issued.chain_pem, redeemed_at_ms=now_ms)

    def create(self, connection: Connection, payload: bytes, now_ms: int) -> CsrAccepted | Refusal:
        """Sign a CSR for a claim or a thing that proves itself (CreateCertificateFromCsr)."""
        try:
            asked = decode_enrolment(CsrRequest, payload)
            csr = read_csr(asked.certificate_signing_request)
        except BadInputError as error:
            key_id = error.key_id if isinstance(error, CsrError) else ""
            return Refusal("bad-csr", error.message, hint=error.hint, key_id=key_id or NO_KEY)
        try:
            prover = self._check_asker(connection, csr, now_ms)
        except BadInputError as error:
            return Refusal("bad-csr", error.message, hint=error.hint, key_id=csr.key_id)
        if isinstance(prover, Refusal):
            return prover._replace(key_id=csr.key_id)
        record = self._sign_once(connection, csr, prover, now_ms)
        if isinstance(record, Refusal):
            return record._replace(key_id=csr.key_id)
        return CsrAccepted(record.token, record.certificate_id, record.pem)

    def register(
        self, connection: Connection, asker: str, payload: bytes, now_ms: int
    ) -> RegisterAccepted | Refusal:
        """Make a certificate its thing's (RegisterThing); `asker` is the topic's template."""
        try:
            token = decode_enrolment(RegisterRequest, payload).certificate_ownership_token
        except BadInputError as error:
            return Refusal("bad-request", error.message)
        record = records.find_token(connection, asker, token)
        if record is None:
            return Refusal("bad-token", "this token was not given to this asker")
        hub = lock_hub(connection, record.thing, now_ms)
        record = records.find_token(connection, asker, token)
        if record is None or record.status not in (Status.PENDING, Status.ACTIVE):
            return Refusal("bad-token", "this token's certificate is not to be had any more")
        refusal = succession.refuse_registering(connection, record, hub)
        if refusal is not None:
            return refusal
        if record.status == Status.PENDING:
            if record.token_expires_at_ms <= now_ms:
                return Refusal("bad-token", "this token has expired", hint="ask with the CSR again")
            self._activate(connection, record, now_ms)
        return RegisterAccepted(record.thing)

    def renew_late(
        self, connection: Connection, thing: str, certificate_id: str, csr_pem: str, now_ms: int
    ) -> str | Refusal:
        """Give a certificate of a new key to a hub that shows one that may have expired.

        Returns the PEM. The shown one stays as it is: the new one supersedes it when it is used.
        """
        lock_hub(connection, thing, now_ms)
        self.adopt(connection, thing, now_ms)
        shown = records.find_record(connection, certificate_id)
        if find_revocation(connection, thing) is not None or (
            shown is not None and shown.status == Status.REVOKED
        ):
            return Refusal("revoked", f"hub {thing!r} is revoked")
        is_present = shown is not None and (shown.thing, shown.status) == (thing, Status.ACTIVE)
        if shown is None or not is_present or not succession.may_renew(connection, shown, now_ms):
            return succession.OUTRUN
        try:
            csr = read_csr(csr_pem)
            check_renewal_proof(csr, _key_of(shown))
        except CsrError as error:
            return Refusal("bad-csr", error.message, hint=error.hint)
        if csr.name != thing:
            return Refusal("bad-csr", "its subject is not the asker's name alone")
        prover = _Prover(thing, shown.certificate_id)
        record = self._sign_once(connection, csr, prover, now_ms)
        if isinstance(record, Refusal):
            return record
        if record.status == Status.PENDING:
            self._activate(connection, record, now_ms)
        return record.pem

    def adopt(self, connection: Connection, thing: str, now_ms: int) -> None:
        """Take a certificate that was carried to the hub as a file into the rows."""
        path = self._authority.credentials(thing).certificate
        if not path.exists():
            return
        certificate = read_certificates(path)[0]
        record = record_of(
            certificate,
            thing=thing,
            household_id=place_of(connection, thing, now_ms),
            asker=thing,
            status=Status.ACTIVE,
            now_ms=now_ms,
            chain_pem=path.read_text("ascii"),
        )
        issued_at_ms = epoch_ms(certificate.not_valid_before_utc)
        records.add_record(connection, record._replace(issued_at_ms=issued_at_ms))

    def _check_asker(self, connection: Connection, csr: Csr, now_ms: int) -> _Prover | Refusal:
        """Find the thing that a proved CSR is for; raises CsrError where nothing is proved."""
        if not csr.name:
            raise CsrError("its subject is not the asker's name alone", csr.key_id)
        if csr.name.startswith(CLAIM_PREFIX):
            return _check_claim(connection, csr, now_ms)
        thing = check_hub(csr.name)
        self.adopt(connection, thing, now_ms)
        known = records.list_of_thing(connection, thing, Status.ACTIVE)
        for record in known[: succession.MAX_PROOFS]:
            try:
                check_renewal_proof(csr, _key_of(record))
            except CsrError:
                continue
            if find_revocation(connection, thing) is not None:
                return Refusal("revoked", f"hub {thing!r} is revoked")
            if not succession.may_renew(connection, record, now_ms):
                return succession.OUTRUN
            return _Prover(thing, record.certificate_id)
        raise CsrError("no certificate of that name has signed its challengePassword", csr.key_id)

    def _sign_once(
        self, connection: Connection, csr: Csr, prover: _Prover, now_ms: int
    ) -> Record | Refusal:
        """Sign for a key, or find what was signed for it: with the same token while that lasts."""
        known = records.find_asked(connection, csr.name, csr.key_id)
        if known is not None:
            return _again(connection, known, now_ms)
        if records.count_pending(connection, csr.name) >= MAX_PENDING:
            return Refusal("too-many-requests", f"{MAX_PENDING} certificates wait to be registered")
        thing = prover.thing
        if prover.certificate_id:
            refusal = succession.make_room(connection, thing, prover.certificate_id, now_ms)
            if refusal is not None:
                return refusal
        # A hub tells by its expiry which certificate it uses: those of one minute must differ.
        siblings = records.count_since(connection, thing, now_ms - MS_PER_MINUTE)
        validity = LEAF_VALIDITY - siblings * timedelta(minutes=1)
        issued = self._authority.sign(thing, csr.key, validity)
        made = record_of(
            issued.certificate,
            thing=thing,
            household_id=place_of(connection, thing, now_ms),
            asker=csr.name,
            status=Status.PENDING,
            now_ms=now_ms,
            chain_pem=issued.chain_pem,
        )._replace(token=_new_token(), token_expires_at_ms=now_ms + TOKEN_MS)
        records.add_record(connection, made)
        # Another process may have been faster: what stands there is what both answer.
        return records.find_asked(connection, csr.name, csr.key_id) or made

    def _activate(self, connection: Connection, record: Record, now_ms: int) -> None:
        if succession.is_of_claim(record):
            # What was carried as a file is to be ended too.
            self.adopt(connection, record.thing, now_ms)
        succession.activate(connection, record, now_ms)


def _refuse_redeeming(
    connection: Connection, row: ClaimRow, csr: Csr, now_ms: int
) -> Refusal | None:
    if row.key_id and row.key_id != csr.key_id:
        claims.note_refused(connection, row.claim_id)
        return Refusal(
            "claim-taken",
            "this claim was redeemed with another key",
            hint="where that was not this hub, revoke it, and make a new claim",
        )
    if row.expires_at_ms <= now_ms:
        return Refusal("claim-expired", "this claim has expired", hint="make a new claim")
    if claims.is_barred(connection, row):
        return Refusal("revoked", f"hub {row.thing!r} is revoked")
    return None


def _check_claim(connection: Connection, csr: Csr, now_ms: int) -> _Prover | Refusal:
    row = claims.find_claim(connection, csr.name)
    if row is None:
        raise CsrError("no claim has that name", csr.key_id)
    check_claim_proof(csr, row.claim_key)
    if row.expires_at_ms <= now_ms:
        return Refusal("claim-expired", "this claim has expired", hint="make a new claim")
    if claims.is_barred(connection, row):
        return Refusal("revoked", f"hub {row.thing!r} is revoked")
    if row.used_at_ms is not None and not records.find_asked(connection, csr.name, csr.key_id):
        return Refusal("claim-used", "this claim's hub has its certificate", hint="make a new one")
    return _Prover(row.thing)


def _again(connection: Connection, known: Record, now_ms: int) -> Record | Refusal:
    if known.status not in (Status.PENDING, Status.ACTIVE):
        return Refusal("bad-csr", "this key's certificate is barred", hint="make a new key")
    if known.seen_at_ms is not None:
        return Refusal("bad-csr", "this key has a certificate in use", hint="make a new key")
    if known.token_expires_at_ms > now_ms:
        return known
    token, expires_at_ms = _new_token(), now_ms + TOKEN_MS
    records.set_token(connection, known.certificate_id, token, expires_at_ms)
    return known._replace(token=token, token_expires_at_ms=expires_at_ms)


def _new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def _key_of(record: Record) -> ec.EllipticCurvePublicKey:
    key = record.certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise CsrError(f"the present key of {record.thing!r} is no EC key")
    return key
