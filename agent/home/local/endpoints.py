"""`/v1` of the hub: now, meters, usage and costs as JSON, events and CSV. Read only.

It answers whoever reaches the page, as the page does: what it says is on the display anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.departures import DepartureLine
from agent.home.events import EventStream, ViewFeed
from agent.home.inputs import HomeInputs
from agent.home.local.questions import (
    MAX_INTERVALS,
    MAX_PRICED_INTERVALS,
    Format,
    Question,
    read_question,
    read_word,
)
from agent.home.local.served import Past, Used, entry_of, spent_in, used_in
from agent.home.local.table import write_csv
from agent.home.problems import problem
from agent.home.shown import build_shown
from shared.calendar import Interval
from shared.errors import BadInputError
from shared.instants import format_utc
from shared.readings import Medium
from shared.tariffs import Tariff
from shared.units import MS_PER_DAY

NO_STORE = {"Cache-Control": "no-store"}
DEPARTURE_DAYS = 31
"""What left longer ago is in `hearthlink log sent`."""

MAX_WAITING = 8
"""Questions about the past that wait for their turn; each takes a second of a year."""


class ReadPast(Protocol):
    """Reads half hours of any age, and makes an answer of them away from the event loop."""

    def __call__(
        self,
        span: Interval,
        medium: Medium,
        meters: frozenset[str] | None,
        make: Callable[[Past], bytes],
    ) -> Awaitable[bytes]:
        """Read `span`: the home's totals, or `meters` alone."""


ReadDepartures = Callable[[int], Sequence[DepartureLine]]
"""Reads what left the home since a UTC day, by its number; called in a thread."""


