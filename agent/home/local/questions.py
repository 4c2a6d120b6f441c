"""What may be asked of the hub's own API, read from a request's parameters. Pure."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo

from shared.calendar import Interval, Resolution, intervals_between
from shared.errors import BadInputError
from shared.instants import parse_instant
from shared.readings import MAX_METER_ID_CHARS, Medium
from shared.units import MS_PER_DAY

MAX_INTERVALS = 18_000
"""A year of half hours, as at the cloud."""

MAX_PRICED_INTERVALS = 1_500
"""A month of half hours, or four years of days: each is a bill of its own."""

MAX_SPAN_DAYS = 3_660
"""Ten years; a year takes a hub a second to read."""

MAX_METERS = 16
MAX_TEXT_CHARS = 64

Word = TypeVar("Word", bound=enum.StrEnum)


class Format(enum.StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Question:
    """A period of a medium in intervals; `meters` is None for the home's totals."""

    medium: Medium
    resolution: Resolution
    intervals: Sequence[Interval]
    meters: frozenset[str] | None

    @property
    def span(self) -> Interval:
        """All the intervals as one."""
        return Interval(self.intervals[0].start_ms, self.intervals[-1].end_ms)


def read_question(
    given: Mapping[str, str], meters: Sequence[str], zone: ZoneInfo, intervals_max: int
) -> Question:
    """Read `from`, `to`, `medium` and `resolution`; `meters` are the values of `meter`.

    Raises BadInputError that names the parameter, its value and what to write.
    """
    start_ms, end_ms = (_instant(given, name, zone) for name in ("from", "to"))
    if end_ms <= start_ms:
        raise BadInputError(
            f"to = {given['to']!r} is not after from = {given['from']!r}",
            hint="the period is [from, to)",
        )
    if end_ms - start_ms > MAX_SPAN_DAYS * MS_PER_DAY:
        raise BadInputError(
            f"from and to are more than {MAX_SPAN_DAYS} days apart", hint="ask for a shorter period"
        )
    if len(meters) > MAX_METERS or any(len(one) > MAX_METER_ID_CHARS for one in meters):
        raise BadInputError(
            f"meter names more than {MAX_METERS} meters, or one too long to be a meter's",
            hint="GET /v1/meters lists them",
        )
    resolution = read_word(given, "resolution", Resolution, Resolution.DAY)
    return Question(
        read_word(given, "medium", Medium, Medium.ELECTRICITY),
        resolution,
        intervals_between(start_ms, end_ms, resolution, zone, intervals_max),
        frozenset(meters) or None,
    )


def read_word(given: Mapping[str, str], name: str, words: type[Word], default: Word) -> Word:
    """Read a parameter that is one of some words; raises BadInputError that lists them."""
    text = given.get(name, default.value)
    try:
        return words(text)
    except ValueError as error:
        raise BadInputError(
            f"{name} = {text[:MAX_TEXT_CHARS]!r} is not known",
            hint="write one of " + ", ".join(word.value for word in words),
        ) from error


def _instant(given: Mapping[str, str], name: str, zone: ZoneInfo) -> int:
    text = given.get(name, "")
    if not text:
        raise BadInputError(f"{name} is missing", hint="write a date, such as 2026-03-01")
    return parse_instant(text[:MAX_TEXT_CHARS], name, zone)
