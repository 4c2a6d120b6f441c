"""A simulated stick with meters behind it, in the loop of a test, and a hub's way of reading it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from firmware_bridge.links import Backoff, Link, LinkEvent, LinkSettings, chunks
from firmware_bridge.links.zigbee.link import open_zigbee
from firmware_bridge.links.zigbee.pace import Pace
from firmware_bridge.meters.codec import Refused
from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.simulator.coprocessor.sink import AirMeter, frame_of
from firmware_bridge.simulator.coprocessor.stick import Stick
from firmware_bridge.simulator.zigbee_air import SimulatedNetwork
from firmware_bridge.simulator.zigbee_meter import ZigbeeMeter
from shared.clock import Clock
from shared.readings import Sample

START_MS = 1_790_000_000_000
LONGEST_S = 60.0
QUICK = Pace(poll_s=0.05, slow_poll_s=0.2, silence_s=0.2, told_s=0.2, settle_s=0.05)
QUICK_BACKOFF_S = 0.05

Registers = dict[tuple[str, int], dict[str, int]]
"""By meter and time."""


class Home:
    """A household's network behind a stick; what its meters showed is kept in `shown`."""

    def __init__(self, folder: Path, network: SimulatedNetwork | None = None) -> None:
        self.folder = folder
        self.network = network or ZigbeeMeter(7, START_MS)
        self.stick = Stick(folder / "stick", self.network)
        self.address = f"zigbee:{folder / 'stick'}"
        self.settings = LinkSettings(state_dir=folder)
        self.shown: Registers = {}
        self.time_ms = START_MS
        self._meter = AirMeter(self.network)

    async def play(self, count: int, *, step_ms: int = 10_000) -> None:
        """Let the devices report so often, each report repeated until the hub has taken it."""
        for _ in range(count):
            self.time_ms += step_ms
            emission = self._meter.emit(self.time_ms)
            for line in emission.telegram.splitlines():
                await self._transmit(line)
            for one in emission.shown:
                self.shown[one.meter, one.taken_at_ms] = one.registers

    async def pass_time(self, milliseconds: int) -> None:
        """Let time pass in which nobody hears the devices."""
        self.time_ms += milliseconds
        for one in self._meter.emit(self.time_ms).shown:
            self.shown[one.meter, one.taken_at_ms] = one.registers

    async def _transmit(self, line: bytes) -> None:
        frame = frame_of(line)
        assert frame is not None
        while True:
            if self.stick.is_listening(frame) and await self.stick.transmit(frame):
                return
            await asyncio.sleep(0.01)


class Hub:
    """Reads a home as a hub does: opens the link again whenever it is lost."""

    def __init__(self, home: Home, *, clock: Clock | None = None, pace: Pace | None = None) -> None:
        self.lines: list[bytes] = []
        self.samples: list[tuple[Sample, bool]] = []
        self.refused: list[Refused] = []
        self.events: list[LinkEvent] = []
        self._home = home
        self._clock = clock
        self._pace = pace or Pace()
        self._codec = ZigbeeCodec()

    async def read(self) -> None:
        """Read until cancelled."""
        backoff = Backoff(first_s=QUICK_BACKOFF_S, longest_s=QUICK_BACKOFF_S)
        stream = chunks(self._open, silence_s=60, backoff=backoff, on_event=self.events.append)
        async with aclosing(stream) as content:
            async for chunk in content:
                self.lines += chunk.splitlines()
                for found in self._codec.feed(chunk):
                    if isinstance(found, Refused):
                        self.refused.append(found)
                    else:
                        self.samples += [(sample, found.is_past) for sample in found.samples]

    def registers(self) -> Registers:
        """Return what was read at the meters' own times."""
        return {
            (sample.meter, sample.meter_time_ms): sample.registers
            for sample, _ in self.samples
            if sample.meter_time_ms is not None and sample.registers
        }

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        while not is_so():  # noqa: ASYNC110 (what is waited for may be a file or the stick's own)
            await asyncio.sleep(0.002)

    async def _open(self) -> Link:
        return await open_zigbee(
            self._home.address, self._home.settings, clock=self._clock, pace=self._pace
        )


@asynccontextmanager
async def plugged_in(home: Home) -> AsyncIterator[Home]:
    """Have a home's stick in its port."""
    home.stick.open()
    try:
        yield home
    finally:
        await home.stick.close()


@asynccontextmanager
async def reading(hub: Hub) -> AsyncIterator[Hub]:
    """Let a hub read meanwhile."""
    task = asyncio.create_task(hub.read())
    try:
        yield hub
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
