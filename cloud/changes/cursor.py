"""A place in a household's changes, as an app keeps it: opaque text. Pure."""

import base64
import binascii
from hashlib import blake2b
from http import HTTPStatus

from cloud.problems import ProblemError
from shared.errors import BadInputError
from shared.units import INT64_MAX

TAG_BYTES = 6
REVISION_BYTES = 8
MAX_CURSOR_CHARS = 32

EXPIRED = "cursor-expired"


def write_cursor(store_id: str, household_id: str, revision: int) -> str:
    """Write a place; it is good for this household in this store."""
    packed = _tag(store_id, household_id) + revision.to_bytes(REVISION_BYTES, "big")
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str, store_id: str, household_id: str) -> int:
    """Read a place; raises BadInputError for what is none, ProblemError 410 for another store's."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    if len(packed) != TAG_BYTES + REVISION_BYTES:
        raise BadInputError(
            f"after = {text[:MAX_CURSOR_CHARS]!r} is no cursor",
            hint="give `next` of an earlier answer, or leave `after` out to begin",
        )
    if packed[:TAG_BYTES] != _tag(store_id, household_id):
        raise expired("it is of another household, or of a store that was put back from a copy")
    return min(int.from_bytes(packed[TAG_BYTES:], "big"), INT64_MAX)


def expired(why: str) -> ProblemError:
    """Say that a cursor is good no more, and what to do."""
    return ProblemError(
        HTTPStatus.GONE,
        f"the cursor leads nowhere: {why}",
        hint="GET /v1/changes without `after` for a new cursor, then read again all that you show",
        code=EXPIRED,
    )


def _tag(store_id: str, household_id: str) -> bytes:
    return blake2b(f"{store_id}\n{household_id}".encode(), digest_size=TAG_BYTES).digest()
