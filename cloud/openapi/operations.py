"""The names of the operations: the method and the path in words, so that no rename changes them."""

from collections.abc import Sequence

from fastapi.routing import APIRoute

VERSION = "v1"


def operation_id(route: APIRoute) -> str:
    """Name an operation: `GET /v1/meters/{meter}/usage` is `get_meter_usage`.

    A word before a parameter is of one thing, and stands in the singular.
    """
    method = min(route.methods or ("GET",)).lower()
    parts = [part for part in route.path_format.split("/") if part and part != VERSION]
    return "_".join([method, *_words(parts)])


def _words(parts: Sequence[str]) -> list[str]:
    words = []
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if not part.startswith("{"):
            word = part.replace("-", "_")
            words.append(_singular(word) if following.startswith("{") else word)
    return words


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    return word.removesuffix("s")
