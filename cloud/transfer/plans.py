"""How a plain route reads what it is asked: worked out once, where the framework does each time.

A route is plain if it answers with a `Response` and depends on coroutines alone, and these on paths
and queries. Where a parameter is not as it should be a plan has no answer: what is wrong with it,
the framework says.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple, get_origin
from urllib.parse import parse_qsl

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.convertors import StringConvertor
from starlette.requests import Request
from starlette.responses import Response

from cloud.transfer.media import check_media_type

Query = Sequence[tuple[str, str]]

_AMISS = object()
"""In place of a value: a parameter is not as it should be."""


class _Field(NamedTuple):
    """A parameter; `check` gives its value and what is wrong with it."""

    name: str
    key: str
    is_many: bool
    is_required: bool
    default: Any
    check: Callable[..., tuple[Any, Any]]

    def read(self, given: Mapping[str, Any], query: Query) -> Any:
        """Read it from a path's or a query's values."""
        value: Any = given.get(self.key)
        if value is None:
            return _AMISS if self.is_required else deepcopy(self.default)
        if self.is_many:
            value = [one for key, one in query if key == self.key]
        found, faults = self.check(value)
        return _AMISS if faults else found


class _Asked(NamedTuple):
    """A request as plans look at it; `solved` is what dependencies gave."""

    request: Request
    path: Mapping[str, str]
    query: Query
    by_key: Mapping[str, str]
    solved: dict[Any, Any]


class Plan:
    """What a route, or what it depends on, is called with."""

    def __init__(self, dependant: Dependant, parts: "Sequence[tuple[str | None, Plan]]") -> None:
        self.call: Any = dependant.call
        self._parts = parts
        self._path = [_field(one) for one in dependant.path_params]
        self._query = [_field(one) for one in dependant.query_params]
        names = (dependant.request_param_name, dependant.http_connection_param_name)
        self._request_names = [name for name in names if name]
        self._is_coroutine = _is_coroutine(self.call)

    async def answer(self, request: Request, path: Mapping[str, str]) -> Response | None:
        """Answer a request; None where the framework has to. Raises what the route raises."""
        text = request.scope["query_string"].decode("latin-1")
        query = parse_qsl(text, keep_blank_values=True)
        asked = _Asked(request, path, query, dict(query), {})
        response: Response | object = await self.solve(asked)
        return response if isinstance(response, Response) else None

    async def solve(self, asked: _Asked) -> Any:
        """Call it, after what it depends on, each of which is called once for a request."""
        values: dict[str, Any] = {}
        for name, part in self._parts:
            if part.call in asked.solved:
                found = asked.solved[part.call]
            else:
                found = asked.solved[part.call] = await part.solve(asked)
            if found is _AMISS:
                return _AMISS
            if name is not None:
                values[name] = found
        for fields, given in ((self._path, asked.path), (self._query, asked.by_key)):
            for field in fields:
                found = values[field.name] = field.read(given, asked.query)
                if found is _AMISS:
                    return _AMISS
        for name in self._request_names:
            values[name] = asked.request
        if self._is_coroutine:
            return await self.call(**values)
        return await run_in_threadpool(self.call, **values)


def plan_of(context: RouteContext) -> Plan | None:
    """Work out how a route is called; None for one that is not plain."""
    route = context.original_route
    if not isinstance(route, APIRoute) or not has_plain_path(route):
        return None
    if route.body_field or "requestBody" in (route.openapi_extra or {}):
        return None
    answers_with = inspect.signature(route.endpoint).return_annotation
    if not (inspect.isclass(answers_with) and issubclass(answers_with, Response)):
        return None
    return _plan(context.dependant, is_endpoint=True)


def has_plain_path(route: APIRoute) -> bool:
    """Tell whether each parameter of a path is the text between two slashes."""
    return all(type(one) is StringConvertor for one in route.param_convertors.values())


def _plan(dependant: Dependant, *, is_endpoint: bool = False) -> Plan | None:
    is_plain = not (
        dependant.header_params
        or dependant.cookie_params
        or dependant.body_params
        or dependant.websocket_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
        or dependant.concurrency
        or not dependant.use_cache
        or any(_is_structure(one) for one in (*dependant.path_params, *dependant.query_params))
    )
    if not is_plain or not (is_endpoint or _is_coroutine(dependant.call)):
        return None
    parts: list[tuple[str | None, Plan]] = []
    for one in dependant.dependencies:
        if one.call is check_media_type:
            # Of requests with a body; a plain route takes none.
            continue
        part = _plan(one)
        if part is None:
            return None
        parts.append((one.name, part))
    return Plan(dependant, parts)


def _field(param: Any) -> _Field:
    info = param.field_info
    is_many = get_origin(info.annotation) in (list, set, tuple)
    is_required = bool(info.is_required())
    default = None if is_required else param.default
    return _Field(param.name, param.alias, is_many, is_required, default, param.validate)


def _is_structure(param: Any) -> bool:
    """Tell whether a parameter is read otherwise than by its name alone."""
    kind = param.field_info.annotation
    is_model = inspect.isclass(kind) and issubclass(kind, BaseModel)
    return is_model or bool(param.field_info.validate_default) or not _has_one_name(param)


def _has_one_name(param: Any) -> bool:
    other = param.field_info.validation_alias
    return other is None or other == param.alias


def _is_coroutine(call: Any) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
        getattr(call, "__call__", None)  # noqa: B004  # an object that is called
    )
