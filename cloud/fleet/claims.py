"""Claims as rows: made for one thing, bound to the first key, used once, gone in minutes.

Commits nothing. Of a code only its digest is kept, and the key both sides derive from it
(shared/claims.py); what a redeemed claim may do is decided in enrolment.py.
"""

import secrets
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, select, tuple_, update

from cloud.fleettables import claims
from cloud.households.revocations import find_revocation
from shared.claims import claim_key, code_digest, make_code
from shared.errors import BadInputError
from shared.topics import CLAIM_PREFIX, check_hub
from shared.units import MS_PER_DAY, MS_PER_MINUTE

DEFAULT_MINUTES = 15
MAX_MINUTES = 60
"""Long enough to drive up and plug in; a code that is found later is good for nothing."""

MAX_OPEN = 10_000
"""Claims that may be open at once: ten times the largest morning of installations."""

KEPT_MS = 90 * MS_PER_DAY
"""How long it can be looked up who claimed what; the key in a claim is dead after minutes."""

MAX_INSTALLER_CHARS = 200
CODE_BYTES = 13
CLAIM_ID_BYTES = 8
THING_BYTES = 5


class ClaimRow(NamedTuple):
    """A claim; `key_id` is "" until it is redeemed, and names the claim key from then on."""

    claim_id: str
    household_id: str
    thing: str
    installer: str
    code_digest: str
    claim_key: bytes
    made_at_ms: int
    expires_at_ms: int
    key_id: str
    certificate: str
    redeemed_at_ms: int | None
    used_at_ms: int | None
    refused_count: int

    def state(self, now_ms: int) -> str:
        """Name how the claim stands: open, redeemed, used or expired."""
        if self.used_at_ms is not None:
            return "used"
        if self.expires_at_ms <= now_ms:
            return "expired"
        return "open" if self.redeemed_at_ms is None or self.is_bundle else "redeemed"

    @property
    def is_bundle(self) -> bool:
        """Tell whether another authority made it, which does not say when it is used."""
        return not self.claim_key


class NewClaim(NamedTuple):
    """A claim just made; the code is nowhere else."""

    row: ClaimRow
    code: str


_COLUMNS = [claims.c[name] for name in ClaimRow._fields]


def new_thing() -> str:
    """Make up a name for a hub nobody has named."""
    return f"hub-{secrets.token_hex(THING_BYTES)}"


def make_claim(
    connection: Connection,
    household_id: str,
    thing: str,
    now_ms: int,
    *,
    installer: str = "",
    minutes: int = DEFAULT_MINUTES,
) -> NewClaim:
    """Make a claim for a thing of a household; an earlier one that nobody has used is over with it.

    Its use lifts a revocation, and bars for good what was revoked: who may make one for such a
    thing is not decided here (cloud/fleet/succession.py).
    Raises BadInputError for a name no hub may have, or numbers too large.
    """
    check_claim(thing, installer, minutes)
    _sweep(connection, thing, now_ms)
    code = make_code(secrets.token_bytes(CODE_BYTES))
    row = ClaimRow(
        claim_id=f"{CLAIM_PREFIX}{secrets.token_hex(CLAIM_ID_BYTES)}",
        household_id=household_id,
        thing=thing,
        installer=installer,
        code_digest=code_digest(code),
        claim_key=claim_key(code),
        made_at_ms=now_ms,
        expires_at_ms=now_ms + minutes * MS_PER_MINUTE,
        key_id="",
        certificate="",
        redeemed_at_ms=None,
        used_at_ms=None,
        refused_count=0,
    )
    connection.execute(claims.insert(), [row._asdict()])
    return NewClaim(row, code)


def note_bundle(
    connection: Connection,
    household_id: str,
    thing: str,
    claim_id: str,
    now_ms: int,
    expires_at_ms: int,
    *,
    installer: str = "",
) -> ClaimRow:
    """Note a claim that another authority made, with a key in it, for a thing of a household.

    It is nobody's to redeem here: it has no code, and is the key's that it came with from the
    start. What its hub does with it, that authority is told and we are not.
    """
    _sweep(connection, thing, now_ms)
    row = ClaimRow(
        claim_id=claim_id,
        household_id=household_id,
        thing=thing,
        installer=installer,
        # The column is unique, and this is the digest of no code.
        code_digest=claim_id,
        claim_key=b"",
        made_at_ms=now_ms,
        expires_at_ms=expires_at_ms,
        key_id=claim_id,
        certificate="",
        redeemed_at_ms=now_ms,
        used_at_ms=None,
        refused_count=0,
    )
    connection.execute(claims.insert(), [row._asdict()])
    return row


def find_code(connection: Connection, code: str) -> ClaimRow | None:
    """Find the claim of a code, and lock its row for this transaction."""
    return _locked(connection, claims.c.code_digest == code_digest(code))


