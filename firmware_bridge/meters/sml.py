"""SML, the language of German meters: from bytes as they come to telegrams.

Owns framing: finding a file between its escapes, judging its checksum, and finding the next after
damage. Source: BSI TR-03109-1, wired LMN interface part b (SML 1.04), transport protocol version 1.
What the messages mean is `sml_list.py`'s.
"""

import re

from fastcrc import crc16

from firmware_bridge.meters.codec import Refused, Telegram, refuse
from firmware_bridge.meters.sml_list import ListDecoder

MAX_FRAME_BYTES = 8_192
"""Real files have up to 1.5 KB; the longest lists of the standard's meters, a few times that."""

SLICE_BYTES = 64 * 1024
"""A large chunk is taken in slices, so that its copy is bounded too."""

ESCAPE = b"\x1b\x1b\x1b\x1b"
START = ESCAPE + b"\x01\x01\x01\x01"
NOISE_BLOCK_BYTES = MAX_FRAME_BYTES - len(START)
"""Noise is reported in blocks that, with the beginning of a start, are no longer than a file."""

TRAILER_BYTES = 8
"""Escape, end mark, count of fill bytes, checksum."""

CHECKSUM_BYTES = 2

_MARK = re.compile(rb"\x1b{8}|\x1b{4}(?:(\x01{4})|(\x1a.{3}))", re.DOTALL)
"""An escaped escape, which is content, or the start or the end of a file.

Anything else after an escape is left as content: some meters do not double what they should, and
the checksum tells.
"""


class SmlCodec:
    """Decodes the byte stream of one SML port; keeps at most MAX_FRAME_BYTES between feeds.

    The checksum is CRC16/X25, or Kermit as some Holley meters have it. A meter's clock counts the
    seconds since it was switched on: `meter_time_ms` is None unless it sends a true time.
    """

    def __init__(self) -> None:
        self._lists = ListDecoder()
        self._pending = b""
        self._searched = len(START)

    def feed(self, chunk: bytes) -> list[Telegram | Refused]:
        """Take the next bytes; return the telegrams and refusals they complete, in order."""
        found: list[Telegram | Refused] = []
        if not chunk:
            self._advance(found, is_end=True)
        for start in range(0, len(chunk), SLICE_BYTES):
            self._pending += chunk[start : start + SLICE_BYTES]
            self._advance(found, is_end=False)
        return found

    @property
    def pending_bytes(self) -> int:
        """How many bytes wait for the rest of their file."""
        return len(self._pending)

    def _advance(self, found: list[Telegram | Refused], *, is_end: bool) -> None:
        """Take every file and all noise that is complete off the pending bytes."""
        data, place = self._pending, 0
        while place < len(data):
            start = data.find(START, place)
            if start != place:
                after = _skip_noise(data, place, start, found, is_end=is_end)
            else:
                after = self._take_frame(data, start, found, is_end=is_end)
            if after == place:
                break
            place = after
        self._pending = data[place:]

    def _take_frame(
        self, data: bytes, start: int, found: list[Telegram | Refused], *, is_end: bool
    ) -> int:
        """Take the file at `start`; return its end, or `start` while it is not complete."""
        limit = start + MAX_FRAME_BYTES
        place = start + self._searched
        mark = _MARK.search(data, place, limit)
        while mark is not None and mark.lastindex is None:
            place = mark.end()
            mark = _MARK.search(data, place, limit)
        if mark is None and len(data) < limit and not is_end:
            # Seven bytes may begin a mark; what is before them need not be searched again.
            self._searched = max(place, len(data) - len(START) + 1) - start
            return start
        self._searched = len(START)
        if mark is None:
            return _give_up(data, start, limit, found)
        if mark[1]:
            found.append(refuse("truncated", "another file begins", data[start : mark.start()]))
            return mark.start()
        self._judge(data[start : mark.end()], found)
        return mark.end()

    def _judge(self, raw: bytes, found: list[Telegram | Refused]) -> None:
        """Decode a framed file if its checksum holds, else refuse it."""
        covered, printed = raw[:-CHECKSUM_BYTES], raw[-CHECKSUM_BYTES:]
        if not _is_checked(covered, printed):
            detail = f"checksum {printed.hex()}, computed {_x25(covered).hex()}"
            found.append(refuse("bad-crc", detail, raw))
            return
        content = raw[len(START) : -TRAILER_BYTES].replace(ESCAPE + ESCAPE, ESCAPE)
        found.extend(self._lists.decode(content, raw))


def _is_checked(covered: bytes, printed: bytes) -> bool:
    """Tell whether the checksum is right; Holley's Kermit has been seen high byte first."""
    if _x25(covered) == printed:
        return True
    kermit = crc16.kermit(covered)
    return int.from_bytes(printed, "big") == kermit or int.from_bytes(printed, "little") == kermit


def _x25(covered: bytes) -> bytes:
    return crc16.ibm_sdlc(covered).to_bytes(CHECKSUM_BYTES, "little")


def _skip_noise(
    data: bytes, place: int, start: int, found: list[Telegram | Refused], *, is_end: bool
) -> int:
    """Pass over bytes that belong to no file, in blocks that do not depend on the feeds."""
    stop = start
    if start < 0:
        # Seven bytes at the end may begin a start mark: they belong to no block yet.
        stop = len(data) if is_end else len(data) - len(START) + 1
    while stop - place > NOISE_BLOCK_BYTES:
        _report_noise(data[place : place + NOISE_BLOCK_BYTES], found)
        place += NOISE_BLOCK_BYTES
    if start < 0 and not is_end:
        return place
    _report_noise(data[place:stop], found)
    return stop


def _report_noise(noise: bytes, found: list[Telegram | Refused]) -> None:
    # A break on the line, and an optical head in the sun, are read as zeros: that is silence.
    if noise.strip(b"\x00"):
        found.append(refuse("noise", f"{len(noise)} bytes outside a file", noise))


def _give_up(data: bytes, start: int, limit: int, found: list[Telegram | Refused]) -> int:
    """Refuse a file without an end: it is too long, or the stream has stopped."""
    if len(data) >= limit:
        found.append(
            refuse("too-long", f"no end within {MAX_FRAME_BYTES} bytes", data[start:limit])
        )
        return limit
    found.append(refuse("truncated", "the stream ended", data[start:]))
    return len(data)
