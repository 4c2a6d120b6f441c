"""Bytes that belong to no frame, gathered into refusals that do not depend on how they were read.

Pure; shared by the codecs that look for frames in a stream.
"""

from firmware_bridge.meters.codec import MAX_REFUSED_BYTES, Refused, Telegram, refuse

BLOCK_BYTES = 4_096
"""Endless noise is reported in blocks of this size."""

QUIET = b"\r\n\t \0"
"""Line ends and filling between frames are no noise."""


class Noise:
    """One run of bytes that are no frame."""

    def __init__(self) -> None:
        self._head = b""
        self._size = 0
        self._excused = 0
        self._is_quiet = True

    def excuse(self, size: int) -> None:
        """Take the next `size` bytes as part of what was refused already."""
        self._excused = size

    def add(self, content: bytes, found: list[Telegram | Refused]) -> bool:
        """Add bytes to the run; report it whenever a block is full, and tell whether one was."""
        place = min(self._excused, len(content))
        self._excused -= place
        is_full = False
        while place < len(content):
            piece = content[place : place + BLOCK_BYTES - self._size]
            place += len(piece)
            self._head += piece[: MAX_REFUSED_BYTES - len(self._head)]
            self._size += len(piece)
            self._is_quiet = self._is_quiet and not piece.strip(QUIET)
            if self._size == BLOCK_BYTES:
                self.flush(found)
                is_full = True
        return is_full

    def flush(self, found: list[Telegram | Refused]) -> None:
        """Report the run, if there is one."""
        if not self._is_quiet:
            found.append(refuse("noise", f"{self._size} bytes outside a frame", self._head))
        self._head, self._size, self._excused, self._is_quiet = b"", 0, 0, True
