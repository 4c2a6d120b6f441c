"""A firmware image in pieces, each as large as the panel's buffer for one request allows.

Pure. Owns sizes and fields of upload requests; when which is sent is `update.py`'s.
"""

import hashlib

from smp.image_management import ImageUploadWriteResponse
from smp.message import Response
from smp.os_management import MCUMgrParametersReadResponse

from firmware_bridge.display.smp_exchange import refusal_of

BUFFER_BYTES, BUFFER_BYTES_MIN, BUFFER_BYTES_MAX = 384, 192, 4_096
"""A panel's buffer for one request: Zephyr's own choice, where it does not say; the bounds."""

FIRST_OVERHEAD, OVERHEAD = 112, 48
"""Head, keys, length and hashes around the image's bytes, with room to spare."""

ERASE_MS = 60_000
"""The first piece may have the panel erase a whole slot."""


def buffer_of(answer: Response) -> int:
    """Say how long a request may be, by what the panel answered; panels need not know."""
    if not isinstance(answer, MCUMgrParametersReadResponse):
        return BUFFER_BYTES
    return min(answer.buf_size, BUFFER_BYTES_MAX)


def piece_fields(content: bytes, offset: int, buffer_bytes: int) -> dict[str, object]:
    """Return the fields of the request that carries the image's bytes from an offset on.

    The first carries length and SHA-256 too: a panel that has part of this file goes on with it.
    """
    if offset:
        return {"off": offset, "data": content[offset : offset + buffer_bytes - OVERHEAD]}
    return {
        "off": 0,
        "data": content[: buffer_bytes - FIRST_OVERHEAD],
        "image": 0,
        "len": len(content),
        "sha": hashlib.sha256(content).digest(),
    }


def told_offset(answer: Response, total_bytes: int) -> int | None:
    """Return the offset a panel is at; None where it refuses, or says what cannot be."""
    if not isinstance(answer, ImageUploadWriteResponse) or refusal_of(answer) is not None:
        return None
    is_possible = answer.off is not None and 0 <= answer.off <= total_bytes
    return answer.off if is_possible else None
