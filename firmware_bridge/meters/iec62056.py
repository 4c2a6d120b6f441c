"""IEC 62056-21, the optical port of most European meters: from bytes as they come to telegrams.

Owns framing of what a meter sends: the identification, the data block with its check character
(modes A, B and C), and the push without one (mode D). Who asks, and when, is
`iec62056_dialogue.py`'s; what the data sets mean is `iec62056_readout.py`'s.
Source: IEC 62056-21:2002, chapters 5 and 6.
"""

import re
from functools import reduce
from operator import xor
from zoneinfo import ZoneInfo

from fastcrc import crc16

from firmware_bridge.meters.codec import refuse
from firmware_bridge.meters.framing import Found, StreamCodec
from firmware_bridge.meters.iec62056_readout import ReadoutDecoder

MAX_TELEGRAM_BYTES = 16_384
"""A readout with fifteen past months of every register has some 10 KB; the rest is margin."""

NOISE_BLOCK_BYTES = 1_024
"""Noise is refused in blocks of this size, so that it neither waits for ever nor piles up."""

STX, ETX = 0x02, 0x03
CRC_DIGITS = 4
SEVEN_BITS = bytes(byte & 0x7F for byte in range(256))
"""Characters have seven bits; an eighth is the parity of a port opened with eight."""

_ODD = bytes(byte.bit_count() & 1 for byte in range(256))
_UNDECIDED_BYTES = 128
_QUIET = b"\x00\x06\x15\x7f \t\r\n"
"""What may stand between telegrams: wake-up and idle characters, ACK and NAK, white space."""

HEAD = re.compile(rb"/([A-Za-z]{3})([0-9A-Za-z])([^\x00-\x1f/!?()\x7f]{0,64})\r?\n")
"""An identification: the maker, the character of the speed, and the meter's type."""

_ECHO = (
    rb"/\?[^\x00-\x1f/!\x7f]{0,32}!\r?\n"
    rb"|\x06[0-9][0-9A-Z][0-9]\r?\n"
    rb"|\x01[A-Z][0-9](?:\x02[^\x00-\x1f]{0,64})?\x03[\x00-\x7f]"
)
"""A request, an option select or a command of ours: an optical head may hear its own light."""

_START = re.compile(rb"(?P<echo>%s)|(?P<head>%s)|(?P<block>\x02)" % (_ECHO, HEAD.pattern))
_UNDECIDED = re.compile(
    rb"(?:/[^\x00-\x1f/!()\x7f]{0,70}!?\r?"
    rb"|\x06[0-9A-Z]{0,3}\r?"
    rb"|\x01(?:[A-Z](?:[0-9](?:\x02[^\x00-\x1f]{0,64})?\x03?)?)?)\Z"
)
"""What may yet become a start once more bytes are there."""

_PRINTABLE = re.compile(rb"[\x20-\x7e\r\n\t]*")
_BANG = re.compile(rb"(?<=[\n)])!([0-9A-Fa-f]{0,4})")


def check_character(content: bytes) -> int:
    """Return the check character (BCC) of what follows STX, up to and with ETX, in seven bits."""
    return reduce(xor, content, 0) & 0x7F


