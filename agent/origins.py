"""Reads web origins from settings: which sites' pages may do what with ours. Pure."""

import re
from typing import Any
from urllib.parse import urlsplit

MAX_ORIGINS = 8
"""They go into a header of every answer; a home has a dashboard or two."""

ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?")
"""Nothing that a header takes for more than the one origin: no blanks, commas or semicolons."""


def read_origins(value: Any) -> tuple[str, ...]:
    """Read a list of origins, parted by commas in the environment; ValueError names the wrong."""
    written = value.split(",") if isinstance(value, str) else value
    if not isinstance(written, list) or not all(isinstance(one, str) for one in written):
        raise ValueError("give a list of origins in quotes")
    origins = tuple(one.strip().lower() for one in written if one.strip())
    if len(origins) > MAX_ORIGINS:
        raise ValueError(f"give at most {MAX_ORIGINS} origins")
    for origin in origins:
        if not _is_origin(origin):
            raise ValueError(
                f"{origin!r} is no origin: write one as http://homeassistant.local:8123"
            )
    return origins


def _is_origin(written: str) -> bool:
    if not ORIGIN.fullmatch(written):
        return False
    try:
        return urlsplit(written).port != 0
    except ValueError:
        return False
