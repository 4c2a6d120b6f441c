"""Idempotency keys at the door: which requests have one, and their answers on the way out.

An endpoint that a repetition would harm takes `_once: Once` as its last parameter, after what
refuses strangers: parameters are resolved in their order. `Repetition` then keeps its answer before
the client has it.
"""

from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.db import Database
from cloud.parts import Shared
from cloud.transfer import memory
from cloud.transfer.memory import Answer, Claim

MAX_KEY_CHARS = 128
_PLACE = "hearthlink.repetition"

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=MAX_KEY_CHARS, pattern=r"^[\x21-\x7e]+$"
    ),
]


class RepeatedError(Exception):
    """The request was carried out before: `answer` is what it was answered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


async def take_key(request: Request, parts: Shared, idempotency_key: Key = None) -> None:
    """Take the request's key, where it has one; raises RepeatedError with the answer of before.

    Raises ProblemError 409 and 422 as `cloud.transfer.memory.begin`.
    """
    if idempotency_key is None:
        return
    shown = request.headers.get("authorization") or request.headers.get("cookie", "")
    claim = memory.claim_of(shown.encode("latin-1"), idempotency_key)
    digest = sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    answer = await run_in_threadpool(
        memory.begin, parts.database, claim, digest.hexdigest(), parts.clock.utc_ms()
    )
    if answer is not None:
        raise RepeatedError(answer)
    request.scope[_PLACE].append(claim)


Once = Annotated[None, Depends(take_key)]
"""The last parameter of a POST that must not be carried out twice."""


async def repeat(_request: Request, error: RepeatedError) -> Response:
    """Answer as before."""
    headers = {**dict(error.answer.headers), "Idempotency-Replayed": "true"}
    return Response(error.answer.body, status_code=error.answer.status, headers=headers)


class Repetition:
    """Keeps the answers of requests that hold a key, and frees the key where nothing was done."""

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app = app
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        claims: list[Claim] = []
        scope[_PLACE] = claims
        answer = _Held(self._database, claims, send)
        try:
            await self._app(scope, receive, answer.send)
        finally:
            if claims and not answer.is_kept:
                await run_in_threadpool(memory.release, self._database, claims[0])


class _Held:
    """An answer that goes out once it is kept."""

    def __init__(self, database: Database, claims: list[Claim], send: Send) -> None:
        self._database = database
        self._claims = claims
        self._send = send
        self._start: Message = {}
        self._body = bytearray()
        self.is_kept = False

    async def send(self, message: Message) -> None:
        """Hold a message back until the answer is whole."""
        if not self._claims:
            await self._send(message)
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        status = self._start["status"]
        is_done = 200 <= status < 300  # noqa: PLR2004 (what was carried out)
        if is_done and len(self._body) <= memory.MAX_ANSWER_BYTES:
            headers = [
                (n.decode("latin-1"), v.decode("latin-1")) for n, v in self._start["headers"]
            ]
            kept = Answer(status, headers, bytes(self._body))
            await run_in_threadpool(memory.keep, self._database, self._claims[0], kept)
            self.is_kept = True
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": bytes(self._body)})
