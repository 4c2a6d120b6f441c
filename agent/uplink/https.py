"""The Uplink port over HTTPS, for networks that block MQTT: each message is a signed request.

The cloud cannot speak first here: receipts come in answers, and a tariff that changed is asked for
now and then. Being connected means that the last request was answered.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from agent.uplink.access import CloudAccess
from agent.uplink.exchange import Answer, Exchange, explain
from agent.uplink.keeper import Keeper
from agent.uplink.port import Arrived, Channel, Connected, Event, Undelivered
from agent.uplink.signing import Signer
from shared import hubrequests
from shared.clock import Clock
from shared.errors import RetryableError
from shared.protocol import Status, encode_message
from shared.topics import check_thing
from shared.units import MS_PER_SECOND

ASK_S = 900.0
"""How often the tariff is asked for: what changed is known within a quarter of an hour, and a
cloud that went away is noticed although there was nothing to send."""

MAX_QUEUED = 64
"""Messages waiting for their turn; the session keeps far fewer frames in flight."""

MAX_LIVE = 8
"""Live samples waiting, one of each meter of a large home; an older one makes room."""

MAX_TIME_DIGITS = 15
"""Milliseconds until the year 33658; a longer number is no time."""

PARTING_S_MAX = 3.0
"""How long saying offline may take."""

PATHS = {
    Channel.FRAMES: hubrequests.FRAMES_PATH,
    Channel.HELLO: hubrequests.HELLO_PATH,
    Channel.LIVE: hubrequests.LIVE_PATH,
    Channel.TARIFF_GET: hubrequests.TARIFF_PATH,
}
ANSWERED = (Channel.FRAMES, Channel.HELLO)
"""Channels the session waits for an answer on; for the others a loss is nothing to act on."""

REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""Who the hub is will not be believed in five seconds either, nor a revoked one let in again."""


class _Answered(msgspec.Struct):
    """What the cloud answers with; a receipt's bytes are passed on as they came."""

    receipts: list[msgspec.Raw] = []


