"""A firmware image in pieces, each as large as the panel's buffer for one request allows.

Pure. Owns sizes and fields of upload requests; when which is sent is `update.py`'s.
"""

import hashlib
from typing import Any

from smp.image_management import ImageUploadWriteResponse
from smp.message import Response
from smp.os_management import MCUMgrParametersReadResponse

from firmware_bridge.display.smp_exchange import refusal_of

BUFFER_BYTES, BUFFER_BYTES_MIN, BUFFER_BYTES_MAX = 384, 192, 4_096
"""A panel's buffer for one request: Zephyr's own choice, where it does not say; the bounds."""

FIRST_OVERHEAD, OVERHEAD = 112, 48
"""Head, keys, length and hashes around the image's bytes, with room to spare."""

FROM_START_MAX = 100
"""How often the panel may send us back to the image's first byte: as often as its power fails."""

ERASE_MS = 60_000
"""The first piece may have the panel erase a whole slot."""


def buffer_of(answer: Response) -> int:
    """Say how long a request may be, by what the panel answered; panels need not know."""
    if not isinstance(answer, MCUMgrParametersReadResponse):
        return BUFFER_BYTES
    return min(answer.buf_size, BUFFER_BYTES_MAX)


class Upload:
    """One image on its way; `sent_bytes` is what the panel said last that it has."""

    def __init__(self, content: bytes) -> None:
        self.sent_bytes = 0
        self.buffer_bytes = BUFFER_BYTES
        self._content = content
        self._from_start = 0

    def piece(self, offset: int) -> dict[str, Any] | None:
        """Return the fields of the request with the image's bytes from an offset on.

        The first carries length and SHA-256 too: a panel that has part of this file goes on with
        it. None where the panel began anew too often.
        """
        if offset:
            end = offset + self.buffer_bytes - OVERHEAD
            return {"off": offset, "data": self._content[offset:end]}
        self._from_start += 1
        if self._from_start > FROM_START_MAX:
            return None
        return {
            "off": 0,
            "data": self._content[: self.buffer_bytes - FIRST_OVERHEAD],
            "image": 0,
            "len": len(self._content),
            "sha": hashlib.sha256(self._content).digest(),
        }

    def take(self, answer: Response) -> int | None:
        """Note where the panel is; None where it refuses, or says what cannot be."""
        if not isinstance(answer, ImageUploadWriteResponse) or refusal_of(answer) is not None:
            return None
        if answer.off is None or not 0 <= answer.off <= len(self._content):
            return None
        self.sent_bytes = answer.off
        return answer.off
