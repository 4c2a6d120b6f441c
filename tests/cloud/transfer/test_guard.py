"""The limits that every request meets: size, pace and target."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from cloud import errors
from cloud.transfer.guard import MAX_BODY_BYTES, MAX_TARGET_BYTES, Guard, bytes_max_of
from tests.support.webserver import WebServer

PATIENCE_S = 0.05


def app_behind(guard: Callable[[Any], Any]) -> Any:
    """Make an application that reads its body, behind a guard."""
    app = FastAPI()
    errors.install(app)

    @app.post("/body")
    async def _body(request: Request) -> int:
        return len(await request.body())

    return guard(app)


async def send(app: Any, receive: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Send a request whose body comes as told; return what came back."""
    said: list[Any] = []

    async def hear(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/body",
        "raw_path": b"/body",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("x", 80),
    }
    await asyncio.wait_for(app(scope, receive, hear), 5)
    return said


def test_body_that_does_not_come_is_given_up() -> None:
    """408 after the patience, though the connection stays open."""

    async def never() -> Any:
        await asyncio.sleep(60)

    said = asyncio.run(send(app_behind(lambda app: Guard(app, PATIENCE_S)), never))

    assert said[0]["status"] == 408
    assert b"slow-body" in said[1]["body"]
    assert (b"connection", b"close") in said[0]["headers"]


def test_body_that_drips_is_given_up() -> None:
    """A byte now and then does not hold a connection: what came must come at a pace."""

    async def drip() -> Any:
        await asyncio.sleep(PATIENCE_S / 4)
        return {"type": "http.request", "body": b"x", "more_body": True}

    said = asyncio.run(send(app_behind(lambda app: Guard(app, PATIENCE_S)), drip))

    assert said[0]["status"] == 408


def test_connection_of_a_slow_body_is_closed() -> None:
    """A real server answers who dawdles, and lets go."""
    with (
        WebServer(app_behind(lambda app: Guard(app, PATIENCE_S))) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection,
    ):
        connection.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
        said = b"".join(iter(lambda: connection.recv(4_096), b""))

    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in said.lower()


def test_body_without_a_length_is_counted() -> None:
    """413 when the limit is passed, not when it ends."""
    parts = [{"type": "http.request", "body": b"x" * 300_000, "more_body": True}] * 10

    async def pour() -> Any:
        return parts.pop()

    said = asyncio.run(send(app_behind(Guard), pour))

    assert said[0]["status"] == 413
    assert parts, "the rest is not read"


def test_body_that_says_it_is_too_large_is_not_read() -> None:
    """413 at once, with the limit."""
    client = TestClient(app_behind(Guard))

    answer = client.post("/body", headers={"Content-Length": str(MAX_BODY_BYTES + 1)})

    assert answer.status_code == 413
    assert str(MAX_BODY_BYTES) in answer.json()["detail"]
    assert answer.json()["code"] == "too-large"


def test_good_body_passes() -> None:
    """Whole."""
    assert TestClient(app_behind(Guard)).post("/body", content=b"x" * 70_000).json() == 70_000


@pytest.mark.parametrize(
    ("target", "status"),
    [(f"/body?q={'x' * MAX_TARGET_BYTES}", 414), ("/body?q=%00", 400), ("/b%00dy", 400)],
)
def test_target_that_nothing_has_is_refused(target: str, status: int) -> None:
    """Too long, or with a NUL."""
    answer = TestClient(app_behind(Guard)).post(target)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_files_of_history_may_be_larger() -> None:
    """By their path, and what lies below it alone."""
    assert bytes_max_of("/v1/imports/1") == bytes_max_of("/v1/imports") > MAX_BODY_BYTES
    assert bytes_max_of("/v1/importsx") == MAX_BODY_BYTES
