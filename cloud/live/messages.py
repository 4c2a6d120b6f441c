"""What a viewer is sent: each message made once, in the bytes of both kinds of stream. Pure."""

import re
from typing import Any, NamedTuple

import msgspec

from shared.instants import format_utc
from shared.protocol import Live

_EVENT_ID = re.compile(r"([0-9a-f]{1,12})-([0-9a-f]{1,12})-([0-9a-f]{8})")


class Message(NamedTuple):
    """One message: a server-sent event, the same as an HTTP/1.1 chunk, and as a WebSocket text."""

    sse: bytes
    chunk: bytes
    text: str


class EventId(NamedTuple):
    """A sample's place: when it arrived by the cloud's clock, and its number in one process' life.

    Clients take the text for what it is and give it back when they connect again.
    """

    received_ms: int
    number: int
    life: str

    def __str__(self) -> str:
        return f"{self.received_ms:x}-{self.number:x}-{self.life}"


def read_event_id(text: str) -> EventId | None:
    """Read an id that a client gives back; None where it is none of ours."""
    found = _EVENT_ID.fullmatch(text)
    return None if found is None else EventId(int(found[1], 16), int(found[2], 16), found[3])


def sample_message(sample: Live, event_id: EventId) -> Message:
    """Write a live sample."""
    written = str(event_id)
    said = {
        "event": "live",
        "id": written,
        "meter": sample.meter,
        "medium": sample.medium,
        "taken_at": format_utc(sample.taken_at_ms),
        "registers": sample.registers,
    }
    return _message("live", said, f"id: {written}\n")


def watching_message(
    meter: str, gateways: list[dict[str, Any]], *, is_complete: bool | None
) -> Message:
    """Write the first message: which hubs were asked, and whether a resumed stream has a hole."""
    said = {"event": "watching", "meter": meter, "is_complete": is_complete, "gateways": gateways}
    return _message("watching", said, f"retry: {RETRY_MS}\n")


def _message(event: str, said: dict[str, Any], fields: str) -> Message:
    encoded = msgspec.json.encode(said)
    sse = f"{fields}event: {event}\ndata: ".encode() + encoded + b"\n\n"
    return Message(sse, _chunk(sse), encoded.decode())


def _chunk(body: bytes) -> bytes:
    """Write a part of a body as RFC 9112 (7.1) has it sent where its length is not known before."""
    return b"%x\r\n%b\r\n" % (len(body), body)


RETRY_MS = 2_000
"""How long a browser waits before it connects again: far within what is kept for it."""

_STILL_HERE = b": still here\n\n"
HEARTBEAT = Message(_STILL_HERE, _chunk(_STILL_HERE), '{"event":"heartbeat"}')
"""What a quiet stream carries, so that proxies keep it open and clients know that it lives."""
