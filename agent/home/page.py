"""The display page as an ASGI application: the page, its view as JSON and events, and changes.

Reads through the functions it is given; for a change, of the granularity or by a claim, it wants
the PIN (changes.py). It sets no cookie and asks nothing of any other machine.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.home.changes import Changes, ClaimOffer, FirstPin, GranularityChange
from agent.home.events import EventStream, ViewFeed
from agent.home.firstpin import FirstPinDoor
from agent.home.guard import Guard, refuse
from agent.home.inputs import HomeInputs
from agent.home.joining import JoinState, view_joining
from agent.home.local.endpoints import LocalApi, ReadDepartures, ReadPast
from agent.home.posts import HouseholdDoor, HouseholdPosts
from agent.home.problems import problem
from agent.home.view import build_view
from agent.liveness import Parts
from shared.assets import ASSET_MAX_AGE_S, Asset, load_assets
from shared.errors import HearthlinkError
from shared.exposition import MEDIA_TYPE

STATIC = Path(__file__).parent / "static"
STANDING = ("/app.webmanifest", "/icon.svg", "/icon-192.png", "/icon-512.png", "/worker.js")

NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class JoinDoor:
    """How the page sees and helps the hub's joining; `offer` raises OperatorError for no claim."""

    read: Callable[[], JoinState]
    offer: Callable[[str], None]


class Page:
    """The endpoints, over one feed of views and one PIN."""

    def __init__(
        self,
        read_inputs: Callable[[], HomeInputs],
        changes: Changes,
        set_granularity: Callable[[str], None],
        read_parts: Callable[[], Parts],
        joining: JoinDoor | None,
    ) -> None:
        self._read_inputs = read_inputs
        self._read_parts = read_parts
        self._changes = changes
        self._joining = joining
        self._set_granularity = set_granularity
        self._assets = load_assets(STATIC)
        self.feed = ViewFeed(self._encode_view, self._assets.build)

    async def show(self, _request: Request) -> Response:
        """Serve the page itself; a browser asks again each time, so an upgrade is seen at once."""
        return _send(self._assets.page)

    async def show_history(self, _request: Request) -> Response:
        """Serve the page of days, weeks, months and years."""
        return _send(self._assets.pages["history"])

    async def show_standing(self, request: Request) -> Response:
        """Serve a file at an address that stays: a worker reaches no further than its own folder.

        The icon and the manifest are named by what a browser has installed.
        """
        return _send(self._assets.files[request.url.path.removeprefix("/")])

    async def show_asset(self, request: Request) -> Response:
        """Serve a file of this build, to be kept for good."""
        asset = self._assets.files.get(request.path_params["name"])
        if asset is None or request.path_params["build"] != self._assets.build:
            return problem(404, "Not found", "There is no such file in this release.", "")
        return Response(
            asset.content,
            media_type=asset.media_type,
            headers={"Cache-Control": f"public, max-age={ASSET_MAX_AGE_S}, immutable"},
        )

    async def show_view(self, _request: Request) -> Response:
        """Serve the view as JSON, no older than a second."""
        return Response(self.feed.latest(), media_type="application/json", headers=NO_STORE)

    async def stream_events(self, _request: Request) -> Response:
        """Serve the view as events; refused where there are too many viewers."""
        if self.feed.is_full:
            return problem(
                503,
                "Too many viewers",
                f"{self.feed.viewers} displays are already watching.",
                "Close one of them.",
                {"Retry-After": "30"},
            )
        return EventStream(self.feed)

    async def show_health(self, _request: Request) -> Response:
        """Say that the page answers, how many are watching, and which other parts do not answer."""
        parts = msgspec.structs.asdict(self._read_parts())
        body = msgspec.json.encode({"status": "ok", "viewers": self.feed.viewers, **parts})
        return Response(body, media_type="application/json", headers=NO_STORE)

    async def change_granularity(self, request: Request) -> Response:
        """Change what may leave the home, for whoever knows the PIN."""
        change = await self._changes.read(request, GranularityChange)
        if isinstance(change, Response):
            return change
        try:
            self._set_granularity(change.granularity)
        except HearthlinkError as error:
            return problem(422, "Not possible", error.message, error.hint)
        self.feed.forget()
        body = msgspec.json.encode({"granularity": change.granularity})
        return Response(body, media_type="application/json", headers=NO_STORE)

    async def offer_claim(self, request: Request) -> Response:
        """Join a cloud by a claim, for whoever knows the PIN; how it goes is in the view.

        Once only: with the PIN alone a hub cannot be taken out of its cloud and into another.
        """
        offer = await self._changes.read(request, ClaimOffer)
        if isinstance(offer, Response):
            return offer
        if self._joining is None:
            return problem(
                409,
                "Not wanted",
                "This hub goes by the certificate named in its configuration.",
                "Take uplink.host out of it first.",
            )
        thing = self._joining.read().thing
        if thing:
            return problem(
                409,
                "Joined already",
                f"This hub is {thing} in a cloud already, and is not moved to another from here.",
                "Who looks after the hub gives it a new claim by 'hearthlink provision CLAIM' or a "
                "file on its card; to give it away, run 'hearthlink wipe' first.",
            )
        try:
            self._joining.offer(offer.claim)
        except HearthlinkError as error:
            return problem(422, "No claim", error.message, error.hint)
        self.feed.forget()
        return Response(b"{}", media_type="application/json", headers=NO_STORE, status_code=202)

    async def set_first_pin(self, request: Request) -> Response:
        """Set the page's PIN at its first use, for whoever has the hub in hand."""
        first = await self._changes.read(request, FirstPin)
        if isinstance(first, Response):
            return first
        address = request.client.host if request.client is not None else ""
        refusal = await self._changes.set_first_pin(first.pin, address)
        if refusal is not None:
            return refusal
        self.feed.forget()
        return Response(b"{}", media_type="application/json", headers=NO_STORE)

    def _encode_view(self) -> bytes:
        view = build_view(self._read_inputs())
        return msgspec.json.encode(
            msgspec.structs.replace(
                view,
                is_read_only=self._changes.is_read_only,
                may_set_pin=self._changes.may_set_pin,
                pin_hint=self._changes.pin_hint,
                token=self._changes.token,
                joining=view_joining(self._joining.read() if self._joining else None),
            )
        )


