"""A TCP byte stream, as serial-to-network adapters and the simulator offer it."""

import asyncio
import contextlib

from firmware_bridge.links.port import READ_BYTES
from shared.errors import LinkError

CONNECT_TIMEOUT_S = 10
"""A home network answers in milliseconds; a host that is off must not hold the loop for minutes."""


class TcpLink:
    """A connected TCP stream; only a gateway that must be asked is written to."""

    is_finite = False
    longest_pause_s = 0.0

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._name = name
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """Return the next bytes; raise LinkError when the other side closed or was lost."""
        try:
            chunk = await self._reader.read(READ_BYTES)
        except OSError as error:
            raise LinkError(f"{self._name} was lost: {error}") from error
        if not chunk:
            raise LinkError(f"{self._name} closed the connection")
        return chunk

    async def write(self, content: bytes) -> None:
        """Send a short message; raise LinkError when the other side was lost."""
        try:
            self._writer.write(content)
            await self._writer.drain()
        except OSError as error:
            raise LinkError(f"{self._name} was lost: {error}") from error

    async def close(self) -> None:
        """Close the socket without waiting for the other side."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def open_tcp(host: str, port: int) -> TcpLink:
    """Connect; raise LinkError when nobody answers within CONNECT_TIMEOUT_S seconds."""
    name = f"tcp://{host}:{port}"
    hint = "check that the adapter is on and that host and port are right"
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port, limit=READ_BYTES)
    except TimeoutError as error:
        raise LinkError(f"{name} did not answer in {CONNECT_TIMEOUT_S} s", hint=hint) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise LinkError(f"{name} could not be reached: {reason}", hint=hint) from error
    return TcpLink(name, reader, writer)
