"""The port every byte stream fills."""

from typing import Protocol

READ_BYTES = 16 * 1024
"""The most one read returns: some twenty telegrams, so that a backlog is not read line by line."""


class Link(Protocol):
    """A byte stream that comes from a meter."""

    @property
    def is_finite(self) -> bool:
        """Whether its end is final (a replay) rather than a fault to recover from."""

    async def read(self) -> bytes:
        """Return the next bytes, never empty, at most READ_BYTES; raise LinkError at the end.

        Safe to cancel: bytes not returned are returned by the next read.
        """

    async def close(self) -> None:
        """Release the stream; closing twice does nothing."""
