"""The display page as an ASGI application: the page, its view as JSON and as events, one setting.

Reads through the function it is given and changes nothing but the granularity, for which it wants
the PIN. It sets no cookie and asks nothing of any other machine.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.home.assets import load_assets
from agent.home.events import EventStream, ViewFeed
from agent.home.guard import Guard, problem
from agent.home.inputs import HomeInputs
from agent.home.pins import PinGate
from agent.home.view import build_view
from agent.liveness import Parts
from agent.metrics import MEDIA_TYPE
from shared.errors import HearthlinkError

MAX_BODY_BYTES = 1_024
"""A PIN and a word."""

MAX_PIN_CHARS = 64
"""Nobody types more at a display."""

ASSET_MAX_AGE_S = 31_536_000
"""A year: an asset's address changes with its content."""

NO_STORE = {"Cache-Control": "no-store"}


class GranularityChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /granularity` carries."""

    pin: str
    granularity: str


class Page:
    """The endpoints, over one feed of views and one PIN."""

    def __init__(
        self,
        read_inputs: Callable[[], HomeInputs],
        pin: str,
        set_granularity: Callable[[str], None],
        read_parts: Callable[[], Parts],
    ) -> None:
        self._read_inputs = read_inputs
        self._read_parts = read_parts
        self._gate = PinGate(pin)
        self._set_granularity = set_granularity
        self._assets = load_assets()
        self.feed = ViewFeed(self._encode_view, self._assets.build)

    async def show(self, _request: Request) -> Response:
        """Serve the page itself; a browser asks again each time, so an upgrade is seen at once."""
        page = self._assets.page
        return Response(page.content, media_type=page.media_type, headers=NO_STORE)

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
        if not self._gate.is_configured:
            return problem(
                403,
                "Read only",
                "This display has no PIN, so nothing can be changed here.",
                "Set a PIN for the page in the hub's configuration.",
            )
        change = await _read_change(request)
        if isinstance(change, Response):
            return change
        refusal = self._check_pin(change.pin)
        if refusal is not None:
            return refusal
        try:
            self._set_granularity(change.granularity)
        except HearthlinkError as error:
            return problem(422, "Not possible", error.message, error.hint)
        self.feed.forget()
        body = msgspec.json.encode({"granularity": change.granularity})
        return Response(body, media_type="application/json", headers=NO_STORE)

    def _check_pin(self, pin: str) -> Response | None:
        now_s = asyncio.get_running_loop().time()
        locked_s = self._gate.seconds_locked(now_s)
        if not locked_s:
            if self._gate.accepts(pin, now_s):
                return None
            locked_s = self._gate.seconds_locked(now_s)
            if not locked_s:
                return problem(401, "Wrong PIN", "That is not the PIN.", "Try again.")
        return problem(
            429,
            "Too many wrong PINs",
            f"Locked for {locked_s} seconds.",
            "Wait, then try again.",
            {"Retry-After": str(locked_s)},
        )

    def _encode_view(self) -> bytes:
        view = build_view(self._read_inputs())
        is_read_only = not self._gate.is_configured
        return msgspec.json.encode(msgspec.structs.replace(view, is_read_only=is_read_only))


def create_page(
    read_inputs: Callable[[], HomeInputs],
    *,
    allowed_hosts: frozenset[str],
    pin: str,
    set_granularity: Callable[[str], None],
    read_parts: Callable[[], Parts] = Parts,
    render_metrics: Callable[[], bytes] | None = None,
) -> Starlette:
    """Make the application.

    `read_inputs` is called in the event loop at most once a second, and only while someone watches;
    `allowed_hosts` are the names, without port, that the hub answers to beside the loopback's;
    `pin` "" makes the page read only; `set_granularity` raises HearthlinkError for what it refuses;
    `read_parts` says how the hub's other parts are; without `render_metrics` there is no
    `/metrics`.
    """
    page = Page(read_inputs, pin, set_granularity, read_parts)
    app = Starlette(
        routes=[
            Route("/", page.show),
            Route("/view.json", page.show_view),
            Route("/events", page.stream_events),
            Route("/healthz", page.show_health),
            Route("/static/{build}/{name}", page.show_asset),
            Route("/granularity", page.change_granularity, methods=["POST"]),
        ]
        + ([Route("/metrics", _metrics_of(render_metrics))] if render_metrics else []),
        middleware=[Middleware(Guard, allowed_hosts=allowed_hosts)],
    )
    app.state.feed = page.feed
    return app


def _metrics_of(render_metrics: Callable[[], bytes]) -> Callable[[Request], Awaitable[Response]]:
    async def show_metrics(_request: Request) -> Response:
        return Response(render_metrics(), media_type=MEDIA_TYPE, headers=NO_STORE)

    return show_metrics


def end_events(app: Starlette) -> None:
    """End every viewer's stream; a server that is told to stop would wait for them."""
    feed: ViewFeed = app.state.feed
    feed.close()


async def _read_change(request: Request) -> GranularityChange | Response:
    """Read the body within its limit; a browser's plain form is refused by its content type."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return problem(415, "Not JSON", "The body must be application/json.", "")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return problem(413, "Too large", f"The limit is {MAX_BODY_BYTES} bytes.", "")
    try:
        change = msgspec.json.decode(body, type=GranularityChange)
    except msgspec.MsgspecError as error:
        return problem(400, "Not understood", str(error), 'Send {"pin": …, "granularity": …}.')
    if len(change.pin) > MAX_PIN_CHARS:
        return problem(400, "Not understood", f"A PIN has at most {MAX_PIN_CHARS} characters.", "")
    return change
