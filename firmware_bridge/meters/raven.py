"""RAVEn and EMU-2, Rainforest's USB sticks: from bytes as they come to stanzas of XML.

Owns framing: finding a stanza, and finding the next after damage. There is no checksum. Source:
RAVEn XML API manual 1.27. What a stanza says is `raven_stanza.py`'s.
"""

import re

from firmware_bridge.meters.codec import refuse
from firmware_bridge.meters.framing import Found, StreamCodec
from firmware_bridge.meters.raven_stanza import StanzaDecoder

MAX_STANZA_BYTES = 8_192
"""A message with the longest text there is has under 2 KB; the rest is margin."""

NOISE_BLOCK_BYTES = 1_024
"""Noise is refused in blocks of this size, so that it neither waits for ever nor piles up."""

MAX_TAG_BYTES = 48
"""The longest tag has 27 bytes."""

_UNDECIDED_BYTES = 128
STANZAS = (
    "BillingPeriodList", "BlockPriceDetail", "ConnectionStatus", "CurrentPeriodUsage",
    "CurrentSummation", "CurrentSummationDelivered", "DeviceInfo", "InstantaneousDemand",
    "LastPeriodUsage", "MessageCluster", "MeterInfo", "MeterList", "NetworkInfo", "PriceCluster",
    "ProfileData", "ScheduleInfo", "TimeCluster", "Warning",
)  # fmt: skip
"""What the manual names."""

_KNOWN = "|".join(STANZAS)
_KNOWN_START = re.compile(rb"<(?:%s)>" % _KNOWN.encode())
_START = re.compile(rb"<(%s)>|<([A-Z][A-Za-z0-9]{1,39})>\s{0,64}(?=<[A-Z])" % _KNOWN.encode())
"""A known stanza, or any other tag that is followed by another tag and not by a value."""

_UNDECIDED = re.compile(rb"<(?:[A-Z][A-Za-z0-9]{0,39}(?:>\s{0,64}<?)?)?\Z")
"""What may yet become a start once more bytes are there."""


class RavenCodec(StreamCodec):
    """Decodes the byte stream of one stick; keeps at most MAX_STANZA_BYTES between feeds.

    NUL bytes are passed over wherever they are. A stanza in which another begins was cut short.
    """

    def __init__(self) -> None:
        super().__init__()
        self._decoder = StanzaDecoder()

    def feed(self, chunk: bytes) -> Found:
        """Take the next bytes; return the telegrams and refusals they complete, in order."""
        content = chunk.replace(b"\0", b"")
        return super().feed(content) if content or not chunk else []

    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        start = _START.search(data, place)
        if start is None:
            return self._keep_undecided(data, place, found, is_end=is_end)
        _report_noise(data[place : start.start()], found)
        return self._take_stanza(data, start, found, is_end=is_end)

    def _end(self, found: Found) -> None:
        del found
        self._decoder.forget()

    def _keep_undecided(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        """Pass over noise without a start in it; return where what must be kept begins."""
        if is_end:
            _report_noise(data[place:], found)
            return len(data)
        undecided = _UNDECIDED.search(data, max(place, len(data) - _UNDECIDED_BYTES))
        stop = undecided.start() if undecided else len(data)
        whole = (stop - place) // NOISE_BLOCK_BYTES * NOISE_BLOCK_BYTES
        _report_noise(data[place : place + whole], found)
        return place + whole

    def _take_stanza(
        self,
        data: bytes,
        start: re.Match[bytes],
        found: Found,
        *,
        is_end: bool,
    ) -> int:
        """Take the stanza at `start`; return its end, or its start while it is not complete."""
        name = start[1] or start[2]
        first, limit = start.start(), start.start() + MAX_STANZA_BYTES
        inner = first + len(name) + 2
        close = b"</%s>" % name
        end = data.find(close, inner, limit)
        restart = _KNOWN_START.search(data, inner, end if end >= 0 else limit)
        if restart is not None:
            cut = restart.start()
            found.append(refuse("truncated", "another stanza begins", data[first:cut]))
            return cut
        if end >= 0:
            raw = data[first : end + len(close)]
            found.extend(self._decoder.decode(name.decode("ascii"), data[inner:end], raw))
            return end + len(close)
        if len(data) >= limit:
            cut = limit - MAX_TAG_BYTES
            detail = f"no end within {MAX_STANZA_BYTES} bytes"
            found.append(refuse("too-long", detail, data[first:cut]))
            return cut
        if is_end:
            found.append(refuse("truncated", "the stream ended", data[first:]))
            return len(data)
        return first


def _report_noise(noise: bytes, found: Found) -> None:
    """Refuse noise in blocks that do not depend on how it was read."""
    for start in range(0, len(noise), NOISE_BLOCK_BYTES):
        block = noise[start : start + NOISE_BLOCK_BYTES]
        if block.strip():
            found.append(refuse("noise", f"{len(block)} bytes outside a stanza", block))