def create_page(
    read_inputs: Callable[[], HomeInputs],
    *,
    allowed_hosts: frozenset[str],
    framed_by: Sequence[str] = (),
    pin: str,
    set_granularity: Callable[[str], None],
    read_past: ReadPast,
    read_parts: Callable[[], Parts] = Parts,
    render_metrics: Callable[[], bytes] | None = None,
    first_pin: FirstPinDoor | None = None,
    joining: JoinDoor | None = None,
    household: HouseholdDoor | None = None,
    read_departures: ReadDepartures = lambda _day: (),
) -> Starlette:
    """Make the application.

    `read_inputs` is called in the event loop at most once a second, and only while someone watches;
    `allowed_hosts` are the names, without port, that the hub answers to beside the loopback's;
    `framed_by` the origins whose pages may show this one in a frame;
    `pin` "" makes the page read only until one is set by way of `first_pin`; `set_granularity`
    raises HearthlinkError for what it refuses; `read_past` reads what `/v1` and the history show;
    `read_parts` says how the hub's other parts are; without `render_metrics` there is no
    `/metrics`; `joining` lets a claim be given, `household` a message be acknowledged and a budget
    set; `read_departures` reads what left the home since a UTC day.
    """
    changes = Changes(pin, first_pin)
    page = Page(read_inputs, changes, set_granularity, read_parts, joining)
    local = LocalApi(read_inputs, read_past, read_departures)
    app = Starlette(
        routes=[
            Route("/", page.show),
            Route("/view.json", page.show_view),
            Route("/events", page.stream_events),
            Route("/healthz", page.show_health),
            Route("/static/{build}/{name}", page.show_asset),
            Route("/granularity", page.change_granularity, methods=["POST"]),
            Route("/claim", page.offer_claim, methods=["POST"]),
            Route("/pin", page.set_first_pin, methods=["POST"]),
            Route("/history", page.show_history),
            *(Route(path, page.show_standing) for path in STANDING),
            *(local.routes()),
        ]
        + ([Route("/metrics", _metrics_of(render_metrics))] if render_metrics else [])
        + (_household_routes(page, changes, household) if household else []),
        middleware=[Middleware(Guard, allowed_hosts=allowed_hosts, framed_by=framed_by)],
        exception_handlers={HTTPException: refuse, sqlite3.Error: refuse},
    )
    app.state.feed, app.state.local = page.feed, local
    app.state.token = changes.token
    return app


def _send(asset: Asset) -> Response:
    return Response(asset.content, media_type=asset.media_type, headers=NO_STORE)


def _household_routes(page: Page, changes: Changes, door: HouseholdDoor) -> list[Route]:
    posts = HouseholdPosts(changes, door, page.feed.forget)
    return [
        Route("/acknowledge", posts.acknowledge, methods=["POST"]),
        Route("/budget", posts.change_budget, methods=["POST"]),
    ]


def _metrics_of(render_metrics: Callable[[], bytes]) -> Callable[[Request], Awaitable[Response]]:
    async def show_metrics(_request: Request) -> Response:
        return Response(render_metrics(), media_type=MEDIA_TYPE, headers=NO_STORE)

    return show_metrics


def end_events(app: Starlette) -> None:
    """End every viewer's stream; a server that is told to stop would wait for them."""
    feeds: tuple[ViewFeed, ...] = (app.state.feed, app.state.local.feed)
    for feed in feeds:
        feed.close()
