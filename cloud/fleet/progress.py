"""How far a claim's hub has come since the claim was made, read from the cloud's rows."""

from sqlalchemy import Connection

from cloud.errors import NotFoundError
from cloud.fleet import hubs
from cloud.fleet.claims import ClaimRow
from cloud.fleet.installpage import Progress
from cloud.ingest.repository import list_logs
from cloud.scope import Scope


def read_progress(connection: Connection, claim: ClaimRow, now_ms: int) -> Progress:
    """Read how far a hub has come by its claim.

    Of a bundle its authority tells us nothing: it is used once its hub is heard.
    """
    since_ms = claim.made_at_ms if claim.is_bundle else claim.used_at_ms
    try:
        hub, seen = hubs.find_view(connection, claim.thing, now_ms)
    except NotFoundError:
        is_heard, is_well = False, False
    else:
        # Its registration notes the hub, too: only what came after is the hub's own word.
        is_heard = since_ms is not None and hub.last_seen_ms > since_ms
        is_well = is_heard and seen.health_reported_at is not None
    scope = Scope.of(claim.household_id)
    logs = list_logs(connection, scope, claim.thing) if is_heard else []
    steps = [
        ("It speaks with the cloud", is_heard),
        ("It has told its health", is_well),
        ("Its first reading is stored", any(one.coverage for one in logs)),
    ]
    if not claim.is_bundle:
        steps = [
            ("The hub took the claim", claim.redeemed_at_ms is not None),
            ("It has its own certificate", claim.used_at_ms is not None),
            *steps,
        ]
    return Progress(
        claim.claim_id,
        claim.thing,
        "used" if claim.is_bundle and is_heard else claim.state(now_ms),
        max(0, claim.expires_at_ms - now_ms),
        steps,
        claim.refused_count,
    )
