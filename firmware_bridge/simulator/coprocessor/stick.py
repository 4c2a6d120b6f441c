"""The simulated stick whole: a pseudo-terminal, ASH, EZSP and the devices on the air behind it.

Runs in the event loop of whoever opens it. Faults are methods, so that a script can strike at will.
"""

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

from bellows import types as t  # type: ignore[import-untyped]

from firmware_bridge.simulator.coprocessor.air import Air, Packet
from firmware_bridge.simulator.coprocessor.ash import EXCEEDED, NotTakenError, StickAsh
from firmware_bridge.simulator.coprocessor.ezsp import Ezsp, default, eui64
from firmware_bridge.simulator.coprocessor.port import StickPort
from firmware_bridge.simulator.zigbee_air import AirFrame, SimulatedNetwork

ANNOUNCE_EVERY_S = 2.0
"""A device whose announcement went unheard repeats it."""

LINK_QUALITY, SIGNAL_DBM = 200, -50
NO_INDEX = 0xFF


class Stick:
    """A stick at `path` with a simulated network behind it; `open` before use, `close` after."""

    def __init__(
        self, path: Path, network: SimulatedNetwork | None = None, *, seed: int = 1
    ) -> None:
        self.air = Air(network)
        self._source = random.Random(f"{seed}/stick")  # noqa: S311 (a simulation, no secret)
        self._sends: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self.changed = asyncio.Event()
        self.frames_lost_in_air = 0
        self._ash = self._make_ash()
        self._port = StickPort(path, on_bytes=self._hear, on_gone=self._miss)
        self._ezsp = Ezsp(
            self._send_soon,
            on_unicast=self._unicast,
            on_open=self._announce_all,
            ieee_of=self._ieee_of,
        )

    def open(self) -> None:
        """Make the pseudo-terminal; raise OperatorError where it cannot be linked at the path."""
        self._port.open()
        self._ash.connection_made(self._port)

    def fit(self, network: SimulatedNetwork) -> None:
        """Put these devices behind the stick, in the place of any before; not while it runs."""
        self.air = Air(network)

    async def close(self) -> None:
        """Hang up and remove the link."""
        for timer in self._timers:
            timer.cancel()
        self._let_go()
        # Whatever is on its way learns that there is no port; a cancelled send would complain.
        await asyncio.gather(*self._sends, return_exceptions=True)

    async def transmit(self, frame: AirFrame) -> bool:
        """Let a device send a frame; tell whether the host has acknowledged it.

        The frame of a device that has left is lost in the air, which is no failure. Not to be
        called before `is_listening`.
        """
        presence = self.air.devices.get(frame.ieee)
        if presence is None or not presence.is_joined:
            self.frames_lost_in_air += 1
            return True
        packet = Packet(
            presence.device.nwk, frame.profile, frame.cluster, frame.endpoint, 1, frame.zcl
        )
        try:
            await self._ash.send(self._incoming(packet, sequence=0))
        except NotTakenError:
            return False
        return True

    def is_listening(self, frame: AirFrame) -> bool:
        """Tell whether the host has had this device report, or the device is not there to do so."""
        presence = self.air.devices.get(frame.ieee)
        if presence is None or not presence.is_joined:
            return True
        return self._ezsp.is_up and bool(presence.reporting)

    # Faults

    def reset(self, code: int = int(t.NcpResetCode.RESET_WATCHDOG)) -> None:
        """Reset by itself, as a stick does that its watchdog caught."""
        self._ash.restart(code)

    def error_frame(self, code: int = int(EXCEEDED)) -> None:
        """Report a fault and do nothing until the host resets the stick."""
        self._ash.fail(code)

    def lose(self, permille: int) -> None:
        """Lose so many of a thousand frames on the serial line, each way."""
        self._ash.lost_permille = permille

    def stall(self, seconds: float) -> None:
        """Neither listen nor speak for a while."""
        self._port.pause()
        self._ash.hold()
        self._after(seconds, self._wake)

    def unplug(self) -> None:
        """Take the stick out of its port."""
        self._let_go()
        self._restarted()
        self._ash = self._make_ash()

    def replug(self) -> None:
        """Put it back; its network is remembered."""
        self.open()

    def leave(self, ieee: str) -> None:
        """Let a device leave the network, and tell the host."""
        presence = self.air.devices[ieee]
        presence.is_joined = False
        presence.reporting.clear()
        self._send_soon(self._joined(ieee, t.EmberDeviceUpdate.DEVICE_LEFT))

    def rejoin(self, ieee: str) -> None:
        """Let a device come back; it announces itself until the host speaks to it."""
        self.air.devices[ieee].is_known = False
        self._announce(ieee)

    def _make_ash(self) -> StickAsh:
        return StickAsh(self, on_reset=self._restarted, source=self._source)

    # What ASH tells the layer above it; the names are the radio library's.

    def connection_made(self, _: Any) -> None:
        """ASH has a port."""

    def connection_lost(self, _: Any) -> None:
        """ASH has lost its port."""

    def eof_received(self) -> None:
        """A pseudo-terminal has no end."""

    def reset_received(self, _: Any) -> None:
        """Only hosts receive this."""

    def error_received(self, _: Any) -> None:
        """The host no longer answers; it will reset the stick."""

    def data_received(self, content: bytes) -> None:
        """Take one EZSP frame from the host."""
        self._ezsp.receive(bytes(content))
        self.changed.set()

    def _restarted(self) -> None:
        self._ezsp.restart()
        self.air.forget_host()
        self.changed.set()

    def _hear(self, content: bytes) -> None:
        self._ash.data_received(content)

    def _miss(self) -> None:
        """The host has closed the port."""
        self._ash.host_gone()

    def _wake(self) -> None:
        if self._port.is_open:
            self._ash.resume()
            self._port.resume()

    def _let_go(self) -> None:
        if self._port.is_open:
            self._ash.connection_lost(None)
        self._port.hang_up()

    def _send_soon(self, frame: bytes) -> None:
        """Send a frame to the host; one that it does not take is gone, as with a real stick."""
        task = asyncio.get_running_loop().create_task(self._send(frame), name="stick-send")
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _send(self, frame: bytes) -> None:
        with contextlib.suppress(NotTakenError):
            await self._ash.send(frame)

    def _unicast(self, address: int, aps: Any, sequence: int, content: bytes) -> None:
        asked = Packet(
            address,
            int(aps.profileId),
            int(aps.clusterId),
            int(aps.destinationEndpoint),
            int(aps.sourceEndpoint),
            content,
        )
        answer = self.air.answer(asked)
        if answer is not None:
            self._send_soon(self._incoming(answer, sequence))

    def _incoming(self, packet: Packet, sequence: int) -> bytes:
        aps = default(t.EmberApsFrame).replace(
            profileId=packet.profile,
            clusterId=packet.cluster,
            sourceEndpoint=packet.device_endpoint,
            destinationEndpoint=packet.host_endpoint,
            sequence=sequence,
        )
        return self._ezsp.tell(
            "incomingMessageHandler",
            type=t.EmberIncomingMessageType.INCOMING_UNICAST,
            apsFrame=aps,
            lastHopLqi=LINK_QUALITY,
            lastHopRssi=SIGNAL_DBM,
            sender=packet.nwk,
            bindingIndex=NO_INDEX,
            addressIndex=NO_INDEX,
            messageContents=t.LVBytes(packet.content),
        )

    def _joined(self, ieee: str, status: Any) -> bytes:
        return self._ezsp.tell(
            "trustCenterJoinHandler",
            newNodeId=self.air.devices[ieee].device.nwk,
            newNodeEui64=eui64(ieee),
            status=status,
        )

    def _announce_all(self) -> None:
        for ieee, presence in self.air.devices.items():
            if presence.is_joined and not presence.is_known:
                self._announce(ieee)

    def _announce(self, ieee: str) -> None:
        """Announce a device to the host, again and again until the host has spoken to it."""
        presence = self.air.devices[ieee]
        if presence.is_known:
            return
        packet = self.air.announcement(ieee)
        if self._ezsp.is_up:
            rejoined = t.EmberDeviceUpdate.STANDARD_SECURITY_SECURED_REJOIN
            self._send_soon(self._joined(ieee, rejoined))
            self._send_soon(self._incoming(packet, sequence=0))
        self._after(ANNOUNCE_EVERY_S, self._announce, ieee)

    def _after(self, seconds: float, call: Any, *arguments: Any) -> None:
        loop = asyncio.get_running_loop()
        self._timers = {timer for timer in self._timers if timer.when() > loop.time()}
        self._timers.add(loop.call_later(seconds, call, *arguments))

    def _ieee_of(self, address: int) -> str | None:
        presence = self.air.by_address(address)
        return None if presence is None else presence.device.ieee
