"""The first thing a request meets: limits of its path, its body's size and its body's pace.

Endpoints have narrower limits of their own; these hold for every one, before anything is parsed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.errors import problem_response

MAX_BODY_BYTES = 1 << 20
"""More than any document of the API; a tariff may have 256 KiB, a frame 128."""

MAX_IMPORT_BYTES = 16 << 20
"""Files of history: ten years of half hours as CSV, three as Green Button XML."""

BODY_BYTES_MAX: Mapping[str, int] = {"/v1/imports": MAX_IMPORT_BYTES}
"""Paths, with all below them, that take more."""

MAX_TARGET_BYTES = 8_192
"""Path and query; the longest that the API itself asks for has some hundred bytes."""

PATIENCE_S = 20.0
"""What a body may take whatever its size: a phone on a bad line sends a document in seconds."""

PACE_BYTES_PER_S = 4_096
"""What it must bring beyond that: slower than any line in use, faster than who only holds on."""


class Guard:
    """Refuses what is too large (413, 414), too slow (408), or has a NUL in its target (400)."""

    def __init__(
        self,
        app: ASGIApp,
        patience_s: float = PATIENCE_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._patience_s = patience_s
        self._monotonic_s = monotonic_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bytes_max = bytes_max_of(scope["path"])
        fault = _fault(scope, bytes_max)
        if fault is not None:
            status, detail = fault
            headers = {"Connection": "close", "Cache-Control": "no-store"}
            response = problem_response(status, detail, headers=headers)
            await response(scope, receive, send)
            return
        body = _Body(receive, bytes_max, self._patience_s, self._monotonic_s)
        await self._app(scope, body.receive, send)


def bytes_max_of(path: str) -> int:
    """Say how large a path's body may be."""
    for prefix, bytes_max in BODY_BYTES_MAX.items():
        if path == prefix or path.startswith(f"{prefix}/"):
            return bytes_max
    return MAX_BODY_BYTES


def _fault(scope: Scope, bytes_max: int) -> tuple[HTTPStatus, str] | None:
    target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if target > MAX_TARGET_BYTES:
        return (
            HTTPStatus.REQUEST_URI_TOO_LONG,
            f"path and query of {target} bytes; the limit is {MAX_TARGET_BYTES}",
        )
    # PostgreSQL keeps no text with a NUL, and no identifier or time has one.
    if "\0" in scope["path"]:
        return HTTPStatus.BAD_REQUEST, "the path has a NUL"
    if b"%00" in scope["query_string"]:
        return HTTPStatus.BAD_REQUEST, f"{_with_nul(scope['query_string'])} has a NUL"
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > bytes_max:
            return (
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a body of {int(value)} bytes; the limit is {bytes_max}",
            )
    return None


def _with_nul(query: bytes) -> str:
    """Name the parameter of a query that has a NUL."""
    parameters = (one.partition(b"=") for one in query.split(b"&"))
    found = next((name for name, _, value in parameters if b"%00" in value), b"the query")
    return unquote(found.decode("latin-1"))


class _Body:
    """A request's body as it comes, counted and timed; raises HTTPException 408 and 413."""

    def __init__(
        self,
        receive: Receive,
        bytes_max: int,
        patience_s: float,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._receive = receive
        self._bytes_max = bytes_max
        self._patience_s = patience_s
        self._monotonic_s = monotonic_s
        self._began_s: float | None = None
        self._bytes = 0
        self._is_over = False

    async def receive(self) -> Message:
        """Wait for the next part; past the body, for the end of the connection."""
        if self._is_over:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._left_s())
        except TimeoutError as error:
            self._is_over = True
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT,
                f"{self._bytes} bytes of the body came in {self._patience_s:g} s and more",
                headers={"Connection": "close"},
            ) from error
        self._bytes += len(message.get("body", b""))
        self._is_over = not message.get("more_body", False)
        if self._bytes > self._bytes_max:
            self._is_over = True
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the limit is {self._bytes_max} bytes",
                headers={"Connection": "close"},
            )
        return message

    def _left_s(self) -> float:
        now_s = self._monotonic_s()
        if self._began_s is None:
            self._began_s = now_s
        due_s = self._began_s + self._patience_s + self._bytes / PACE_BYTES_PER_S
        return max(due_s - now_s, 0.0)
