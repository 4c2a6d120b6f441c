"""DLMS/COSEM push: from the bytes of a customer interface as they come to telegrams.

Owns finding frames on a link (HDLC, wired M-Bus long frames, or bare APDUs), and the way of an APDU
through deciphering and block transfer. Sources: IEC 62056-46, 62056-5-3, EN 13757-1 and -2. What a
notification says is `dlms_notification.py`'s.
"""

import re
from zoneinfo import ZoneInfo

from firmware_bridge.meters.ciphering import (
    GENERAL_DED,
    GENERAL_GLO,
    Decipherer,
    name_title,
    open_or_refuse,
    read_ciphered,
)
from firmware_bridge.meters.codec import Refused, refuse
from firmware_bridge.meters.dlms_assembly import (
    GENERAL_BLOCK_TRANSFER,
    LLC_BYTES,
    LLC_HEADERS,
    BlockJoiner,
    FrameJoiner,
    Part,
    SegmentJoiner,
)
from firmware_bridge.meters.dlms_axdr import AxdrError
from firmware_bridge.meters.dlms_bare import bare_apdu_at
from firmware_bridge.meters.dlms_mbus import START, LongFrame, long_frame_at
from firmware_bridge.meters.dlms_noise import Noise
from firmware_bridge.meters.dlms_notification import (
    DATA_NOTIFICATION,
    NotificationDecoder,
    read_head,
)
from firmware_bridge.meters.dlms_time import CosemTime
from firmware_bridge.meters.framing import Found, StreamCodec
from firmware_bridge.meters.hdlc import (
    FLAG,
    FORMAT_MASK,
    FORMAT_TYPE_3,
    Damaged,
    Verdict,
    hdlc_frame_at,
)

_FRAME_START = re.compile(rb"[\x7e\x68]")
_BARE_START = re.compile(rb"[\x7e\x68\x0f\xdb\xdc\xe0\xe6\x00]")