class HttpsUplink:
    """Requests of one thing, one after the other, live samples first."""

    def __init__(self, thing: str, access: CloudAccess, clock: Clock, ask_s: float = ASK_S) -> None:
        check_thing(thing)
        self._clock = clock
        self._ask_s = ask_s
        self._exchange = Exchange(access.host, access.port, access.request_context())
        self._signer = Signer(access)
        self._behind_ms = 0
        self._connection_id = ""
        self._is_up = False
        self._deliver: Callable[[Event], None] = lambda _event: None
        self._keeper: Keeper | None = None
        self._live: deque[bytes] = deque(maxlen=MAX_LIVE)
        self._queue: deque[tuple[Channel, bytes]] = deque()
        self._has_something = asyncio.Event()

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin connecting; a cloud that is away is tried again with growing pauses."""
        self._deliver = deliver
        self._keeper = Keeper(self._connect_once, deliver)

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Queue a message; False while not connected, where too many wait, or without a path."""
        if subject or channel not in PATHS:
            return False
        if not self._is_up or (channel is not Channel.LIVE and len(self._queue) >= MAX_QUEUED):
            return False
        if channel is Channel.LIVE:
            self._live.append(payload)
        else:
            self._queue.append((channel, payload))
        self._has_something.set()
        return True

    def recall(self) -> bool:
        """Drop the frames and live samples that wait for their turn."""
        waiting = len(self._queue)
        self._live.clear()
        self._queue = deque(one for one in self._queue if one[0] is not Channel.FRAMES)
        return len(self._queue) != waiting

    async def stop(self) -> None:
        """Say offline; there is no last will here, so the cloud goes by what it heard last."""
        if self._keeper is not None:
            await self._keeper.stop()

    async def _connect_once(self, succeeded: Callable[[], None]) -> str:
        """Serve from the first request that is answered to the first that is not; say why."""
        self._connection_id = secrets.token_hex(8)
        try:
            answer = await self._say_status(online=True)
            if answer.status != HTTPStatus.OK:
                raise self._refusal(answer)
            succeeded()
            self._is_up = True
            self._deliver(Connected())
            while True:
                await self._serve_next()
        except RetryableError as error:
            self._is_up = False
            return error.message
        finally:
            await self._part()

    async def _serve_next(self) -> None:
        """Send what waits, live first; ask for the tariff where nothing waited for long."""
        if not self._live and not self._queue:
            self._has_something.clear()
            try:
                async with asyncio.timeout(self._ask_s):
                    await self._has_something.wait()
            except TimeoutError:
                self._queue.append((Channel.TARIFF_GET, b"{}"))
        if self._live:
            await self._send(Channel.LIVE, self._live.popleft())
        else:
            await self._send(*self._queue.popleft())

    async def _send(self, channel: Channel, payload: bytes) -> None:
        if channel is Channel.HELLO:
            # As over MQTT: the cloud may have been put back to when the hub was away.
            told = await self._say_status(online=True)
            if told.status in REFUSED:
                raise self._refusal(told)
        answer = await self._post(PATHS[channel], payload)
        if answer.status in REFUSED:
            raise self._refusal(answer)
        if answer.status == HTTPStatus.OK and channel is Channel.TARIFF_GET:
            self._deliver(Arrived(Channel.TARIFF, answer.body))
        elif answer.status == HTTPStatus.OK and channel in ANSWERED:
            self._hand_over(answer)
        elif answer.status != HTTPStatus.OK and channel in ANSWERED:
            # The session sends all of it again, after its pause: what waits here would come twice.
            self._queue.clear()
            self._deliver(Undelivered(channel, f"the cloud did not take it: {explain(answer)}"))

    def _refusal(self, answer: Answer) -> RetryableError:
        return RetryableError(f"{self._exchange.address} refused the hub: {explain(answer)}")

    def _hand_over(self, answer: Answer) -> None:
        try:
            answered = msgspec.json.decode(answer.body, type=_Answered)
        except msgspec.MsgspecError as error:
            raise RetryableError(
                f"{self._exchange.address} answers what is no answer of the cloud's: {error}"
            ) from error
        for receipt in answered.receipts:
            self._deliver(Arrived(Channel.RECEIPTS, bytes(receipt)))

    async def _post(self, path: str, payload: bytes) -> Answer:
        """Post signed; where the cloud says that our clock is off, once more by the cloud's."""
        answer = await self._post_signed(path, payload)
        told = answer.headers.get(hubrequests.TIME_FIELD, "")
        is_time = told.isdecimal() and len(told) <= MAX_TIME_DIGITS
        if answer.status != HTTPStatus.UNAUTHORIZED or not is_time:
            return answer
        self._behind_ms = int(told) - self._clock.utc_ms()
        return await self._post_signed(path, payload)

    async def _post_signed(self, path: str, payload: bytes) -> Answer:
        created_s = (self._clock.utc_ms() + self._behind_ms) // MS_PER_SECOND
        kind = "application/octet-stream" if path == hubrequests.FRAMES_PATH else "application/json"
        headers = [("content-type", kind), *self._signer.sign(path, payload, created_s)]
        return await self._exchange.post(path, headers, payload)

    async def _say_status(self, *, online: bool) -> Answer:
        status = Status(self._connection_id, online)
        return await self._post(hubrequests.STATUS_PATH, encode_message(status))

    async def _part(self) -> None:
        """Say offline where the cloud still listens, and forget what waited."""
        was_up, self._is_up = self._is_up, False
        self._queue.clear()
        self._live.clear()
        try:
            if was_up:
                async with asyncio.timeout(PARTING_S_MAX):
                    await self._say_status(online=False)
        except (RetryableError, TimeoutError):
            # A cloud that is gone need not be told.
            pass
        finally:
            await self._exchange.close()
