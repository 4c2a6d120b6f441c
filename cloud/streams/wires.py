"""Beneath an answer that goes on: the connection itself, where the server lets it be found.

Through all layers of a request a message takes a tenth of a millisecond for each viewer, though its
bytes are the same for all. An answer in chunks is framed by each chunk alone, so that chunks can be
written beside the layers once the answer has begun, and until it ends.
"""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from cloud.live.messages import Message

EXTENSION = "hearthlink.wire"


class Wires:
    """The outermost layer: tells a GET over HTTP/1.1 of its connection, where the server has one.

    uvicorn's `send` is of an object that has the transport; another server's may not be, and then
    every message goes through the layers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["http_version"] == "1.1":
            transport = getattr(getattr(send, "__self__", None), "transport", None)
            if isinstance(transport, asyncio.Transport):
                known = scope.get("extensions") or {}
                scope["extensions"] = {**known, EXTENSION: transport}
        await self._app(scope, receive, send)


def wire_of(scope: Scope) -> Callable[[Message], bool] | None:
    """Find what writes to a request's connection; None where only the layers do.

    A connection that has not sent all of what it was given takes no more: messages wait in the
    viewer's bounded outbox then.
    """
    transport = (scope.get("extensions") or {}).get(EXTENSION)
    if transport is None:
        return None

    def write(message: Message) -> bool:
        if transport.is_closing() or transport.get_write_buffer_size():
            return False
        transport.write(message.chunk)
        return True

    return write