class DlmsCodec(StreamCodec):
    """Decodes what one meter pushes; keeps at most about MAX_APDU_BYTES between feeds.

    Bare APDUs have no checksum and are taken only where one must begin: at the start of the
    stream, after another, and, once one was found or nothing else was, after damage.
    """

    slice_bytes = 4 * 1024

    def __init__(
        self, zone: ZoneInfo, key: bytes | None = None, authentication_key: bytes | None = None
    ) -> None:
        """Take the zone of the meter's clock, and the keys of a meter that encrypts."""
        super().__init__()
        self._decipherer = None if key is None else Decipherer(key, authentication_key)
        self._notifications = NotificationDecoder(CosemTime(zone))
        self._noise = Noise()
        self._segments, self._frames, self._blocks = SegmentJoiner(), FrameJoiner(), BlockJoiner()
        self._is_framed, self._is_bare, self._at_start = False, False, True

    def _end(self, found: Found) -> None:
        self._noise.flush(found)
        for joiner in (self._segments, self._frames, self._blocks):
            found.extend(entry for entry in joiner.end() if isinstance(entry, Refused))
        self._is_framed, self._is_bare, self._at_start = False, False, True

    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        byte = data[place]
        verdict: Damaged | Verdict | int
        if byte == FLAG:
            if place + 1 == len(data):
                return place + is_end
            if data[place + 1] & FORMAT_MASK != FORMAT_TYPE_3:
                # A closing flag, or the idle line.
                return place + 1
            verdict = self._take_hdlc(data, place + 1, found)
        elif byte == START:
            verdict = self._take_mbus(data, place, found)
        elif self._at_start and byte & FORMAT_MASK == FORMAT_TYPE_3:
            verdict = self._take_hdlc(data, place, found)
        elif self._at_start or self._is_bare:
            verdict = self._take_bare(data, place, found)
        else:
            verdict = Verdict.FOREIGN
        if isinstance(verdict, int):
            return place + verdict + (byte == FLAG)
        if verdict is Verdict.WAIT and not is_end:
            return place
        return self._skip(data, place, verdict, found)

    def _skip(self, data: bytes, place: int, verdict: Damaged | Verdict, found: Found) -> int:
        """Pass over bytes up to the next place where something may begin, and return it.

        That may be within a refused frame: bytes it lost make it reach into the next one.
        """
        if not isinstance(verdict, Verdict):
            size = verdict.size + (data[place] == FLAG)
            self._refuse("bad-crc", "a frame's checksum is wrong", data[place:][:size], found)
        elif verdict is Verdict.WAIT:
            self._refuse("truncated", "the stream ended within a frame", data[place:], found)
        pattern = _BARE_START if self._is_bare else _FRAME_START
        match = pattern.search(data, place + 1)
        stop = len(data) if match is None else match.start()
        is_endless = self._noise.add(data[place:stop], found)
        self._at_start = False
        if is_endless and not self._is_framed:
            self._is_bare = True
        return stop

    def _refuse(self, reason: str, detail: str, raw: bytes, found: Found) -> None:
        self._noise.flush(found)
        self._noise.excuse(len(raw))
        found.append(refuse(reason, detail, raw))

    def _take_hdlc(self, data: bytes, start: int, found: Found) -> Damaged | Verdict | int:
        frame = hdlc_frame_at(data, start)
        if isinstance(frame, Damaged | Verdict):
            return frame
        self._begin_good(found, is_bare=False)
        self._take_parts(self._segments.take(frame), found, checked=True)
        return frame.size

    def _take_mbus(self, data: bytes, start: int, found: Found) -> Damaged | Verdict | int:
        frame = long_frame_at(data, start)
        if isinstance(frame, Damaged | Verdict):
            return frame
        self._begin_good(found, is_bare=False)
        if frame.is_dlms:
            self._take_parts(self._frames.take(frame), found, checked=True)
        else:
            found.append(_refuse_mbus(frame))
        return frame.size

    def _take_bare(self, data: bytes, start: int, found: Found) -> Verdict | int:
        bare = bare_apdu_at(data, start)
        if isinstance(bare, Verdict):
            return bare
        if bare.apdu[0] == GENERAL_BLOCK_TRANSFER and not self._blocks.is_due(bare.apdu):
            # Noise may look like a block, and its length would reach far into what follows.
            return Verdict.FOREIGN
        self._begin_good(found, is_bare=True)
        self._take_parts([bare.apdu], found, checked=False)
        return bare.size

    def _begin_good(self, found: Found, *, is_bare: bool) -> None:
        self._noise.flush(found)
        self._is_framed = not is_bare
        self._is_bare = self._at_start = is_bare

    def _take_parts(self, parts: list[Part], found: Found, *, checked: bool) -> None:
        for part in parts:
            if isinstance(part, Refused):
                found.append(part)
            else:
                self._take_apdu(part, found, checked=checked)

    def _take_apdu(self, apdu: bytes, found: Found, *, checked: bool) -> None:
        """Send an APDU where its tag says."""
        if apdu.startswith(LLC_HEADERS):
            apdu = apdu[LLC_BYTES:]
        tag = apdu[0] if apdu else None
        if tag == DATA_NOTIFICATION:
            try:
                found += self._notifications.decode(apdu, checked=checked)
            except AxdrError as error:
                found.append(refuse("bad-value", error.message, apdu))
        elif tag == GENERAL_BLOCK_TRANSFER:
            for part in self._blocks.take(apdu):
                if isinstance(part, bytes) and part[:1] == bytes((GENERAL_BLOCK_TRANSFER,)):
                    found.append(refuse("unknown-apdu", "blocks within a block", part))
                else:
                    self._take_parts([part], found, checked=checked)
        elif tag in (GENERAL_GLO, GENERAL_DED):
            self._decipher(apdu, found, checked=checked)
        elif tag is not None:
            found.append(refuse("unknown-apdu", f"an APDU with tag {tag:#04x}", apdu))

    def _decipher(self, apdu: bytes, found: Found, *, checked: bool) -> None:
        """Decode a ciphered APDU; where no tag is verified, it must make sense to be believed."""
        try:
            ciphered = read_ciphered(apdu, 0)
        except AxdrError as error:
            found.append(refuse("bad-value", error.message, apdu))
            return
        opened = open_or_refuse(ciphered, self._decipherer, apdu, _is_notification)
        if isinstance(opened, Refused):
            found.append(opened)
            return
        title = name_title(ciphered.system_title)
        is_checked = checked or opened.is_verified
        try:
            found += self._notifications.decode(opened.plain, title=title, checked=is_checked)
        except AxdrError as error:
            found.append(refuse("bad-value", f"{title}: {error.message}", apdu))


def _is_notification(plain: bytes) -> bool:
    """Tell whether deciphered bytes begin as a notification does: a wrong key's never do."""
    try:
        read_head(plain)
    except AxdrError:
        return False
    return True


def _refuse_mbus(frame: LongFrame) -> Refused:
    return refuse("unknown-apdu", "an M-Bus frame that carries no DLMS", frame.content)
