"""The view as server-sent events: one view computed a second for all viewers, sent when it changed.

Owns the number of viewers and the end of their streams; knows nothing of what the view holds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

VIEW_INTERVAL_S = 1.0
"""A meter speaks once a second at most; nobody reads faster."""

BEAT_INTERVAL_S = 5.0
"""A page that hears nothing for three of these knows that it has lost the hub."""

RETRY_MS = 2_000
"""What the stream asks of a browser that reconnects by itself."""

MAX_VIEWERS = 16
"""Every display, phone and laptop of a big home; each one costs the hub a connection and a task."""

MAX_STREAM_S = 3_600.0
"""A viewer reconnects after an hour, so that a display that vanished does not keep its place."""

LINGER_S = 60.0
"""How long a stream that should have ended may still be stuck in sending."""


class ViewFeed:
    """Computes the encoded view at most once a second, and hands it to every viewer."""

    def __init__(self, encode_view: Callable[[], bytes], build: str) -> None:
        self._encode_view = encode_view
        self._build = build
        self._encoded = b""
        self._computed_at_s = float("-inf")
        self._closing = asyncio.Event()
        self.viewers = 0

    @property
    def is_full(self) -> bool:
        """Whether another viewer would be one too many."""
        return self.viewers >= MAX_VIEWERS

    def latest(self) -> bytes:
        """Return the view as JSON, no older than a second."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._computed_at_s >= VIEW_INTERVAL_S:
            self._encoded = self._encode_view()
            self._computed_at_s = now_s
        return self._encoded

    def forget(self) -> None:
        """Compute the view anew when it is next asked for: a setting has changed."""
        self._computed_at_s = float("-inf")

    def close(self) -> None:
        """End every stream, now and later; to be called in the event loop's thread."""
        self._closing.set()

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield events: the build, then each changed view, and a beat where none changed."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + MAX_STREAM_S
        sent = b""
        sent_at_s = loop.time()
        yield f"retry: {RETRY_MS}\nevent: build\ndata: {self._build}\n\n".encode()
        while not self._closing.is_set() and loop.time() < end_s:
            encoded = self.latest()
            if encoded != sent:
                sent, sent_at_s = encoded, loop.time()
                yield b"event: view\ndata: " + encoded + b"\n\n"
            elif loop.time() - sent_at_s >= BEAT_INTERVAL_S:
                sent_at_s = loop.time()
                yield b"event: beat\ndata: 0\n\n"
            await self._pause()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), VIEW_INTERVAL_S)
        except TimeoutError:
            return


class EventStream(StreamingResponse):
    """A viewer's stream: takes a place in the feed when made, and gives it back when it ends."""

    def __init__(self, feed: ViewFeed) -> None:
        super().__init__(
            feed.stream(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._feed = feed
        feed.viewers += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the viewer leaves, the feed closes or the time is up."""
        try:
            async with asyncio.timeout(MAX_STREAM_S + LINGER_S):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            return
        finally:
            self._feed.viewers -= 1
