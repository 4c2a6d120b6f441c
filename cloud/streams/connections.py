"""A viewer's outbox carried over its connection: as server-sent events, or over a WebSocket.

One write a message: the bytes are the feed's. Events are written by the feed itself where the
connection takes them (`wires.py`). One that cannot be written to waits here, and its outbox drops
the oldest meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from cloud.live.messages import Message
from cloud.live.viewers import Viewer, Write
from cloud.streams.wires import wire_of

SEE_YOU = 1012
"""The close code of a service that restarts: come again, and nothing is lost."""

POLICY = 1008

MAX_CLIENT_MESSAGES = 100
"""A client has nothing to say here but pings of its own making, one a few seconds."""

Watch = Callable[[], AbstractContextManager[Viewer]]
First = Callable[[Viewer], Message]
"""Writes a stream's first message."""


class EventStream(Response):
    """The answer that goes on: each message as an event until the viewer or the service leaves."""

    media_type = "text/event-stream"

    def __init__(self, watch: Watch, first: First) -> None:
        # A proxy that buffers or compresses an event holds it back.
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._watch = watch
        self._first = first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; part of ASGI."""
        await send(
            {
                "type": "http.response.start",
                "status": HTTPStatus.OK,
                "headers": self.raw_headers,
            }
        )

        async def say(message: Message) -> None:
            body = {"type": "http.response.body", "body": message.sse, "more_body": True}
            await send(body)

        await _carry(self._watch, self._first, say, lambda: _left(receive), wire_of(scope))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def serve_socket(socket: WebSocket, watch: Watch, first: First) -> None:
    """Send each message as a text over a WebSocket that was accepted, then close it."""

    async def say(message: Message) -> None:
        await socket.send({"type": "websocket.send", "text": message.text})

    code = SEE_YOU
    if await _carry(watch, first, say, lambda: _closed(socket)) == POLICY:
        code = POLICY
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code)


async def _carry(
    watch: Watch,
    first: First,
    say: Callable[[Message], Awaitable[None]],
    left: Callable[[], Awaitable[int]],
    write: Write | None = None,
) -> int:
    """Say what the viewer is told until it is over or the other end has left; returns why."""
    with watch() as viewer:
        reasons: list[int] = []

        async def wait() -> None:
            reasons.append(await left())
            viewer.end()

        waiting = asyncio.create_task(wait(), name="live viewer leaves")
        try:
            await say(first(viewer))
            viewer.write_by(write)
            while not reasons and (messages := await viewer.take()):
                for message in messages:
                    await say(message)
        except (OSError, WebSocketDisconnect):
            # Gone in the middle of a word.
            reasons.append(0)
        finally:
            viewer.write_by(None)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    return reasons[0] if reasons else 0


async def _left(receive: Receive) -> int:
    while (await receive())["type"] != "http.disconnect":
        pass
    return 0


async def _closed(socket: WebSocket) -> int:
    """Wait until a client leaves, or talks too much."""
    for _ in range(MAX_CLIENT_MESSAGES):
        said: dict[str, Any] = dict(await socket.receive())
        if said["type"] == "websocket.disconnect":
            return 0
    return POLICY
