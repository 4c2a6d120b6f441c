"""What a client can take, by its header fields: media types, content codings, what it has. Pure."""

from collections.abc import Iterator, Sequence

CODINGS = ("br", "gzip")
"""Content codings on offer, the best first."""

MAX_CHOICES = 64
"""Entries read of one field; browsers send a handful."""


def accepts(field: str, media_type: str) -> bool:
    """Tell whether an `Accept` field allows a media type; an empty field allows all."""
    if not field.strip():
        return True
    kind = media_type.split("/", maxsplit=1)[0]
    best = (-1, 0.0)
    for choice, weight in _choices(field):
        exactness = {media_type: 2, f"{kind}/*": 1, "*/*": 0}.get(choice)
        if exactness is not None:
            best = max(best, (exactness, weight))
    return best[1] > 0


def choose_coding(field: str) -> str:
    """Choose a content coding by an `Accept-Encoding` field; "" is none."""
    weights = dict(_choices(field))
    anything = weights.get("*", 0.0)
    offered = [(weights.get(coding, anything), coding) for coding in CODINGS]
    weight, coding = max(offered, key=lambda one: one[0])
    return coding if weight > 0 and weight >= weights.get("identity", 0.0) else ""


def holds(field: str, opaque: str) -> bool:
    """Tell whether an `If-None-Match` field names a tag, in whichever content coding."""
    tags = [one.strip().removeprefix("W/") for one in field.split(",")[:MAX_CHOICES]]
    return "*" in tags or bool({f'"{opaque}{suffix}"' for suffix in suffixes()} & set(tags))


def without_codings(field: str) -> str:
    """Write an `If-None-Match` field as it would be had no content coding been chosen."""
    for suffix in suffixes()[1:]:
        field = field.replace(f'{suffix}"', '"')
    return field


def suffixes() -> Sequence[str]:
    """List what a tag may end in: strong tags differ by content coding (RFC 9110 §8.8.3.3)."""
    return ("", *(f"-{coding}" for coding in CODINGS))


def _choices(field: str) -> Iterator[tuple[str, float]]:
    for choice in field.split(",")[:MAX_CHOICES]:
        name, *parameters = (part.strip().lower() for part in choice.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        yield name, weight if 0 <= weight <= 1 else 0.0
