"""Writes that are sent again: the answer to an `Idempotency-Key`, kept for a day.

A key belongs to the credential that was shown with it, not to a household: an operator and a
person with several homes write too. What is kept of the answer is enciphered by that credential
and the key, of which only digests are kept: a token or a claim's code that was told once stands
nowhere in the clear, and who reads the database, or has another's key, reads no answers.
"""

import os
from hashlib import blake2b, sha256
from http import HTTPStatus
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from cloud.db import Database
from cloud.problems import ProblemError
from cloud.tables import idempotency_keys
from shared.units import MS_PER_DAY

KEPT_MS = MS_PER_DAY
"""An app that was offline for longer asks what there is before it writes again."""

IN_FLIGHT_MS = 120_000
"""A first request without an answer for that long died with its process: the key is free again."""

KEYS_MAX = 10_000
"""Keys of one credential in a day; a write every nine seconds."""

MAX_ANSWER_BYTES = 256 << 10
"""A longer answer is not kept, and the request is then carried out again."""

NONCE_BYTES = 12
_PERSON = b"hearthlink-idem"


class Answer(msgspec.Struct, frozen=True):
    """What was answered: everything that a repetition shows."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class InFlightError(ProblemError):
    """The first request with a key is being carried out."""

    def __init__(self) -> None:
        super().__init__(
            HTTPStatus.CONFLICT,
            "the first request with this Idempotency-Key is not answered yet",
            code="idempotency-key-in-flight",
            headers={"Retry-After": "1"},
        )


class Claim(NamedTuple):
    """A key that a request holds while it is carried out."""

    principal: str
    key_digest: str
    secret: bytes


def claim_of(credential: bytes, key: str) -> Claim:
    """Make the claim of a key under the credential that was shown."""
    digest = sha256(key.encode()).digest()
    secret = blake2b(credential, key=digest, person=_PERSON, digest_size=32).digest()
    return Claim(sha256(credential).hexdigest(), digest.hex(), secret)


def begin(database: Database, claim: Claim, request_digest: str, now_ms: int) -> Answer | None:
    """Take a key for a request, or give the answer that the same request had.

    Raises ProblemError 422 where the key belongs to another request, 409 while the first is being
    answered, 429 where the credential has too many keys.
    """
    keys = idempotency_keys.c
    with database.writing() as connection:
        connection.execute(delete(idempotency_keys).where(keys.made_at_ms < now_ms - KEPT_MS))
        answer = _earlier(connection, claim, request_digest, now_ms)
        if answer is None:
            _take(connection, claim, request_digest, now_ms)
    return answer


def _earlier(
    connection: Connection, claim: Claim, request_digest: str, now_ms: int
) -> Answer | None:
    """Give the answer of before; frees the key of a request that died."""
    mine = _mine(claim)
    row = connection.execute(select(idempotency_keys).where(*mine)).mappings().one_or_none()
    if row is None:
        return None
    if row["request_digest"] != request_digest:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "this Idempotency-Key came with another request before",
            code="idempotency-key-reused",
        )
    if row["answer"] is not None:
        return _open(claim, row["answer"])
    if row["made_at_ms"] > now_ms - IN_FLIGHT_MS:
        raise InFlightError
    connection.execute(delete(idempotency_keys).where(*mine, idempotency_keys.c.answer.is_(None)))
    return None


def _take(connection: Connection, claim: Claim, request_digest: str, now_ms: int) -> None:
    """Write the key down; of two that come at once the database lets one in."""
    kept = select(func.count()).where(idempotency_keys.c.principal == claim.principal)
    if connection.execute(kept).scalar_one() >= KEYS_MAX:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"{KEYS_MAX} Idempotency-Keys within a day",
            headers={"Retry-After": "3600"},
        )
    row = {
        "principal": claim.principal,
        "key_digest": claim.key_digest,
        "request_digest": request_digest,
        "made_at_ms": now_ms,
    }
    try:
        connection.execute(insert(idempotency_keys).values(row))
    except IntegrityError as error:
        raise InFlightError from error


def keep(database: Database, claim: Claim, answer: Answer) -> None:
    """Keep the answer of a request that was carried out."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(claim.secret).encrypt(nonce, msgspec.msgpack.encode(answer), None)
    with database.writing() as connection:
        connection.execute(update(idempotency_keys).where(*_mine(claim)).values(answer=sealed))


def recall(database: Database, claim: Claim) -> Answer | None:
    """Give the answer that was kept under a key, None where nothing was asked by it.

    Raises ProblemError 409 while that is being answered.
    """
    with database.reading() as connection:
        query = select(idempotency_keys.c.answer).where(*_mine(claim))
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.answer is None:
        raise InFlightError
    return _open(claim, row.answer)


def release(database: Database, claim: Claim) -> None:
    """Free the key of a request that changed nothing: it may be sent again, also corrected."""
    with database.writing() as connection:
        connection.execute(delete(idempotency_keys).where(*_mine(claim)))


def _mine(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    keys = idempotency_keys.c
    return (
        keys.principal == claim.principal,
        keys.key_digest == claim.key_digest,
    )


def _open(claim: Claim, sealed: bytes) -> Answer:
    nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return msgspec.msgpack.decode(AESGCM(claim.secret).decrypt(nonce, text, None), type=Answer)
    except InvalidTag as error:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "the kept answer of this Idempotency-Key is damaged",
            hint="read what is there before you send it again, with another key",
        ) from error
