"""The floor under live streams: an asyncio loop that writes given bytes to every open socket.

Run as a program: `python -m tests.bench.bareloop PORT HOMES EVERY_S BURST`. A socket belongs to the
home that its path names. No HTTP is read beyond the path, nothing is decoded, nothing bounded.
"""

import asyncio
import resource
import sys

from tests.bench.liveviewers import now_us

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
EVENT = (
    b"id: 19c8a3f1c00-2a-0f1e2d3c\nevent: live\n"
    b'data: {"event":"live","id":"19c8a3f1c00-2a-0f1e2d3c","meter":"BENCH-%03d",'
    b'"medium":"electricity","taken_at":"2026-03-01T12:00:00Z",'
    b'"registers":{"power_import_w":%d}}\n\n'
)


class Viewer(asyncio.Protocol):
    """A socket, kept with its home."""

    def __init__(self, homes: list[list[asyncio.Transport]]) -> None:
        self._homes = homes
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the path."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Join a home."""
        assert self._transport is not None
        self._transport.write(HEAD)
        number = int(data.split(b"/BENCH-")[1][:3])
        self._homes[number].append(self._transport)


async def serve(port: int, homes: int, every_s: float, *, is_burst: bool) -> None:
    """Write each home's event at its beat, or those of all homes at once."""
    rooms: list[list[asyncio.Transport]] = [[] for _ in range(homes)]
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Viewer(rooms), "127.0.0.1", port, backlog=2_048)
    due_s = loop.time()
    while True:
        # In a burst every home speaks at its beginning, and waits for those before it.
        began_us = now_us()
        for number, room in enumerate(rooms):
            if not is_burst:
                due_s += every_s / homes
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                began_us = now_us()
            said = EVENT % (number, began_us)
            for transport in room:
                transport.write(said)
        if is_burst:
            due_s += every_s
            await asyncio.sleep(max(0.0, due_s - loop.time()))


def main(port: str, homes: str, every_s: str, burst: str) -> None:
    """Serve until killed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(serve(int(port), int(homes), float(every_s), is_burst=burst == "1"))


if __name__ == "__main__":
    main(*sys.argv[1:])
