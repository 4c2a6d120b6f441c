"""Answers what one meter used: questions that come together share a transaction, not their rows.

What is asked about the meters themselves is asked for all at once; a meter's readings are then read
under its own household alone, in PostgreSQL too, and only where the client lacks the answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from cloud.answers import unknown_meter
from cloud.changes.kinds import day_of_instant
from cloud.db import Database
from cloud.gathering import Gathering
from cloud.households.zones import read_zones
from cloud.readings.conversions import conversions_of
from cloud.readings.energies import Energies, entries_of
from cloud.readings.known import known_usage
from cloud.readings.periods import span_between
from cloud.readings.validators import Days, Standing, read_standings, tag_of
from cloud.scope import Scope
from cloud.transfer.negotiation import holds
from shared.calendar import Interval, Resolution, interval_at, intervals_between
from shared.clock import Clock
from shared.errors import HearthlinkError
from shared.readings import MAX_METER_ID_CHARS
from shared.units import MS_PER_DAY, SLOT_MS

MAX_INTERVALS = 18_000
"""A year of half hours (17,568) with some to spare, all series together; about 2 MB of JSON."""


ANSWERED_AT_ONCE = 2
"""While one transaction waits for the database another is computed for; a third would wait."""

SHARED_SPAN_MS = 8 * MS_PER_DAY
"""Questions up to a week take a millisecond or two; who asks for more holds up nobody else."""


class Question(NamedTuple):
    """What a meter used from `start` to `to`; `zone` is None for the household's own.

    `tags` is an `If-None-Match` field: the answers that the client has.
    """

    household_id: str
    meter: str
    start: str
    to: str
    resolution: Resolution
    zone: ZoneInfo | None
    tags: str


class Answer(NamedTuple):
    """A tag, and the JSON document; None where the client has it."""

    tag: str
    document: bytes | None


class _Asked(NamedTuple):
    """A question that was read: in whose calendar, and over which whole intervals."""

    question: Question
    zone: ZoneInfo
    span_ms: tuple[int, int]
    days: Days

    def intervals(self) -> list[Interval]:
        """List the intervals; raises BadInputError for too many."""
        return intervals_between(*self.span_ms, self.question.resolution, self.zone, MAX_INTERVALS)


class UsageDesk:
    """Answers questions about what meters used; `version` is that of the documents' form."""

    def __init__(self, database: Database, clock: Clock, zone: ZoneInfo, version: str) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._version = version
        self._asked: Gathering[Question, Answer] = Gathering(self.answer_all, ANSWERED_AT_ONCE)

    async def ask(self, question: Question) -> Answer:
        """Answer a question; raises NotFoundError for a meter that is not the household's.

        Raises BadInputError for a period that is none, or too long.
        """
        zone = question.zone or self._zone
        start_ms, end_ms = span_between(question.start, question.to, zone)
        if end_ms - start_ms <= SHARED_SPAN_MS:
            return await self._asked.ask(question)
        (answer,) = await run_in_threadpool(self.answer_all, [question])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer_all(self, questions: Sequence[Question]) -> list[Answer | Exception]:
        """Answer questions in one transaction; in place of an answer its HearthlinkError."""
        now_ms = self._clock.utc_ms()
        found: dict[int, Answer | Exception] = {}
        scope = Scope(frozenset(one.household_id for one in questions))
        with self._database.reading(scope) as connection:
            zones = read_zones(connection, scope)
            asked: dict[int, _Asked] = {}
            for place, question in enumerate(questions):
                try:
                    asked[place] = self._read(question, zones)
                except HearthlinkError as error:
                    found[place] = error
            stand = read_standings(connection, [one.days for one in asked.values()])
            for (place, one), standing in zip(asked.items(), stand, strict=True):
                try:
                    found[place] = self._answer(connection, one, standing, now_ms)
                except HearthlinkError as error:
                    found[place] = error
        return [found[place] for place in range(len(questions))]

    def _read(self, question: Question, zones: Mapping[str, ZoneInfo]) -> _Asked:
        home = zones.get(question.household_id, self._zone)
        zone = question.zone or home
        start_ms, end_ms = span_between(question.start, question.to, zone)
        first = interval_at(start_ms, question.resolution, zone)
        last = interval_at(end_ms - 1, question.resolution, zone)
        if "\0" in question.meter or len(question.meter) > MAX_METER_ID_CHARS:
            # No meter is called so, and PostgreSQL takes no NUL to look for.
            raise unknown_meter(question.meter)
        days = Days(
            question.household_id,
            question.meter,
            day_of_instant(first.start_ms, home),
            day_of_instant(last.end_ms - 1, home),
        )
        return _Asked(question, zone, (first.start_ms, last.end_ms), days)

    def _answer(
        self, connection: Connection, asked: _Asked, standing: Standing | None, now_ms: int
    ) -> Answer:
        question = asked.question
        if standing is None:
            raise unknown_meter(question.meter)
        # An interval that has not begun is missing for another reason than one that has.
        begun = min(now_ms, asked.span_ms[1]) // SLOT_MS
        tag = tag_of(asked.days, standing, asked.zone.key, begun, self._version)
        if holds(question.tags, tag):
            return Answer(tag, None)
        scope = Scope.of(question.household_id)
        self._database.narrow(connection, scope)
        return Answer(tag, _document(connection, scope, asked, standing, now_ms))


def _document(
    connection: Connection, scope: Scope, asked: _Asked, standing: Standing, now_ms: int
) -> bytes:
    meter, medium = asked.question.meter, standing.medium
    intervals = asked.intervals()
    known = known_usage(
        connection, scope, meter, medium, asked.span_ms, has_imports=standing.import_count > 0
    )
    report: dict[str, Any] = {"meter": meter, "medium": medium, "zone": asked.zone.key}
    report["resolution"] = asked.question.resolution
    energies = None
    conversions = conversions_of(connection, scope, meter, medium, asked.zone)
    if conversions is not None:
        energies = Energies()
        energies.add(known["gas_l"], conversions)
        slots = (ms // SLOT_MS for ms in asked.span_ms)
        report["conversions"] = [one._asdict() for _, _, one in conversions.spans(*slots)]
    report["intervals"] = entries_of(known, intervals, now_ms, energies)
    return msgspec.json.encode(report)