class LocalApi:
    """The endpoints under `/v1`, over one feed of what is shown."""

    def __init__(
        self,
        read_inputs: Callable[[], HomeInputs],
        read_past: ReadPast,
        read_departures: ReadDepartures = lambda _day: (),
    ) -> None:
        self._read_inputs = read_inputs
        self._read_past = read_past
        self._read_departures = read_departures
        self._waiting = 0
        self.feed = ViewFeed(lambda: msgspec.json.encode(build_shown(read_inputs())), "shown")

    def routes(self) -> Sequence[Route]:
        """List the routes."""
        return [
            Route("/v1/now", self.show_now),
            Route("/v1/events", self.stream_now),
            Route("/v1/meters", self.list_meters),
            Route("/v1/usage", self.show_usage),
            Route("/v1/costs", self.show_costs),
            Route("/v1/exports/usage", self.export_usage),
            Route("/v1/departures", self.list_departures),
        ]

    async def show_now(self, _request: Request) -> Response:
        """Serve what every display shows, no older than a second."""
        return Response(self.feed.latest(), media_type="application/json", headers=NO_STORE)

    async def stream_now(self, _request: Request) -> Response:
        """Serve the same as events; refused where there are too many viewers."""
        if self.feed.is_full:
            return problem(
                503,
                "Too many viewers",
                f"{self.feed.viewers} programs are already listening.",
                "Close one of them.",
                {"Retry-After": "30"},
            )
        return EventStream(self.feed)

    async def list_meters(self, _request: Request) -> Response:
        """List the meters heard since the start, each with its latest registers."""
        inputs = self._read_inputs()
        return _json(
            {
                "meters": [
                    {
                        "meter": one.meter,
                        "medium": one.medium,
                        "role": one.role,
                        "taken_at": format_utc(one.taken_at_ms),
                        "age_ms": one.age_ms,
                        "registers": one.registers,
                    }
                    for one in inputs.meters
                ]
            }
        )

    async def show_usage(self, request: Request) -> Response:
        """Serve usage by interval."""
        return await self._answer(request, MAX_INTERVALS, self._usage)

    async def show_costs(self, request: Request) -> Response:
        """Serve what was spent by interval, under the tariff that the hub knows."""
        return await self._answer(request, MAX_PRICED_INTERVALS, self._costs)

    async def export_usage(self, request: Request) -> Response:
        """Serve usage as a file."""
        return await self._answer(request, MAX_INTERVALS, self._export)

    async def list_departures(self, _request: Request) -> Response:
        """Serve what left the home in the last month, by day, meter and granularity."""
        if self._waiting >= MAX_WAITING:
            return self._busy()
        today = self._read_inputs().now_ms // MS_PER_DAY
        self._waiting += 1
        try:
            since_utc_day = today - DEPARTURE_DAYS + 1
            lines = await asyncio.to_thread(self._read_departures, since_utc_day)
        finally:
            self._waiting -= 1
        return _json({"days": DEPARTURE_DAYS, "departures": lines})

    def _busy(self) -> Response:
        detail = f"{self._waiting} questions about the past are waiting."
        headers = {"Retry-After": "5"}
        return problem(503, "Busy", detail, "Ask again in a moment.", headers)

    async def _answer(
        self,
        request: Request,
        intervals_max: int,
        serve: Callable[[Request, Question, HomeInputs], Awaitable[Response]],
    ) -> Response:
        inputs = self._read_inputs()
        try:
            meters = request.query_params.getlist("meter")
            asked = read_question(request.query_params, meters, inputs.zone, intervals_max)
            if unknown := unknown_meters(asked, inputs):
                return _unknown(unknown)
            if self._waiting >= MAX_WAITING:
                return self._busy()
            self._waiting += 1
            try:
                return await serve(request, asked, inputs)
            finally:
                self._waiting -= 1
        except BadInputError as error:
            return problem(422, "Not understood", error.message, error.hint)

    async def _usage(self, _request: Request, asked: Question, inputs: HomeInputs) -> Response:
        series = {"meters": sorted(asked.meters)} if asked.meters else {}

        def make(past: Past) -> bytes:
            intervals = [entry_of(one) for one in _used(past, asked, inputs)]
            return msgspec.json.encode(
                {**_head(asked, inputs), "series": [{**series, "intervals": intervals}]}
            )

        return _sent(await self._read_past(asked.span, asked.medium, asked.meters, make))

    async def _costs(self, _request: Request, asked: Question, inputs: HomeInputs) -> Response:
        tariff = _tariff_of(asked.medium, inputs)
        if tariff is None:
            raise BadInputError(
                f"the hub knows no tariff for {asked.medium.value}",
                hint="enter it in the app, or on the hub: hearthlink tariff import FILE",
            )

        def make(past: Past) -> bytes:
            spent = spent_in(
                past, asked.medium, asked.intervals, tariff, inputs.zone, inputs.now_ms
            )
            return msgspec.json.encode(
                {
                    **_head(asked, inputs),
                    "tariff": tariff.name,
                    "currency": tariff.currency,
                    "intervals": list(spent),
                }
            )

        return _sent(await self._read_past(asked.span, asked.medium, asked.meters, make))

    async def _export(self, request: Request, asked: Question, inputs: HomeInputs) -> Response:
        written = read_word(request.query_params, "format", Format, Format.CSV)
        if written is Format.JSON:
            answer = await self._usage(request, asked, inputs)
        else:

            def make(past: Past) -> bytes:
                return write_csv(asked.medium, _used(past, asked, inputs), inputs.zone).encode()

            body = await self._read_past(asked.span, asked.medium, asked.meters, make)
            answer = _sent(body, "text/csv; charset=utf-8")
        days = "_".join(format_utc(at_ms)[:10] for at_ms in asked.span)
        answer.headers["Content-Disposition"] = (
            f'attachment; filename="hearthlink-{asked.medium.value}-{days}.{written.value}"'
        )
        return answer


def unknown_meters(asked: Question, inputs: HomeInputs) -> list[str]:
    """List the meters asked for that this hub has neither heard nor in its log."""
    heard = {one.meter for one in inputs.meters}
    return sorted((asked.meters or frozenset()) - inputs.logged_meters - heard)


def _unknown(meters: Sequence[str]) -> Response:
    detail = f"This hub knows no meter {', '.join(map(repr, meters))}."
    return problem(404, "No such meter", detail, "GET /v1/meters lists those heard lately.")


def _used(past: Past, asked: Question, inputs: HomeInputs) -> Iterable[Used]:
    return used_in(past, asked.intervals, inputs.gas_tariff, inputs.now_ms)


def _tariff_of(medium: Medium, inputs: HomeInputs) -> Tariff | None:
    return {Medium.ELECTRICITY: inputs.tariff, Medium.GAS: inputs.gas_tariff}.get(medium)


def _head(asked: Question, inputs: HomeInputs) -> dict[str, Any]:
    return {"medium": asked.medium, "zone": inputs.zone.key, "resolution": asked.resolution}


def _json(body: object) -> Response:
    return _sent(msgspec.json.encode(body))


def _sent(body: bytes, media_type: str = "application/json") -> Response:
    return Response(body, media_type=media_type, headers=NO_STORE)
