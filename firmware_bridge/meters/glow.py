"""Glow, the display of a British home: from lines as they come to messages of JSON.

Owns framing: a line is a topic, a space and a payload, as `mosquitto_sub -v` prints them; a bare
object a line, and objects printed over several lines, are read as well, for people record those.
There is no checksum. What a message says is `glow_message.py`'s.
"""

import re

from firmware_bridge.meters.codec import refuse
from firmware_bridge.meters.framing import Found, StreamCodec
from firmware_bridge.meters.glow_message import MessageDecoder

MAX_LINE_BYTES = 16 * 1024
"""Of a line, and of an object over several: the longest message there is has under 2 KB."""

_START = re.compile(rb'\{\s*"(?:electricitymeter|gasmeter|elecMtr|gasMtr)"\s*:')
"""Where a meter's message surely begins, whatever came before."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}]')
_GOES_ON = re.compile(rb"[ \t\r\"}\],:]|\Z")
"""How a further line of an object begins, where its first line ended within it."""

_BLANK = b" \t\r,"


class GlowCodec(StreamCodec):
    """Decodes lines; keeps at most a line and an unfinished object between feeds."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = MessageDecoder()
        self._is_overlong = False
        self._topic = ""
        self._object = bytearray()
        self._depth = 0

    @property
    def pending_bytes(self) -> int:
        """How many bytes wait for the rest of their message."""
        return super().pending_bytes + len(self._object)

    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        end = data.find(b"\n", place, place + MAX_LINE_BYTES)
        if end >= 0:
            self._take_line(data[place:end], found)
            self._is_overlong = False
            return end + 1
        if len(data) - place >= MAX_LINE_BYTES:
            self._cut_short("the line has no end", found)
            block = data[place : place + MAX_LINE_BYTES]
            found.append(refuse("too-long", f"a line of over {MAX_LINE_BYTES} bytes", block))
            self._is_overlong = True
            return place + MAX_LINE_BYTES
        if is_end:
            self._take_line(data[place:], found)
            return len(data)
        return place

    def _end(self, found: Found) -> None:
        self._cut_short("the stream ended", found)
        self._is_overlong = False
        self._decoder.forget()

    def _take_line(self, line: bytes, found: Found) -> None:
        """Take one line without its end."""
        if self._is_overlong:
            if line:
                found.append(refuse("too-long", "the end of a line that is too long", line))
            return
        if self._depth and _GOES_ON.match(line) is None:
            self._cut_short("another line begins", found)
        place = 0
        while place < len(line):
            if not self._depth:
                place = self._find_object(line, place, found)
            if place < len(line):
                place = self._take_object(line, place, found)

    def _find_object(self, line: bytes, place: int, found: Found) -> int:
        """Return where the next object begins, or the line's end; what stands before is its topic.

        A time or a word of the program that recorded it may stand before it as well.
        """
        start = line.find(b"{", place)
        prefix = line[place : start if start >= 0 else len(line)].strip(_BLANK)
        text = prefix.decode("utf-8", "replace")
        if prefix and (start < 0 or "\ufffd" in text or not text.isprintable()):
            found.append(refuse("noise", "no message, and no topic of one", prefix))
            text = ""
        self._topic = text
        return start if start >= 0 else len(line)

    def _take_object(self, line: bytes, place: int, found: Found) -> int:
        """Take an object, or as much of it as is on this line; return where that ends."""
        restart = _START.search(line, place if self._depth else place + 1)
        limit = restart.start() if restart else len(line)
        for token in _TOKEN.finditer(line, place, limit):
            if token[0] == b'"':
                self._object += line[place:limit]
                self._cut_short("a text has no end", found)
                return limit
            self._depth += (token[0] == b"{") - (token[0] == b"}")
            if not self._depth:
                self._object += line[place : token.end()]
                self._complete(found)
                return token.end()
        self._object += line[place:limit] + b"\n"
        if restart:
            self._cut_short("another message begins", found)
        elif len(self._object) > MAX_LINE_BYTES:
            self._cut_short(f"no end within {MAX_LINE_BYTES} bytes", found)
        return limit

    def _complete(self, found: Found) -> None:
        """Decode the object that is whole now."""
        raw = bytes(self._object)
        self._object.clear()
        found.extend(self._decoder.decode(self._topic, raw.decode("utf-8", "replace"), raw))

    def _cut_short(self, detail: str, found: Found) -> None:
        """Refuse the object that was begun, if there is one."""
        if self._object:
            found.append(refuse("truncated", detail, bytes(self._object)))
        self._object.clear()
        self._depth = 0
