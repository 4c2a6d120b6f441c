"""One HTTPS connection to one host: requests one after the other, answers bounded in size and time.

Owns the socket and the HTTP/1.1 on it (h11, which the display page's server has loaded already). It
knows no message of ours, signs nothing and decides nothing.
"""

import asyncio
import contextlib
import ssl
from typing import NamedTuple

import h11
import msgspec

from shared.errors import RetryableError

OPEN_S_MAX = 20.0
ANSWER_S_MAX = 30.0
"""The cloud answers within milliseconds of its commit; the rest is the network's patience."""

MAX_ANSWER_BYTES = 1024 * 1024
"""A hello is answered with up to 64 receipts of under 8 KB each."""

CLOSE_S_MAX = 1.0
READ_BYTES = 64 * 1024
HTTPS_PORT = 443

Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Problem(msgspec.Struct):
    """An error of the cloud's (RFC 9457)."""

    detail: str = ""
    hint: str = ""


def problem_of(answer: Answer) -> Problem:
    """Read what an error answer says; a proxy on the way may answer anything."""
    try:
        return msgspec.json.decode(answer.body, type=Problem)
    except msgspec.MsgspecError:
        return Problem()


def explain(answer: Answer) -> str:
    """Say what an error answer says, in a line."""
    problem = problem_of(answer)
    words = [f"HTTP {answer.status}", problem.detail, f"({problem.hint})" if problem.hint else ""]
    return " ".join(word for word in words if word)


class Exchange:
    """Requests to one host over a connection that is kept while both sides like it.

    Without a context the connection is plain: for this machine alone.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._context = context
        self._wire: _Wire | None = None

    @property
    def address(self) -> str:
        """Where it goes, for messages."""
        return f"{self._host}:{self._port}"

    async def post(self, path: str, headers: Headers, body: bytes) -> Answer:
        """Send a request and wait for its answer.

        Raises RetryableError naming the address where no whole answer comes. A connection that the
        other side closed meanwhile is opened anew: what is sent here may arrive twice.
        """
        return await self._ask("POST", path, [("content-length", str(len(body))), *headers], body)

    async def get(self, path: str) -> Answer:
        """Ask for what is at a path; raises as `post` does."""
        return await self._ask("GET", path, [], b"")

    async def _ask(self, method: str, path: str, headers: Headers, body: bytes) -> Answer:
        host = self._host if self._port == HTTPS_PORT else self.address
        request = h11.Request(method=method, target=path, headers=[("host", host), *headers])
        kept = self._wire
        if kept is not None and kept.is_open:
            with contextlib.suppress(_ClosedUnansweredError):
                return await self._post_over(kept, request, body)
        try:
            return await self._post_over(await self._open(), request, body)
        except _ClosedUnansweredError as error:
            raise RetryableError(f"{self.address} closed without an answer") from error

    async def close(self) -> None:
        """Close the connection, if there is one."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    async def _post_over(self, wire: "_Wire", request: h11.Request, body: bytes) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                answer = await wire.post(request, body)
            if not wire.is_open:
                await self.close()
        except TimeoutError as error:
            await self.close()
            raise RetryableError(f"{self.address} does not answer in time") from error
        except (OSError, h11.ProtocolError) as error:
            await self.close()
            raise RetryableError(f"no HTTPS with {self.address}: {error}") from error
        except BaseException:
            # Half a conversation cannot be gone on with, whatever broke it off.
            await self.close()
            raise
        return answer

    async def _open(self) -> "_Wire":
        await self.close()
        try:
            async with asyncio.timeout(OPEN_S_MAX):
                reader, writer = await asyncio.open_connection(
                    self._host, self._port, ssl=self._context
                )
        except TimeoutError as error:
            raise RetryableError(f"{self.address} does not take the connection") from error
        except OSError as error:
            raise RetryableError(f"no HTTPS with {self.address}: {error}") from error
        self._wire = _Wire(reader, writer)
        return self._wire


class _ClosedUnansweredError(Exception):
    """The other side closed the connection before it said anything to this request."""


class _Wire:
    """An open connection and the HTTP/1.1 on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT)
        self._has_heard = False

    @property
    def is_open(self) -> bool:
        """Tell whether another request may go over it, as far as is known here."""
        is_ready = self._protocol.our_state is h11.IDLE
        return is_ready and not (self._reader.at_eof() or self._writer.is_closing())

    async def post(self, request: h11.Request, body: bytes) -> Answer:
        """Send a request and read its answer; raises _ClosedUnansweredError, OSError, h11's own."""
        self._has_heard = False
        try:
            data = [h11.Data(data=body)] if body else []
            for event in (request, *data, h11.EndOfMessage()):
                self._writer.write(self._protocol.send(event) or b"")
            await self._writer.drain()
        except ConnectionError as error:
            raise _ClosedUnansweredError from error
        response = await self._next_event()
        while isinstance(response, h11.InformationalResponse):
            response = await self._next_event()
        if not isinstance(response, h11.Response):
            raise h11.RemoteProtocolError("no response where one belongs")
        answered = await self._read_body()
        if self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
        headers = {
            name.decode("ascii"): value.decode("latin-1") for name, value in response.headers
        }
        return Answer(response.status_code, headers, answered)

    async def close(self) -> None:
        """End the connection at once: a cloud that is gone says no goodbye to wait for."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_S_MAX):
                await self._writer.wait_closed()

    async def _read_body(self) -> bytes:
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            if len(body) > MAX_ANSWER_BYTES:
                raise h11.RemoteProtocolError(f"an answer of over {MAX_ANSWER_BYTES} bytes")
        return bytes(body)

    async def _next_event(self) -> object:
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            try:
                heard = await self._reader.read(READ_BYTES)
            except ConnectionError as error:
                raise _ClosedUnansweredError from error
            if not heard and not self._has_heard:
                raise _ClosedUnansweredError
            self._has_heard = True
            self._protocol.receive_data(heard)
        return event