def find_claim(connection: Connection, claim_id: str) -> ClaimRow | None:
    """Find a claim by its name, and lock its row for this transaction."""
    return _locked(connection, claims.c.claim_id == claim_id)


def look_up_claim(connection: Connection, claim_id: str) -> ClaimRow | None:
    """Find a claim by its name, to look at only."""
    row = connection.execute(select(*_COLUMNS).where(claims.c.claim_id == claim_id)).one_or_none()
    return None if row is None else ClaimRow(*row)


def bind_claim(connection: Connection, claim_id: str, key_id: str, pem: str, now_ms: int) -> None:
    """Give a claim to the first key that came with its code."""
    values = {"key_id": key_id, "certificate": pem, "redeemed_at_ms": now_ms}
    connection.execute(update(claims).where(claims.c.claim_id == claim_id).values(values))


def note_refused(connection: Connection, claim_id: str) -> None:
    """Count somebody who came with the code of a claim that another key has."""
    values = {"refused_count": claims.c.refused_count + 1}
    connection.execute(update(claims).where(claims.c.claim_id == claim_id).values(values))


def use_claim(connection: Connection, claim_id: str, now_ms: int) -> None:
    """Note that the claim's hub has its certificate: it is good for no other."""
    values = {"used_at_ms": now_ms}
    connection.execute(
        update(claims)
        .where(claims.c.claim_id == claim_id, claims.c.used_at_ms.is_(None))
        .values(values)
    )


def is_redeemed(connection: Connection, thing: str, now_ms: int) -> bool:
    """Tell whether somebody is about to bring a thing in by a claim."""
    query = select(func.count()).where(
        claims.c.thing == thing,
        claims.c.redeemed_at_ms.is_not(None),
        claims.c.used_at_ms.is_(None),
        claims.c.expires_at_ms > now_ms,
    )
    return bool(connection.execute(query).scalar_one())


def is_barred(connection: Connection, row: ClaimRow) -> bool:
    """Tell whether a claim's thing was revoked after the claim was made."""
    found = find_revocation(connection, row.thing)
    return found is not None and row.made_at_ms <= found.revoked_at_ms


def end_claims(connection: Connection, thing: str, now_ms: int) -> None:
    """End a thing's open claims."""
    connection.execute(
        update(claims)
        .where(claims.c.thing == thing, *_is_open(now_ms))
        .values(expires_at_ms=now_ms)
    )


def list_claims(
    connection: Connection, count_max: int, before: tuple[int, str] | None = None
) -> list[ClaimRow]:
    """List claims of every household, the latest first; `before` is the place of the last seen."""
    place = tuple_(claims.c.made_at_ms, claims.c.claim_id)
    query = select(*_COLUMNS).order_by(claims.c.made_at_ms.desc(), claims.c.claim_id.desc())
    query = query.limit(count_max)
    if before is not None:
        query = query.where(place < before)
    return [ClaimRow(*row) for row in connection.execute(query)]


def _locked(connection: Connection, condition: ColumnElement[bool]) -> ClaimRow | None:
    query = select(*_COLUMNS).where(condition).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else ClaimRow(*row)


def check_claim(thing: str, installer: str, minutes: int) -> None:
    """Raise BadInputError for a name no hub may have, or what no claim can hold."""
    check_hub(thing)
    if not 1 <= minutes <= MAX_MINUTES:
        raise BadInputError(f"minutes = {minutes}", hint=f"give 1 to {MAX_MINUTES}")
    if len(installer) > MAX_INSTALLER_CHARS or not installer.isprintable():
        raise BadInputError(
            f"installer of {len(installer)} characters",
            hint=f"give a name of at most {MAX_INSTALLER_CHARS} that can be printed",
        )


def _sweep(connection: Connection, thing: str, now_ms: int) -> None:
    """End this thing's open claims and forget old ones; raises where too many are open."""
    connection.execute(delete(claims).where(claims.c.made_at_ms < now_ms - KEPT_MS))
    end_claims(connection, thing, now_ms)
    if connection.execute(select(func.count()).where(*_is_open(now_ms))).scalar_one() >= MAX_OPEN:
        raise BadInputError(
            f"{MAX_OPEN} claims are open", hint="wait until some of them have expired"
        )


def _is_open(now_ms: int) -> tuple[ColumnElement[bool], ...]:
    return (claims.c.used_at_ms.is_(None), claims.c.expires_at_ms > now_ms)


def installer_of(connection: Connection, thing: str) -> str:
    """Name who installed a hub, by the last claim that was used for it; "" for nobody."""
    query = (
        select(claims.c.installer)
        .where(claims.c.thing == thing, claims.c.used_at_ms.is_not(None))
        .order_by(claims.c.used_at_ms.desc())
        .limit(1)
    )
    return str(connection.execute(query).scalar_one_or_none() or "")
