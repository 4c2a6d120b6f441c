"""Answers what one meter used: questions that come together share a transaction, not their rows.

What is asked about the meters themselves is asked for all at once; a meter's readings are then read
under its own household alone, in PostgreSQL too, and only where the client lacks the answer.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise, starmap
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
from cloud.readings.measured import (
    may_be_measured,
    measured_amounts,
    stretches_for,
    write_entries,
)
from cloud.readings.packed import Packed, read_packed
from cloud.readings.passages import write_passages
from cloud.readings.periods import span_between
from cloud.readings.usage import Known
from cloud.readings.validators import Days, Standing, read_standings, tag_of
from cloud.scope import Scope
from cloud.transfer.negotiation import holds
from shared.calendar import Interval, Resolution, bounds_between, interval_at
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

    def bounds_ms(self) -> Sequence[int]:
        """List where intervals begin, and where the last ends; BadInputError for too many."""
        return bounds_between(*self.span_ms, self.question.resolution, self.zone, MAX_INTERVALS)


class _Wanted(NamedTuple):
    """What a client lacks, how the meter stands, and the tag of what it will have."""

    asked: _Asked
    standing: Standing
    tag: str


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
        # Begun for nobody: the first question in it names whom all are for, and then each its own.
        with self._database.reading() as connection:
            zones = read_zones(self._database, connection, scope)
            asked: dict[int, _Asked] = {}
            for place, question in enumerate(questions):
                try:
                    asked[place] = self._read(question, zones)
                except HearthlinkError as error:
                    found[place] = error
            stand = read_standings(self._database, connection, [one.days for one in asked.values()])
            wanted: dict[int, _Wanted] = {}
            for (place, one), standing in zip(asked.items(), stand, strict=True):
                if standing is None:
                    found[place] = unknown_meter(one.question.meter)
                    continue
                tag = self._tag(one, standing, now_ms)
                if holds(one.question.tags, tag):
                    found[place] = Answer(tag, None)
                else:
                    wanted[place] = _Wanted(one, standing, tag)
            if wanted:
                found |= self._documents(connection, wanted, now_ms)
        return [found[place] for place in range(len(questions))]

    def _documents(
        self, connection: Connection, wanted: Mapping[int, _Wanted], now_ms: int
    ) -> dict[int, Answer | Exception]:
        """Read and write what clients lack, each household's under its own name alone."""
        usual = {
            place: stretches_for(*one.asked.days[:2], one.asked.span_ms)
            for place, one in wanted.items()
            if may_be_measured(one.standing)
        }
        read = read_packed(self._database, connection, list(usual.values()))
        packed = dict(zip(usual, read, strict=True))
        found: dict[int, Answer | Exception] = {}
        for place, one in wanted.items():
            try:
                document = self._document(connection, one, packed.get(place, {}), now_ms)
            except HearthlinkError as error:
                found[place] = error
            else:
                found[place] = Answer(one.tag, document)
        return found

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

    def _tag(self, asked: _Asked, standing: Standing, now_ms: int) -> str:
        # An interval that has not begun is missing for another reason than one that has.
        begun = min(now_ms, asked.span_ms[1]) // SLOT_MS
        return tag_of(asked.days, standing, asked.zone.key, begun, self._version)

    def _document(
        self, connection: Connection, wanted: _Wanted, packed: Packed, now_ms: int
    ) -> bytes:
        asked, standing = wanted.asked, wanted.standing
        report: dict[str, Any] = {
            "meter": asked.question.meter,
            "medium": standing.medium,
            "zone": asked.zone.key,
            "resolution": asked.question.resolution,
        }
        bounds_ms = asked.bounds_ms()
        amounts = measured_amounts(packed, standing.medium, bounds_ms)
        if amounts is not None:
            report["intervals"] = write_entries(amounts, bounds_ms)
            return msgspec.json.encode(report)
        scope = Scope.of(asked.question.household_id)
        self._database.narrow(connection, scope)
        passages = None
        if bounds_ms[-1] - bounds_ms[0] > SHARED_SPAN_MS:
            judge = partial(_known, connection, scope, wanted)
            passages = write_passages(packed, standing.medium, bounds_ms, now_ms, judge)
        if passages is not None:
            report["intervals"] = passages
        else:
            report |= _judged(connection, scope, wanted, bounds_ms, now_ms)
        return msgspec.json.encode(report)


def _known(
    connection: Connection, scope: Scope, wanted: _Wanted, bounds_ms: Sequence[int]
) -> dict[str, Known]:
    meter, standing = wanted.asked.question.meter, wanted.standing
    span_ms = bounds_ms[0], bounds_ms[-1]
    has_imports = standing.import_count > 0
    return known_usage(connection, scope, meter, standing.medium, span_ms, has_imports=has_imports)


def _judged(
    connection: Connection,
    scope: Scope,
    wanted: _Wanted,
    bounds_ms: Sequence[int],
    now_ms: int,
) -> dict[str, Any]:
    """Write intervals, one half hour looked at after the other."""
    asked, standing = wanted.asked, wanted.standing
    intervals = list(starmap(Interval, pairwise(bounds_ms)))
    meter, medium = asked.question.meter, standing.medium
    known = _known(connection, scope, wanted, bounds_ms)
    conversions = conversions_of(connection, scope, meter, medium, asked.zone)
    if conversions is None:
        return {"intervals": entries_of(known, intervals, now_ms, None)}
    energies = Energies()
    energies.add(known["gas_l"], conversions)
    slots = (ms // SLOT_MS for ms in asked.span_ms)
    spans = [one._asdict() for _, _, one in conversions.spans(*slots)]
    return {"conversions": spans, "intervals": entries_of(known, intervals, now_ms, energies)}
