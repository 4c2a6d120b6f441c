"""What stands behind the `?` of a link's address: names, and numbers within their limits. Pure."""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl

from shared.errors import OperatorError

SHORTEST_S, LONGEST_S = 5, 86_400
EVERY_S_RANGE = range(SHORTEST_S, LONGEST_S + 1)
"""How far apart two rounds of questions may be: a round takes seconds, a day is the longest."""

_NUMBER = re.compile(r"[0-9]{1,6}")


def split_query(
    address: str, prefix: str, known: Collection[str], form: str
) -> tuple[str, dict[str, str]]:
    """Split an address at its `?`, and take its prefix off.

    Raises OperatorError naming a setting that is not known; `form` is how to write the address.
    """
    place, _, query = address.removeprefix(prefix).partition("?")
    try:
        asked = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise OperatorError(f"link address {address!r}: {error}", hint=f"use {form}") from error
    if strange := sorted(asked.keys() - set(known)):
        raise OperatorError(
            f"link address {address!r} has {strange[0]!r}, which is not known", hint=f"use {form}"
        )
    return place, asked


def number_in(
    asked: dict[str, str], name: str, default: int, allowed: Collection[int], what: str
) -> int:
    """Return a number of the query; raise OperatorError where it is none of those allowed.

    `what` is whose setting it is, for the message.
    """
    written = asked.get(name)
    if written is None:
        return default
    if _NUMBER.fullmatch(written) and int(written) in allowed:
        return int(written)
    told = (
        f"{allowed[0]} to {allowed[-1]}"
        if isinstance(allowed, range)
        else ", ".join(map(str, allowed))
    )
    raise OperatorError(f"{what} {name} {written!r} is not usable", hint=f"give {told}")
