"""A recorded capture, read as fast as the reader takes it; its end is final."""

import asyncio
from pathlib import Path
from typing import BinaryIO

from firmware_bridge.links.port import READ_BYTES
from shared.errors import LinkError, OperatorError


class ReplayLink:
    """The raw bytes of a capture file."""

    is_finite = True

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    async def read(self) -> bytes:
        """Return the next bytes of the file; raise LinkError at its end."""
        # Files do not wait: without this the reader would never let the loop do its other work.
        await asyncio.sleep(0)
        if self._file.closed:
            raise LinkError(f"capture {self._path} is closed")
        chunk = self._file.read(READ_BYTES)
        if not chunk:
            raise LinkError(f"capture {self._path} has ended")
        return chunk

    async def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_replay(path: Path) -> ReplayLink:
    """Open a capture; raise OperatorError when it cannot be read, for no retry will help."""
    try:
        return ReplayLink(path, path.open("rb"))
    except OSError as error:
        raise OperatorError(
            f"capture {path} cannot be read: {error.strerror}", hint="give an existing file"
        ) from error
