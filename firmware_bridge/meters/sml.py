"""SML, the language of German meters: from bytes as they come to telegrams.

Owns framing: finding a file between its escapes, judging its checksum, and finding the next after
damage. Source: BSI TR-03109-1, wired LMN interface part b (SML 1.04), transport protocol version 1.
What the messages mean is `sml_list.py`'s.
"""

import re

from fastcrc import crc16

from firmware_bridge.meters.codec import refuse
from firmware_bridge.meters.framing import Found, StreamCodec
from firmware_bridge.meters.sml_list import ListDecoder
from firmware_bridge.meters.sml_message import are_messages_checked

MAX_FRAME_BYTES = 8_192
"""Real files have up to 1.5 KB; the longest lists of the standard's meters, a few times that."""

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


class SmlCodec(StreamCodec):
    """Decodes the byte stream of one SML port; keeps at most MAX_FRAME_BYTES between feeds.

    The checksum is CRC16/X25, or Holley's Kermit where the messages' own are right, too. A meter's
    clock counts the seconds since it was switched on: `meter_time_ms` is None unless it sends a
    true time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lists = ListDecoder()
        self._searched = len(START)

    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        start = data.find(START, place)
        if start != place:
            return _skip_noise(data, place, start, found, is_end=is_end)
        return self._take_frame(data, start, found, is_end=is_end)

    def _take_frame(self, data: bytes, start: int, found: Found, *, is_end: bool) -> int:
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

    def _judge(self, raw: bytes, found: Found) -> None:
        """Decode a framed file if its checksum holds, else refuse it."""
        covered, printed = raw[:-CHECKSUM_BYTES], raw[-CHECKSUM_BYTES:]
        content = raw[len(START) : -TRAILER_BYTES].replace(ESCAPE + ESCAPE, ESCAPE)
        if _x25(covered) != printed and not _is_kermit(covered, printed, content):
            detail = f"checksum {printed.hex()}, computed {_x25(covered).hex()}"
            found.append(refuse("bad-crc", detail, raw))
            return
        found.extend(self._lists.decode(content, raw))


def _is_kermit(covered: bytes, printed: bytes, content: bytes) -> bool:
    """Tell whether the checksum is right as Holley's, in either order of its bytes.

    To believe that alone of every meter would let more damage through: each message's own checksum
    must be right, too.
    """
    kermit = crc16.kermit(covered)
    orders = (int.from_bytes(printed, "big"), int.from_bytes(printed, "little"))
    return kermit in orders and are_messages_checked(content)


def _x25(covered: bytes) -> bytes:
    return crc16.ibm_sdlc(covered).to_bytes(CHECKSUM_BYTES, "little")


def _skip_noise(data: bytes, place: int, start: int, found: Found, *, is_end: bool) -> int:
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


def _report_noise(noise: bytes, found: Found) -> None:
    # A break on the line, and an optical head in the sun, are read as zeros: that is silence.
    if noise.strip(b"\x00"):
        found.append(refuse("noise", f"{len(noise)} bytes outside a file", noise))


def _give_up(data: bytes, start: int, limit: int, found: Found) -> int:
    """Refuse a file without an end: it is too long, or the stream has stopped."""
    if len(data) >= limit:
        found.append(
            refuse("too-long", f"no end within {MAX_FRAME_BYTES} bytes", data[start:limit])
        )
        return limit
    found.append(refuse("truncated", "the stream ended", data[start:]))
    return len(data)
