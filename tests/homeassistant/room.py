"""The real Home Assistant as a process of its own, and the line of questions to it."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from agent.demo.ports import free_port
from tests.support.plain_broker import HOST

INSIDE = Path(__file__).with_name("inside.py")
START_S_MAX = 60.0
SOON_S = 15.0
"""Within one turn of the hub's, and what Home Assistant takes to hear of it."""


class Inside:
    """The Home Assistant, asked a line and answering one."""

    def __init__(self, process: asyncio.subprocess.Process, node: str) -> None:
        self._process = process
        self._node = node

    async def read(self) -> Any:
        """Read its next answer."""
        assert self._process.stdout is not None
        async with asyncio.timeout(START_S_MAX):
            while True:
                line = await self._process.stdout.readline()
                assert line, "Home Assistant ended"
                if line.startswith((b"{", b"[")):
                    return json.loads(line)

    async def ask(self, **question: Any) -> Any:
        """Ask, and read the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.read()

    async def entities(self) -> dict[str, Any]:
        """List its MQTT entities, by the hub's own keys."""
        answer = await self.ask(ask="entities")
        found: dict[str, Any] = answer["entities"]
        return {key.removeprefix(f"{self._node}_"): one for key, one in found.items()}

    async def until(self, is_so: Callable[[dict[str, Any]], bool], seconds: float) -> float:
        """Wait until its entities are so; return how long that took."""
        started = time.monotonic()
        while not is_so(found := await self.entities()):
            spent = time.monotonic() - started
            assert spent < seconds, f"not so after {seconds} s: {json.dumps(found, indent=1)}"
            await asyncio.sleep(0.1)
        return time.monotonic() - started

    async def until_found(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until its entities are so, and list them."""
        await self.until(is_so, SOON_S)
        return await self.entities()


@contextlib.asynccontextmanager
async def inside(python: str, folder: Path, port: int, node: str) -> AsyncIterator[Inside]:
    """Run a Home Assistant that knows the broker; `node` is how the hub is called there."""
    process = await asyncio.create_subprocess_exec(
        python, str(INSIDE), str(folder / "config"), str(port), str(free_port()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=(folder / "inside.err").open("wb"),
        limit=1 << 20,
    )  # fmt: skip
    try:
        yield Inside(process, node)
    finally:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


def listen(port: int, topic: str, loop: asyncio.AbstractEventLoop, birth: asyncio.Event) -> None:
    """Set the event when Home Assistant says on its topic that it was born."""

    def hear(*_: object) -> None:
        loop.call_soon_threadsafe(birth.set)

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe(topic)
    client.on_message = hear
    client.connect(HOST, port)
    client.loop_start()
