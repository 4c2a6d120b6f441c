"""P1, the port of Dutch and kindred smart meters: from bytes as they come to telegrams.

Owns framing: finding a telegram, judging its checksum, and finding the next after damage. Sources:
DSMR P1 companion standard 2.2 to 5.0.2, IEC 62056-21 mode D. What the lines mean is
`p1_telegram.py`'s.
"""

import re
from zoneinfo import ZoneInfo

from fastcrc import crc16

from firmware_bridge.meters.codec import refuse
from firmware_bridge.meters.framing import Found, StreamCodec
from firmware_bridge.meters.p1_telegram import TelegramDecoder

MAX_TELEGRAM_BYTES = 8_192
"""Real telegrams have up to 1.5 KB, the standard's longest text adds 2 KB; the rest is margin."""

MAX_TRAILER_BYTES = 256
"""Some meters send lines of their own after the end; the EasyMeter's have 108 bytes."""

CRC_DIGITS = 4
LINE_END_BYTES = 2
"""After a telegram: a `/` behind them begins the next one even where they are damaged."""

HOLLEY = b"/HLY"
"""Its DTSD545 (Sweden, Hungary) computes CRC16/X25; which byte it prints first is not known."""

_CRC = re.compile(rb"[0-9A-Fa-f]{0,4}")
_GLUED_HEAD = re.compile(rb"/[^\r\n()/]{4,}\r?\n\r?\n")
"""An identification and the empty line after it: what tells a start from a `/` in a text."""


class P1Codec(StreamCodec):
    """Decodes the byte stream of one P1 port; keeps at most MAX_TELEGRAM_BYTES between feeds.

    A telegram begins with `/` at the start of a line and ends with the `!` line. Its CRC16/ARC is
    verified where there is one (DSMR 4 on; one to four digits), else the samples are UNCHECKED.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._decoder = TelegramDecoder(zone)
        self._at_line_start, self._after_end = True, False
        self._trailer_left = 0

    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        start = self._find_start(data, place)
        if start != place:
            return self._skip_noise(data, place, start, found, is_end=is_end)
        return self._take_telegram(data, start, found, is_end=is_end)

    def _end(self, found: Found) -> None:
        del found
        self._at_line_start, self._after_end, self._trailer_left = True, False, 0

    def _find_start(self, data: bytes, place: int) -> int:
        """Return where the next telegram begins, or -1."""
        if self._at_line_start and data[place] == ord("/"):
            return place
        if self._after_end and (near := data.find(b"/", place, place + LINE_END_BYTES + 1)) >= 0:
            return near
        return data.find(b"\n/", place) + 1 or -1

    def _skip_noise(
        self,
        data: bytes,
        place: int,
        start: int,
        found: Found,
        *,
        is_end: bool,
    ) -> int:
        """Pass over bytes that belong to no telegram, in blocks that do not depend on the feeds."""
        stop = len(data) if start < 0 else start
        while stop - place > MAX_TELEGRAM_BYTES:
            self._report_noise(data[place : place + MAX_TELEGRAM_BYTES], found)
            place += MAX_TELEGRAM_BYTES
            self._at_line_start, self._after_end = data[place - 1 : place] == b"\n", False
        if start < 0 and not is_end:
            return place
        self._report_noise(data[place:stop], found)
        self._at_line_start, self._after_end = True, False
        return stop

    def _report_noise(self, noise: bytes, found: Found) -> None:
        trailer, self._trailer_left = self._trailer_left, 0
        if len(noise) > trailer and noise.strip():
            found.append(refuse("noise", f"{len(noise)} bytes outside a telegram", noise))

    def _take_telegram(self, data: bytes, start: int, found: Found, *, is_end: bool) -> int:
        """Take the telegram at `start`; return its end, or `start` while it is not complete."""
        limit = start + MAX_TELEGRAM_BYTES
        bang = data.find(b"\n!", start, limit) + 1
        restart = data.find(b"\n/", start, bang or limit) + 1
        if restart:
            found.append(refuse("truncated", "another telegram begins", data[start:restart]))
            return restart
        if not bang:
            return self._give_up(data, start, limit, found, is_end=is_end)
        digits = _CRC.match(data, bang + 1)[0]  # type: ignore[index]  # it matches the empty string
        end = bang + 1 + len(digits)
        if end == len(data) and len(digits) < CRC_DIGITS and not is_end:
            return start
        self._judge(data[start : bang + 1], digits, data[end : end + 1], found)
        self._at_line_start, self._after_end = True, True
        return end

    def _give_up(
        self,
        data: bytes,
        start: int,
        limit: int,
        found: Found,
        *,
        is_end: bool,
    ) -> int:
        """Refuse a telegram without an end once it is too long, or the stream has stopped."""
        if len(data) >= limit:
            found.append(
                refuse("too-long", f"no end within {MAX_TELEGRAM_BYTES} bytes", data[start:limit])
            )
            self._at_line_start, self._after_end = data[limit - 1 : limit] == b"\n", False
            return limit
        if is_end:
            found.append(refuse("truncated", "the stream ended", data[start:]))
            return len(data)
        return start

    def _judge(self, raw: bytes, digits: bytes, after: bytes, found: Found) -> None:
        """Decode a framed telegram if its checksum holds or is absent; else refuse it.

        `raw` includes the `!`, as the checksum does. A telegram cut short may be followed at once,
        in the middle of a line, by a whole one, which is found by its `/`.
        """
        glued = raw.rfind(b"/")
        if not digits:
            if after and after not in b"\r\n/ ":
                found.append(refuse("bad-crc", f"the checksum begins with {after!r}", raw))
                return
            if glued > 0 and _GLUED_HEAD.match(raw, glued):
                found.append(refuse("truncated", "another telegram begins", raw[:glued]))
                raw = raw[glued:]
            self._trailer_left = MAX_TRAILER_BYTES
            found.extend(self._decoder.decode(raw[:-1], checked=False))
            return
        wanted = int(digits, 16)
        if not _is_checked(raw, wanted):
            if glued <= 0 or not _is_checked(raw[glued:], wanted):
                detail = f"checksum {digits.decode('ascii')}, computed {crc16.arc(raw):04X}"
                found.append(refuse("bad-crc", detail, raw))
                return
            found.append(refuse("truncated", "another telegram begins", raw[:glued]))
            raw = raw[glued:]
        self._trailer_left = 0
        found.extend(self._decoder.decode(raw[:-1], checked=True))


def _is_checked(raw: bytes, wanted: int) -> bool:
    """Tell whether a checksum is right: CRC16/ARC, or X25 in Holley's telegrams alone."""
    if crc16.arc(raw) == wanted:
        return True
    if not raw.startswith(HOLLEY):
        return False
    x25 = crc16.ibm_sdlc(raw)
    return wanted in (x25, x25 >> 8 | (x25 & 0xFF) << 8)
