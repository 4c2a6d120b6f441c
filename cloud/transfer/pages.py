"""Lists by the page: a cursor says after which entry the next page begins. Pure.

A cursor is opaque to the caller and checked when it comes back. It is not signed: it only names a
place in a list that is cut to the caller's own rows anyhow.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Query

from cloud.problems import ProblemError

MAX_CURSOR_CHARS = 512
MAX_PLACE_CHARS = 200
"""Of one part of a place; ids and codes have at most half of it."""

MAX_PLACE_INT = 2**63 - 1

Cursor = Annotated[str, Query(max_length=MAX_CURSOR_CHARS)]
"""The parameter of every list; "" is the first page."""

PAGE = 100
MAX_PAGE = 500
PageLimit = Annotated[int, Query(ge=1, le=MAX_PAGE)]

Place = tuple[int | str, ...]
"""What a list is ordered by, of its last entry so far."""

_Entry = TypeVar("_Entry")


def encode_cursor(name: str, place: Place) -> str:
    """Write a place in the list `name` as a cursor."""
    text = json.dumps([name, *place], ensure_ascii=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str, name: str, kinds: tuple[type, ...]) -> tuple[Any, ...] | None:
    """Read a cursor of the list `name`, None where there is none.

    Raises ProblemError 400 `bad-cursor` for anything that `encode_cursor` did not write.
    """
    if not cursor:
        return None
    try:
        said = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _bad(cursor) from error
    if not isinstance(said, list) or said[:1] != [name] or len(said) != len(kinds) + 1:
        raise _bad(cursor)
    place = tuple(said[1:])
    if not all(_fits(one, kind) for one, kind in zip(place, kinds, strict=True)):
        raise _bad(cursor)
    return place


def cut(
    entries: Sequence[_Entry],
    name: str,
    place_of: Callable[[_Entry], Place],
    after: Place | None,
    limit: int,
) -> tuple[list[_Entry], str | None]:
    """Cut a page out of a list that is ordered by place, with the cursor of the next page.

    `entries` may be the whole list, or begin after the place; one more than `limit` shows that
    another page follows.
    """
    left = [one for one in entries if after is None or place_of(one) > after]
    page = left[:limit]
    following = encode_cursor(name, place_of(page[-1])) if len(left) > limit else None
    return page, following


def next_of(
    entries: Sequence[_Entry], name: str, place_of: Callable[[_Entry], Place], limit: int
) -> str | None:
    """Write the next page's cursor for entries of which the query asked one more than `limit`."""
    return encode_cursor(name, place_of(entries[limit - 1])) if len(entries) > limit else None


def _fits(one: object, kind: type) -> bool:
    if type(one) is not kind:
        return False
    if isinstance(one, int):
        return 0 <= one <= MAX_PLACE_INT
    return isinstance(one, str) and len(one) <= MAX_PLACE_CHARS and one.isprintable()


def _bad(cursor: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.BAD_REQUEST, f"cursor = {cursor[:40]!r} is none of this list", code="bad-cursor"
    )
