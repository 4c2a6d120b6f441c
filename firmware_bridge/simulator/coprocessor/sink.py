"""A simulated stick as a sink: a household's frames go over the air, at the pace the host takes.

Synchronous like every sink: the stick lives in an event loop of its own, which runs while frames
are sent and while the player waits. Time stands still until the host reads the devices.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from firmware_bridge.simulator.coprocessor.stick import Stick
from firmware_bridge.simulator.emission import Emission, SimulatedMeter
from firmware_bridge.simulator.faults import RadioFault
from firmware_bridge.simulator.meters import Build, Fitting
from firmware_bridge.simulator.sinks import WAIT_S, Stopping
from firmware_bridge.simulator.zigbee_air import AirFrame, SimulatedNetwork, line_of
from shared.errors import OperatorError

SETTLE_S = 0.5
"""What the host has acknowledged it must also have read, before its link is lost: the oracle says
that it arrived. As long again, a host hears that its devices have left."""

REST_S = 0.02
"""How long a frame the host did not take rests before it is tried again."""


class AirMeter:
    """A network as a meter: what its devices report, without the description a host reads."""

    def __init__(self, network: SimulatedNetwork) -> None:
        self._network = network

    def emit(self, time_ms: int) -> Emission:
        """Return the lines of one instant's reports."""
        aired = self._network.report(time_ms)
        telegram = b"".join(line_of(frame) for frame in aired.frames)
        return Emission(telegram, aired.shown, kept=aired.kept)


class StickSink:
    """Sends lines as frames of the devices they are of, through a stick at a path."""

    batch = 1
    """Devices answer questions as of their last report, which must have left by then."""

    def __init__(self, path: Path, *, seed: int = 1) -> None:
        self._loop = asyncio.new_event_loop()
        self._rest = b""
        self._lost_permille = 0
        self.stick = Stick(path, seed=seed)
        try:
            self._loop.run_until_complete(self._plug())
        except BaseException:
            self._loop.close()
            raise

    def fitted(self, build: Build) -> Build:
        """Return what builds the network's meter and puts its devices behind the stick."""

        def fit(fitting: Fitting) -> SimulatedMeter:
            network = build(fitting)
            if not isinstance(network, SimulatedNetwork):
                raise OperatorError("this meter has no radio", hint="use --protocol zigbee")
            self.stick.fit(network)
            return AirMeter(network)

        return fit

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        """Send each telegram's frames in order; return how many telegrams the host acknowledged."""
        return self._loop.run_until_complete(self._send(telegrams, stopping))

    def wait(self, seconds: float) -> None:
        """Let the stick work while the player waits."""
        self._loop.run_until_complete(asyncio.sleep(seconds))

    def strike(self, fault: RadioFault) -> None:
        """Let a fault befall the stick, or all devices behind it."""
        self._loop.run_until_complete(self._strike(fault))

    def lose(self, permille: int) -> None:
        """Lose so many of a thousand frames between host and stick, each way.

        From the first report on: forming a network through losses takes minutes, and is done once.
        """
        self._lost_permille = permille

    def unplug(self) -> None:
        """Pull the stick out of its port."""
        self._loop.run_until_complete(self._unplug())

    def plug(self) -> None:
        """Put the stick back."""
        self._loop.run_until_complete(self._plug())

    def close(self) -> None:
        """Take the stick away."""
        self._loop.run_until_complete(self.stick.close())
        self._loop.close()

    async def _plug(self) -> None:
        self.stick.open()

    async def _unplug(self) -> None:
        self.stick.unplug()

    async def _strike(self, fault: RadioFault) -> None:
        await asyncio.sleep(SETTLE_S)
        match fault:
            case RadioFault.RESET:
                self.stick.reset()
            case RadioFault.ERROR:
                self.stick.error_frame()
            case RadioFault.LEAVE:
                for ieee in self.stick.air.devices:
                    self.stick.leave(ieee)
                await asyncio.sleep(SETTLE_S)
            case RadioFault.REJOIN:
                for ieee in self.stick.air.devices:
                    self.stick.rejoin(ieee)

    async def _send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        for sent, telegram in enumerate(telegrams):
            *lines, self._rest = (self._rest + telegram).split(b"\n")
            for line in lines:
                frame = frame_of(line)
                if frame is not None and not await self._transmit(frame, stopping):
                    self._rest = b""
                    return sent
        return len(telegrams)

    async def _transmit(self, frame: AirFrame, stopping: Stopping) -> bool:
        """Try until the host has taken a frame; False when told to stop before."""
        while not stopping():
            if not self.stick.is_listening(frame):
                self.stick.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stick.changed.wait(), WAIT_S)
                continue
            self.stick.lose(self._lost_permille)
            if await self.stick.transmit(frame):
                return True
            await asyncio.sleep(REST_S)
        return False


def frame_of(line: bytes) -> AirFrame | None:
    """Read a line back into the frame it is of; None for one that a fault has damaged."""
    try:
        ieee, endpoint, profile, cluster, zcl = line.decode("ascii").split(" ")
        return AirFrame(
            ieee, int(endpoint, 16), int(profile, 16), int(cluster, 16), bytes.fromhex(zcl)
        )
    except ValueError:
        return None
