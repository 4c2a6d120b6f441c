"""`/v1/api-keys`: what a household gives programs."""

from fastapi import APIRouter, Response

from cloud.accounts import keys as kept
from cloud.accounts.endpoints import REFUSALS
from cloud.accounts.keys import Key
from cloud.accounts.schemas import KeyBody, KeyList, KeyMade
from cloud.answers import reply
from cloud.auth import Known, Owner, ProvedOwner
from cloud.households.members import check_owner
from cloud.parts import Shared
from cloud.roles import KEY_SCOPES, Permission
from cloud.transfer.repetition import Once
from shared.errors import ConfigError
from shared.instants import format_utc

router = APIRouter(prefix="/v1/api-keys", tags=["account"], responses=REFUSALS)


@router.get("", response_model=KeyList, summary="The household's keys")
def list_all(parts: Shared, scope: Owner) -> Response:
    """List the keys, the newest first, with when each was last used."""
    with parts.database.reading(scope) as connection:
        rows = kept.list_keys(connection, scope)
    return reply({"keys": [entry_of(row) for row in rows]})


@router.post("", status_code=201, response_model=KeyMade, summary="Make a key")
def make(
    parts: Shared, scope: ProvedOwner, caller: Known, wanted: KeyBody, _once: Once
) -> Response:
    """Make a key for a program; it is told now and never again."""
    known = {scope.value for scope in KEY_SCOPES}
    faults = [
        f"scopes = {one!r}: give of {', '.join(KEY_SCOPES)}"
        for one in wanted.scopes
        if one not in known
    ]
    if faults:
        raise ConfigError("key", faults)
    permissions = frozenset(Permission(one) for one in wanted.scopes)
    now_ms = parts.clock.utc_ms()
    with parts.database.writing(scope) as connection:
        check_owner(connection, scope, caller.user_id)
        key, secret = kept.make_key(
            connection, scope, wanted.name, permissions, wanted.days, caller.user_id, now_ms
        )
    response = reply({**entry_of(key), "key": secret})
    response.status_code = 201
    return response


@router.delete("/{key_id}", status_code=204, summary="Revoke a key")
def revoke(key_id: str, parts: Shared, scope: Owner) -> Response:
    """End a key now; again changes nothing."""
    with parts.database.writing(scope) as connection:
        kept.revoke_key(connection, scope, key_id, parts.clock.utc_ms())
    return Response(status_code=204)


def entry_of(key: Key) -> dict[str, object]:
    """Show a key without what opens."""
    used, revoked = key.last_used_at_ms, key.revoked_at_ms
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": key.scopes.split(),
        "created_at": format_utc(key.created_at_ms),
        "expires_at": format_utc(key.expires_at_ms),
        "last_used_at": None if used is None else format_utc(used),
        "revoked_at": None if revoked is None else format_utc(revoked),
    }
