"""APDUs on a link without frames of its own: where one ends is told by its own encoding. Pure.

Owns the optional headers in front: that of the LLC layer, and the wrapper of IEC 62056-47.
"""

import re
from typing import NamedTuple

from firmware_bridge.meters.ciphering import GENERAL_DED, GENERAL_GLO, read_ciphered
from firmware_bridge.meters.dlms_assembly import (
    GENERAL_BLOCK_TRANSFER,
    LLC_BYTES,
    LLC_HEADERS,
    MAX_APDU_BYTES,
    read_block,
)
from firmware_bridge.meters.dlms_axdr import AxdrError, AxdrShortError, read_value
from firmware_bridge.meters.dlms_mbus import START
from firmware_bridge.meters.dlms_notification import DATA_NOTIFICATION, read_head
from firmware_bridge.meters.hdlc import Verdict, is_header_at

WRAPPER_VERSION = b"\0\1"
WRAPPER_BYTES = 8

_FRAME = re.compile(rb"\x7e(?=[\xa0-\xaf])|\x68(?=(.)\1\x68[\x53\x73])", re.DOTALL)
"""An HDLC flag before a format field; an M-Bus long frame that pushes (SND_UD)."""

_TAGS = (DATA_NOTIFICATION, GENERAL_GLO, GENERAL_DED, GENERAL_BLOCK_TRANSFER)


class BareApdu(NamedTuple):
    """An APDU found, and the size of it with the headers in front."""

    size: int
    apdu: bytes


def bare_apdu_at(data: bytes, start: int) -> BareApdu | Verdict:
    """Judge the APDU at `start`; it waits for no more than MAX_APDU_BYTES.

    Noise may begin like an APDU that is long enough to reach into a frame: what holds the beginning
    of a frame is none.
    """
    place = start
    if data[start : start + 2] == WRAPPER_VERSION[: len(data) - start]:
        place += WRAPPER_BYTES
    elif any(header.startswith(data[start : start + LLC_BYTES]) for header in LLC_HEADERS):
        place += LLC_BYTES
    if place >= len(data):
        return Verdict.WAIT
    if data[place] not in _TAGS:
        return Verdict.FOREIGN
    try:
        end = _end_of(data, place)
    except AxdrShortError:
        is_hopeless = len(data) - start >= MAX_APDU_BYTES or _holds_frame(data[place:])
        return Verdict.FOREIGN if is_hopeless else Verdict.WAIT
    except AxdrError:
        return Verdict.FOREIGN
    apdu = data[place:end]
    return Verdict.FOREIGN if _holds_frame(apdu) else BareApdu(end - start, apdu)


def _holds_frame(content: bytes) -> bool:
    """Tell whether a frame of a link begins within, its header being whole."""
    return any(
        content[match.start()] == START or is_header_at(content, match.end())
        for match in _FRAME.finditer(content)
    )


def _end_of(data: bytes, place: int) -> int:
    tag = data[place]
    if tag == DATA_NOTIFICATION:
        _, body_start = read_head(data[place : place + MAX_APDU_BYTES])
        _, end = read_value(data, place + body_start, goes_on=True)
        return end
    if tag == GENERAL_BLOCK_TRANSFER:
        return place + read_block(data, place)[3]
    return place + read_ciphered(data, place).size