class Iec62056Codec(StreamCodec):
    """Decodes what one meter sends; keeps at most MAX_TELEGRAM_BYTES between feeds.

    Blocks with a right check character are checked; a push (mode D) is UNCHECKED, but refused if
    the port has eight bits and a parity is wrong. `zone` is where the meter's clock tells the time.
    """

    slice_bytes = 16 * 1024
    """A slice is copied once more, without its eighth bits."""

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._decoder = ReadoutDecoder(zone)
        self._identity = ""

    def _advance(self, data: bytes, found: Found, *, is_end: bool) -> int:
        return super()._advance(data.translate(SEVEN_BITS), found, is_end=is_end)

    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        start = _START.search(data, place)
        waiting = None if is_end else _undecided_from(data, place)
        if start is None or (waiting is not None and waiting < start.start()):
            stop = len(data) if waiting is None else waiting
            whole = _whole_blocks(stop - place, is_end=is_end)
            _report_noise(data[place : place + whole], found)
            return place + whole
        _report_noise(data[place : start.start()], found)
        return self._take_start(data, start, found, is_end=is_end)

    def _end(self, found: Found) -> None:
        del found
        self._identity = ""

    def _take_start(
        self, data: bytes, start: re.Match[bytes], found: Found, *, is_end: bool
    ) -> int:
        """Take what begins at `start`; return its end, or its start while it is not complete."""
        if start["echo"] is not None:
            return start.end()
        if start["block"] is not None:
            return self._take_block(data, start.start(), found, is_end=is_end)
        following = data[start.end() : start.end() + 2]
        if following in (b"", b"\r") and not is_end:
            return start.start()
        self._identity = start[0][1:].strip().decode("ascii")
        if not following.startswith((b"\n", b"\r\n")):
            return start.end()
        return self._take_push(data, start, found, is_end=is_end)

    def _take_block(self, data: bytes, start: int, found: Found, *, is_end: bool) -> int:
        """Take the data block whose STX is at `start`."""
        stop, restart = _text_end(data, start + 1, start)
        if restart is not None or data[stop : stop + 1] != bytes([ETX]):
            return _give_up(data, start, stop, restart, found, is_end=is_end)
        if stop + 1 == len(data):
            if is_end:
                found.append(refuse("truncated", "the stream ended", data[start:]))
            return len(data) if is_end else start
        wanted, actual = data[stop + 1], check_character(data[start + 1 : stop + 1])
        content = data[start : stop + 2]
        if wanted != actual:
            detail = f"check character {wanted:02X}, computed {actual:02X}"
            found.append(refuse("bad-crc", detail, content))
        else:
            text = data[start + 1 : stop].decode("ascii")
            found.extend(self._decoder.decode(text, self._identity, content, checked=True))
        return stop + 2

    def _take_push(
        self,
        data: bytes,
        head: re.Match[bytes],
        found: Found,
        *,
        is_end: bool,
    ) -> int:
        """Take the telegram of mode D whose identification is `head`."""
        start = head.start()
        stop, restart = _text_end(data, head.end(), start)
        bang = _BANG.search(data, head.end(), stop)
        if bang is None:
            return _give_up(data, start, stop, restart, found, is_end=is_end)
        if bang.end() == len(data) and len(bang[1]) < CRC_DIGITS and not is_end:
            return start
        text = data[head.end() : bang.start()].decode("ascii")
        # The bytes that wait are these with their eighth bits, which may be parities.
        content = self._pending[start : bang.start() + 1]
        after = data[bang.end() : bang.end() + 1]
        if after == b"/":
            if not is_end and _UNDECIDED.match(data, bang.end()):
                return start
            # The next telegram, without a line end between: a whole identification tells it.
            after = b"" if HEAD.match(data, bang.end()) else after
        if _is_damaged(content, bang[1], after):
            found.append(refuse("bad-crc", "a parity or the checksum is wrong", content))
        else:
            checked = bool(bang[1])
            found.extend(self._decoder.decode(text, self._identity, content, checked=checked))
        return bang.end()


def _text_end(data: bytes, start: int, first: int) -> tuple[int, re.Match[bytes] | None]:
    """Return where the text from `start` ends, and the identification it runs into, if it does.

    It ends at most MAX_TELEGRAM_BYTES after `first`.
    """
    restart = HEAD.search(data, start, first + MAX_TELEGRAM_BYTES)
    limit = restart.start() if restart else first + MAX_TELEGRAM_BYTES
    match = _PRINTABLE.match(data, start, limit)
    stop = match.end() if match else start
    return stop, restart if restart and stop == limit else None


def _give_up(
    data: bytes,
    start: int,
    stop: int,
    restart: re.Match[bytes] | None,
    found: Found,
    *,
    is_end: bool,
) -> int:
    """Refuse a telegram without an end: another begins, it is damaged, too long, or cut off."""
    if restart is not None:
        found.append(refuse("truncated", "another telegram begins", data[start : restart.start()]))
        return restart.start()
    if stop >= start + MAX_TELEGRAM_BYTES:
        detail = f"no end within {MAX_TELEGRAM_BYTES} bytes"
        found.append(refuse("too-long", detail, data[start:stop]))
        return stop
    if stop < len(data):
        found.append(refuse("truncated", f"byte {data[stop]:02X} within it", data[start:stop]))
        return stop
    if is_end:
        found.append(refuse("truncated", "the stream ended", data[start:]))
        return len(data)
    return start


def _is_damaged(content: bytes, digits: bytes, after: bytes) -> bool:
    """Tell whether the checksum of a P1 telegram, or else the parity of any byte, is wrong."""
    if len(digits) < CRC_DIGITS and after not in (b"", b"\r", b"\n"):
        return True
    if digits:
        return crc16.arc(content) != int(digits, 16)
    has_parity = any(byte > SEVEN_BITS[-1] for byte in content)
    return has_parity and 1 in content.translate(_ODD)


def _undecided_from(data: bytes, place: int) -> int | None:
    match = _UNDECIDED.search(data, max(place, len(data) - _UNDECIDED_BYTES))
    return match.start() if match else None


def _whole_blocks(count: int, *, is_end: bool) -> int:
    return count if is_end else count // NOISE_BLOCK_BYTES * NOISE_BLOCK_BYTES


def _report_noise(noise: bytes, found: Found) -> None:
    """Refuse noise in blocks that do not depend on how it was read."""
    for start in range(0, len(noise), NOISE_BLOCK_BYTES):
        block = noise[start : start + NOISE_BLOCK_BYTES]
        if block.strip(_QUIET):
            found.append(refuse("noise", f"{len(block)} bytes outside a telegram", block))
