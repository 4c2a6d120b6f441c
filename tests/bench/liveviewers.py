"""Ten thousand sockets that watch, in a process of their own: how late each message comes.

Run as a program: `python -m tests.bench.liveviewers PORT FILE VIEWERS SECONDS`. FILE has a line of
token and path for each home, asked for by turns; each message carries the sender's time, and the
machine has one clock.
"""

import asyncio
import json
import resource
import sys
import time
from array import array
from pathlib import Path

CONNECTS_AT_ONCE = 50
MARK = b'"power_import_w":'
READ_S_MAX = 60.0


class Watcher(asyncio.Protocol):
    """One viewer; what it measures goes into a list that all share."""

    def __init__(self, home: str, late_us: "array[int]", opened: asyncio.Event) -> None:
        self._token, self._path = home.split()
        self._late_us = late_us
        self.opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        assert isinstance(transport, asyncio.Transport)
        head = f"GET {self._path} HTTP/1.1\r\nHost: bench\r\n"
        transport.write(f"{head}Authorization: Bearer {self._token}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Note how late each message is; the time is in the power that it tells."""
        if not self.opened.is_set():
            self.opened.set()
        for part in data.split(MARK)[1:]:
            sent_us = int(part[: part.index(b"}")])
            self._late_us.append(now_us() - sent_us)


def now_us() -> int:
    """The machine's monotonic clock, which all its processes share."""
    return time.monotonic_ns() // 1_000


async def watch(port: int, homes: list[str], viewers: int, seconds: float) -> dict[str, float]:
    """Open every stream, say so, and count for some seconds."""
    late_us: array[int] = array("q")
    loop = asyncio.get_running_loop()
    transports = []
    for first in range(0, viewers, CONNECTS_AT_ONCE):
        batch = []
        for number in range(first, min(first + CONNECTS_AT_ONCE, viewers)):
            watcher = Watcher(homes[number % len(homes)], late_us, asyncio.Event())
            batch.append(watcher)
            made = await loop.create_connection(lambda one=watcher: one, "127.0.0.1", port)  # type: ignore[misc]
            transports.append(made[0])
        async with asyncio.timeout(READ_S_MAX):
            await asyncio.gather(*(one.opened.wait() for one in batch))
    print("watching", flush=True)
    await asyncio.sleep(2)
    del late_us[:]
    await asyncio.sleep(seconds)
    found = sorted(late_us)
    for one in transports:
        one.abort()
    return {
        "messages": len(found),
        "p50_ms": found[len(found) // 2] / 1_000,
        "p99_ms": found[len(found) * 99 // 100] / 1_000,
        "worst_ms": found[-1] / 1_000,
    }


def main(port: str, file: str, viewers: str, seconds: str) -> None:
    """Print one JSON object."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    homes = Path(file).read_text().splitlines()
    print(json.dumps(asyncio.run(watch(int(port), homes, int(viewers), float(seconds)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
