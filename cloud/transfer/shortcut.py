"""Answers what is asked of plain routes, without the framework's own way to them.

For each request FastAPI walks its routers, opens exit stacks for what may have to be closed, and
reads each parameter by what its declaration says. What apps ask most, they ask of routes that need
none of it: these are called by their plans (`cloud/transfer/plans.py`). All else passes on to the
framework, and so does every question with something wrong in its parameters.
"""

from collections.abc import Mapping
from http import HTTPMethod
from typing import Any, NamedTuple

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from cloud.transfer.plans import Plan, has_plain_path, plan_of


class _Place(NamedTuple):
    """Paths that a route takes; `slashes` is how many they have, None for any number."""

    slashes: int | None
    regex: Any
    route: Any
    plan: Plan | None


class Shortcut:
    """The innermost layer: a plain route's request, or on to the framework."""

    def __init__(self, app: ASGIApp, owner: FastAPI) -> None:
        self._app = app
        self._handlers: dict[Any, Any] = {
            # What nobody foresaw is the outermost layer's, as for any other route.
            kind: handler
            for kind, handler in owner.exception_handlers.items()
            if kind is not Exception
        }
        self._places = _places(owner)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_ours = scope["type"] == "http" and scope["method"] == HTTPMethod.GET
        found = self._find(scope["path"]) if is_ours and not scope.get("root_path") else None
        response = None
        if found is not None:
            response = await self._answer(*found, Request(scope, receive, send))
        await (response or self._app)(scope, receive, send)

    def _find(self, path: str) -> tuple[_Place, Plan, dict[str, str]] | None:
        """Find the plan of the first route that takes a path, where that has one."""
        for place in self._places.get(path.count("/"), ()):
            match = place.regex.match(path)
            if match is not None:
                return None if place.plan is None else (place, place.plan, match.groupdict())
        return None

    async def _answer(
        self, place: _Place, plan: Plan, path: Mapping[str, str], request: Request
    ) -> Response | None:
        scope = request.scope
        scope["route"], scope["endpoint"], scope["path_params"] = place.route, plan.call, path
        try:
            return await plan.answer(request, path)
        except Exception as error:
            for kind in type(error).__mro__:
                if kind in self._handlers:
                    response: Response = await self._handlers[kind](request, error)
                    return response
            raise


_known: dict[int, tuple[APIRouter, list[_Place]]] = {}
"""Each router of the process with its places: an application includes it in one way, at each start.

The framework takes 0.2 s to work out a hundred of them.
"""


def _places(owner: FastAPI) -> dict[int, list[_Place]]:
    """List by number of slashes which routes take paths of so many, in the framework's order."""
    listed: list[_Place] = []
    for route in owner.routes:
        found = _places_at(route)
        listed += found
        if found and found[-1].regex is None:
            # It may take any path: nothing behind it is known to be reached.
            listed.pop()
            break
    depths = {one.slashes for one in listed} - {None}
    return {
        depth: [one for one in listed if one.slashes in (None, depth)]
        for depth in depths
        if depth is not None
    }


def _places_at(route: BaseRoute) -> list[_Place]:
    """List the places of a route, or of a router that is included there."""
    router = getattr(route, "original_router", None)
    if router is None:
        return _worked_out(route)
    if id(router) not in _known:
        _known[id(router)] = (router, _worked_out(route))
    return _known[id(router)][1]


def _worked_out(included: BaseRoute) -> list[_Place]:
    """Work out places; one without a regex takes any path, and ends the list."""
    listed = []
    for context in iter_route_contexts([included]):
        route = context.original_route
        methods = getattr(context, "methods", None)
        if isinstance(route, WebSocketRoute) or (methods and HTTPMethod.GET not in methods):
            continue
        regex = getattr(context, "path_regex", None)
        slashes = None
        if regex is not None and isinstance(route, APIRoute) and has_plain_path(route):
            slashes = route.path_format.count("/")
        listed.append(_Place(slashes, regex, route, plan_of(context) if regex else None))
        if regex is None:
            break
    return listed
