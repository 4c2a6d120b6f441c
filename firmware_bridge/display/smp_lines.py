"""SMP's lines, put together into the frames that they carry; what both ends of a line do alike."""

from collections.abc import Generator

from smp import packet

FIRST_START = b"\x06\x09"
"""How the first line of a frame begins (Zephyr, SMP over console)."""


class LineAssembler:
    """One direction of a line: a frame that is not whole is given up when another begins."""

    def __init__(self) -> None:
        self._decoder: Generator[None, bytes, bytes] | None = None

    def forget(self) -> None:
        """Give up the frame that is not whole yet."""
        self._decoder = None

    def take(self, line: bytes) -> bytes | None:
        """Take a line; return the frame that it completes. Damage raises what the library says."""
        if line.startswith(FIRST_START):
            self._decoder = packet.decode()
            next(self._decoder)
        if self._decoder is None:
            return None
        try:
            self._decoder.send(line)
        except StopIteration as done:
            self._decoder = None
            return bytes(done.value)
        return None
