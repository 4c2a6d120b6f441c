"""Which of a thing's certificates may ask for the next, and what a new one ends. Commits nothing.

A claim begins a thing anew; for one that has joined, or is revoked, only an operator makes one, who
says so. From its redemption on no older key of the
thing renews; once its certificate is active, only that one and what follows from it do. What came
before stays good until the new one is seen in use, so that a hub cut off on its way is not lost.
"""

from sqlalchemy import Connection

from cloud.fleet import claims, records
from cloud.fleet.records import Record, Status
from cloud.fleet.refusals import Refusal
from cloud.households.repository import Hub, version_of
from cloud.households.revocations import find_revocation, readmit
from shared.topics import CLAIM_PREFIX
from shared.units import MS_PER_DAY

MAX_PROOFS = 8
"""Certificates a renewal's proof is tried against: those of `MAX_ACTIVE`, and of a few claims."""

MAX_ACTIVE = 3
"""A hub uses one, goes over to the next, and may have lost one on the way."""

MAX_A_DAY = 10
"""Renewals of a thing in a day: one in two years is due, the rest is for hubs cut off in it."""

MAX_BARRED = 100
"""Renewals of a thing that are on the revocation list: every broker and hub lives by its length."""

UNSEEN_MS = MS_PER_DAY
"""A renewal nobody was seen to use for so long makes room for another."""

OUTRUN = Refusal(
    "certificate-superseded",
    "this certificate is not the hub's present one",
    hint="provision the hub with a new claim",
)


ELSEWHERE = Refusal(
    "claim-expired", "the hub is another household's since this claim", hint="make a new claim"
)


REJOIN_HINT = (
    "to replace it or let it in again ask the operator: 'hearthlink fleet claim --rejoin', or "
    "`rejoin` in the API; one that changes hands is wiped and handed over first"
)


def refuse_claim(connection: Connection, thing: str) -> Refusal | None:
    """Say why only an operator may make a claim for a thing: it is in use, or shut out.

    One that was handed over is neither: none of its certificates is active. What was never given
    a certificate here, and is heard all the same, is in use by one of elsewhere.
    """
    if find_revocation(connection, thing) is not None:
        return Refusal("hub-has-joined", f"hub {thing!r} is revoked", hint=REJOIN_HINT)
    known = records.list_of_thing(connection, thing)
    if known:
        is_in_use = any(one.status == Status.ACTIVE for one in known)
    else:
        is_in_use = bool(version_of(connection, thing))
    return has_joined(thing) if is_in_use else None


def has_joined(thing: str) -> Refusal:
    """Refuse a claim for a thing that is in use."""
    return Refusal("hub-has-joined", f"hub {thing!r} has joined already", hint=REJOIN_HINT)


def is_of_claim(record: Record) -> bool:
    """Tell whether a certificate was asked for by a claim."""
    return record.asker.startswith(CLAIM_PREFIX)


def may_renew(connection: Connection, present: Record, now_ms: int) -> bool:
    """Tell whether the holder of an active certificate may have the next one."""
    if claims.is_redeemed(connection, present.thing, now_ms):
        return False
    pending = records.list_of_thing(connection, present.thing, Status.PENDING)
    if any(is_of_claim(one) and one.token_expires_at_ms > now_ms for one in pending):
        return False
    return not is_outrun(connection, present)


def is_outrun(connection: Connection, record: Record) -> bool:
    """Tell whether a claim has brought its thing in anew since this certificate was made."""
    active = records.list_of_thing(connection, record.thing, Status.ACTIVE)
    root = next((one for one in active if is_of_claim(one)), None)
    if root is None or root.certificate_id == record.certificate_id:
        return False
    return is_of_claim(record) or record.issued_at_ms <= root.issued_at_ms


def refuse_registering(connection: Connection, record: Record, hub: Hub) -> Refusal | None:
    """Say why a certificate is not to be its thing's: a revocation, or what came in between.

    That is another certificate, or a household that is not the claim's.
    """
    if is_of_claim(record):
        row = claims.find_claim(connection, record.asker)
        is_barred = row is None or claims.is_barred(connection, row)
        if row is not None and row.household_id != hub.household_id:
            return ELSEWHERE
    else:
        is_barred = find_revocation(connection, record.thing) is not None
    if is_barred:
        return Refusal("revoked", f"hub {record.thing!r} is revoked")
    is_renewal = record.status == Status.PENDING and not is_of_claim(record)
    return OUTRUN if is_renewal and is_outrun(connection, record) else None


def make_room(connection: Connection, thing: str, prover_id: str, now_ms: int) -> Refusal | None:
    """Bar renewals that nobody uses where there are too many; a refusal where that is not enough.

    `prover_id` is the certificate in use: that one is never barred here.
    """
    own = (records.count_own(connection, thing, Status.SUPERSEDED, now_ms), MAX_BARRED)
    day = (records.count_asked_since(connection, thing, now_ms - MS_PER_DAY), MAX_A_DAY)
    for count, limit in (own, day):
        if count >= limit:
            return Refusal(
                "too-many-requests",
                f"hub {thing!r} was given {count} certificates, {limit} at most",
                hint="wait a day, or provision the hub with a new claim",
            )
    active = records.list_of_thing(connection, thing, Status.ACTIVE)
    spare = [
        one
        for one in active
        if one.seen_at_ms is None
        and one.certificate_id != prover_id
        and one.issued_at_ms <= now_ms - UNSEEN_MS
    ]
    over = len(active) - MAX_ACTIVE + 1
    for one in spare[::-1][: max(over, 0)]:
        records.set_status(connection, one.certificate_id, Status.SUPERSEDED, now_ms)
    if over > len(spare):
        return Refusal(
            "too-many-requests",
            f"hub {thing!r} has {len(active)} active certificates",
            hint="use the newest, or wait a day",
        )
    return None


def activate(connection: Connection, record: Record, now_ms: int) -> None:
    """Make a certificate its thing's, and end what must not come after it.

    A claim's lifts a revocation: what was revoked stays barred for good.
    """
    records.set_status(connection, record.certificate_id, Status.ACTIVE, now_ms)
    records.bar_asked(connection, record.asker, now_ms)
    if not is_of_claim(record):
        return
    records.bar_pending(connection, record.thing, now_ms, issued_until_ms=record.issued_at_ms)
    claims.use_claim(connection, record.asker, now_ms)
    if readmit(connection, record.thing, now_ms):
        records.bar_all(connection, record.thing, now_ms, but=record.certificate_id)
