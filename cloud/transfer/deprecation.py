"""What of the API goes away, since when and until when: announced in each answer that uses it.

docs/reference/api.md has the policy. A row stays until what it names is gone.
"""

import datetime as dt
from email.utils import format_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Deprecation(NamedTuple):
    """A path's operation that goes away, or with `parameter` that parameter alone."""

    method: str
    path: str
    since: dt.date
    sunset: dt.date
    instead: str
    parameter: str = ""


_SINCE = dt.date(2026, 11, 22)
_SUNSET = dt.date(2027, 11, 22)

DEPRECATIONS = (
    Deprecation("GET", "/v1/fleet/hubs", _SINCE, _SUNSET, "cursor", "after"),
    Deprecation("GET", "/v1/fleet/jobs", _SINCE, _SUNSET, "cursor", "before"),
    Deprecation("GET", "/v1/fleet/jobs/{job_id}/executions", _SINCE, _SUNSET, "cursor", "after"),
)
"""A year between the two at least: apps in stores are slow to change."""


class Announcements:
    """Adds `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a link to answers that need them."""

    def __init__(self, app: ASGIApp, deprecations: tuple[Deprecation, ...] = DEPRECATIONS) -> None:
        self._app = app
        self._by_place: dict[tuple[str, str], list[Deprecation]] = {}
        for one in deprecations:
            self._by_place.setdefault((one.method, one.path), []).append(one)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                used = self._used(scope)
                if used is not None:
                    _announce(MutableHeaders(raw=message["headers"]), used)
            await send(message)

        await self._app(scope, receive, sending)

    def _used(self, scope: Scope) -> Deprecation | None:
        """Find what a request used of what goes away; of several, what goes first."""
        path = getattr(scope.get("route"), "path_format", "")
        there = self._by_place.get((scope["method"], path), [])
        if not there:
            return None
        given = parse_qs(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
        used = [one for one in there if not one.parameter or one.parameter in given]
        return min(used, key=lambda one: one.sunset, default=None)


def mark(document: dict[str, Any]) -> None:
    """Mark in an OpenAPI document what goes away."""
    for one in DEPRECATIONS:
        operation = document["paths"][one.path][one.method.lower()]
        if not one.parameter:
            operation["deprecated"] = True
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == one.parameter:
                parameter["deprecated"] = True


def _announce(headers: MutableHeaders, used: Deprecation) -> None:
    headers["Deprecation"] = f"@{int(_midnight(used.since).timestamp())}"
    headers["Sunset"] = format_datetime(_midnight(used.sunset), usegmt=True)
    headers.append("Link", '</docs>; rel="deprecation"; type="text/html"')


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
