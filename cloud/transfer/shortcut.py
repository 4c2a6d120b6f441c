"""Answers what is asked of plain routes, without the framework's own way to them.

For each request FastAPI walks its routers, opens exit stacks for what may have to be closed, and
reads each parameter by what its declaration says. What apps ask most, they ask of routes that need
none of it: these are called by their plans (`cloud/transfer/plans.py`). All else passes on to the
framework, and so does every question with something wrong in its parameters.
"""

from collections.abc import Mapping
from http import HTTPMethod
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
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


def _places(owner: FastAPI) -> dict[int, list[_Place]]:
    """List by number of slashes which routes take paths of so many, in the framework's order."""
    listed = []
    for context in iter_route_contexts(owner.routes):
        route = context.original_route
        methods = getattr(context, "methods", None)
        if isinstance(route, WebSocketRoute) or (methods and HTTPMethod.GET not in methods):
            continue
        regex = getattr(context, "path_regex", None)
        if regex is None:
            # It may take any path: nothing behind it is known to be reached.
            break
        slashes = None
        if isinstance(route, APIRoute) and has_plain_path(route):
            slashes = route.path_format.count("/")
        listed.append(_Place(slashes, regex, route, plan_of(context)))
    depths = {one.slashes for one in listed} - {None}
    return {
        depth: [one for one in listed if one.slashes in (None, depth)]
        for depth in depths
        if depth is not None
    }
