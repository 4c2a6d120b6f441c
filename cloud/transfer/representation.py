"""How an answer travels: HEAD, entity tags and 304, content coding, media type, caching.

Only answers to GET are touched, and of these only documents that end: a stream passes as it is.
What is marked `no-store` (a secret told once) has neither tag nor content coding. An answer to a
request with a cookie is compressed only where the browser says that our own page sent it: else its
length could tell another site's script what is in it (BREACH).
"""

import gzip
from hashlib import blake2b
from http import HTTPStatus

import brotli  # type: ignore[import-untyped]  # used here alone
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.errors import problem_response
from cloud.transfer.negotiation import accepts, choose_coding, holds, without_codings

COMPRESSED_BYTES_MIN = 1_024
"""Below it a content coding saves no packet."""

BUFFERED_BYTES_MAX = 8 << 20
"""A document is held whole to be tagged; a longer one goes out as it comes, untagged."""

THREAD_BYTES_MIN = 64 << 10
"""From here on compressing takes milliseconds, which the event loop shall not wait for."""

BROTLI_QUALITY = 4
GZIP_LEVEL = 6
DIGEST_BYTES = 16
TEXTS = ("application/json", "application/problem+json", "text/html", "text/css", "text/csv")
TAGS = b"if-none-match"
CACHING = "private, no-cache"
"""Kept by the client alone, and asked about each time: late readings change any answer."""

VARIES = "Authorization, Cookie, Accept, Accept-Encoding"
"""What an answer is taken to depend on whose endpoint does not say it in `Vary` itself."""


class _EnoughError(Exception):
    """The answer is sent; what the endpoint has yet to say is not wanted."""


class Representation:
    """Sends the answer to a GET or HEAD in the form that the client can take, or has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, _uncached(send) if scope["type"] == "http" else send)
            return
        answer = _Answer(Headers(scope=scope), send, is_head=scope["method"] == "HEAD")
        try:
            await self._app(_inner(scope), receive, answer.send)
        except Exception:
            if not answer.is_done:
                raise
        if answer.is_refused:
            await answer.refuse(scope, receive)


def _inner(scope: Scope) -> Scope:
    """What an endpoint sees: a GET, and tags as it gives them itself."""
    if scope["method"] == "GET" and not any(name == TAGS for name, _ in scope["headers"]):
        return scope
    headers = [
        (name, without_codings(value.decode("latin-1")).encode("latin-1"))
        if name == TAGS
        else (name, value)
        for name, value in scope["headers"]
    ]
    return {**scope, "method": "GET", "headers": headers}


def _uncached(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(raw=message["headers"]).setdefault("Cache-Control", "no-store")
        await send(message)

    return sending


class _Answer:
    """One answer on its way out."""

    def __init__(self, asked: Headers, send: Send, *, is_head: bool) -> None:
        self._asked = asked
        self._send = send
        self._is_head = is_head
        self._start: Message = {}
        self._headers = MutableHeaders()
        self._body: bytearray | None = None
        self._media_type = ""
        self.is_done = False
        self.is_refused = False

    async def send(self, message: Message) -> None:
        """Take a message of the application."""
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self._body is None:
            await self._pass(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(bytes(self._body))
            elif len(self._body) > BUFFERED_BYTES_MAX:
                body, self._body = bytes(self._body), None
                await self._send(self._start)
                await self._pass({**message, "body": body})

    async def refuse(self, scope: Scope, receive: Receive) -> None:
        """Answer 406 in place of what the client cannot take."""
        response = problem_response(
            HTTPStatus.NOT_ACCEPTABLE,
            f"this is {self._media_type}, which Accept = {self._asked.get('accept', '')!r} refuses",
            headers={"Cache-Control": "no-store"},
        )
        await response(scope, receive, self._send)

    async def _begin(self, message: Message) -> None:
        self._start = message
        # Read once: each look into the fields would go through all of them.
        fields = dict(message["headers"])
        kind = fields.get(b"content-type", b"").decode("latin-1")
        self._media_type = kind.split(";")[0].strip().lower()
        self._headers = MutableHeaders(raw=message["headers"])
        is_well = message["status"] == HTTPStatus.OK
        is_same = message["status"] == HTTPStatus.NOT_MODIFIED
        if is_well and not accepts(self._asked.get("accept", ""), self._media_type):
            self.is_done = self.is_refused = True
            raise _EnoughError
        is_secret = b"no-store" in fields.get(b"cache-control", b"")
        is_document = self._media_type in TEXTS and b"content-encoding" not in fields
        caching = CACHING if is_well or is_same else "no-store"
        for name, value in ((b"cache-control", caching), (b"vary", VARIES)):
            if name not in fields:
                message["headers"].append((name, value.encode()))
        if is_well and is_document and not is_secret:
            self._body = bytearray()
            return
        await self._send(message)
        if self._is_head:
            await self._send({"type": "http.response.body", "body": b""})
            self.is_done = True
            raise _EnoughError

    async def _pass(self, message: Message) -> None:
        await self._send({**message, "body": b""} if self._is_head else message)

    async def _finish(self, body: bytes) -> None:
        given = self._headers.get("etag", "").strip('"')
        opaque = given or blake2b(body, digest_size=DIGEST_BYTES).hexdigest()
        coding = self._coding(len(body))
        self._headers["ETag"] = f'"{opaque}{f"-{coding}" if coding else ""}"'
        if holds(self._asked.get("if-none-match", ""), opaque):
            for name in ("content-length", "content-type"):
                del self._headers[name]
            await self._send({**self._start, "status": HTTPStatus.NOT_MODIFIED})
            await self._send({"type": "http.response.body", "body": b""})
            return
        if coding:
            body = await _encode(body, coding)
            self._headers["Content-Encoding"] = coding
        self._headers["Content-Length"] = str(len(body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": b"" if self._is_head else body})

    def _coding(self, size_bytes: int) -> str:
        is_ours = self._asked.get("sec-fetch-site", "") in ("same-origin", "none")
        if size_bytes < COMPRESSED_BYTES_MIN or ("cookie" in self._asked and not is_ours):
            return ""
        return choose_coding(self._asked.get("accept-encoding", ""))


async def _encode(body: bytes, coding: str) -> bytes:
    if len(body) < THREAD_BYTES_MIN:
        return _compress(body, coding)
    return await run_in_threadpool(_compress, body, coding)


def _compress(body: bytes, coding: str) -> bytes:
    if coding == "br":
        return bytes(brotli.compress(body, mode=brotli.MODE_TEXT, quality=BROTLI_QUALITY))
    return gzip.compress(body, GZIP_LEVEL, mtime=0)
