"""The link: what a network's devices send, as lines, and the household's wishes carried out.

Owns the readers of the devices, the queue and the tasks; a radio that fails ends the link, and
whoever reads it opens it again. Everything runs in the caller's event loop.
"""

import asyncio
import logging
from pathlib import Path
from typing import Any

from firmware_bridge.links.port import LinkSettings
from firmware_bridge.links.zigbee import door
from firmware_bridge.links.zigbee.address import parse_zigbee_address
from firmware_bridge.links.zigbee.lines import MAX_FRAME_BYTES, LineQueue, is_report, line_of
from firmware_bridge.links.zigbee.pace import DEFAULT_PACE, Pace
from firmware_bridge.links.zigbee.radio import make_application, prepare_database, start, stop
from shared.clock import Clock, SystemClock
from shared.errors import BadInputError, LinkError
from shared.units import MS_PER_SECOND

LOGGER = logging.getLogger(__name__)

LONGEST_PAUSE_S = 3_600.0
"""A network nothing has joined yet is silent, and a gas meter speaks each half hour; whether the
stick still lives is asked of the stick itself every ten seconds."""

LOOK_EVERY_S = 1.0
"""How soon a request of `hearthlink zigbee` is noticed."""

TELL_EVERY_S = 3_600.0
"""How old the list of devices may be, in which only "last heard" has changed: it is on the hub's
card. Who wants to know asks."""

DROPS_PER_WARNING = 1_000


class ZigbeeLink:
    """The lines of every measuring device of one stick's network."""

    is_finite = False
    longest_pause_s = LONGEST_PAUSE_S

    def __init__(
        self, name: str, *, folder: Path | None, clock: Clock, pace: Pace = DEFAULT_PACE
    ) -> None:
        self._name = name
        self._folder = folder
        self._clock = clock
        self._pace = pace
        self._application: Any = None
        self._readers: dict[str, Any] = {}
        self._left: set[str] = set()
        self._queue = LineQueue()
        self._arrived = asyncio.Event()
        self._failure: LinkError | None = None
        self._permit_until_ms = 0
        self._told_s = float("-inf")
        self._told: tuple[door.Device, ...] = ()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def dropped(self) -> int:
        """How many lines went because nobody read them."""
        return self._queue.dropped

    async def read(self) -> bytes:
        """Return the next lines, whole; raise LinkError when the radio has failed.

        Safe to cancel: lines not returned are returned by the next read.
        """
        # Lines that are always there must not keep the loop from the radio.
        await asyncio.sleep(0)
        while not len(self._queue):
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            await self._arrived.wait()
        return self._queue.take()

    async def close(self) -> None:
        """Let go of the stick and write what is known of its network."""
        if self._closed:
            return
        self._closed = True
        self._fail(LinkError(f"{self._name} is closed"))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for reader in self._readers.values():
            reader.stop()
        if self._application is not None:
            await stop(self._application)

    async def begin(self, application: Any) -> None:
        """Take a started radio: read every device it knows, and look out for requests."""
        self._application = application
        application.watcher = self
        for device in list(application.devices.values()):
            if device.ieee != application.state.node_info.ieee and device.is_initialized:
                self._open_known(device)
        self._task = asyncio.get_running_loop().create_task(self._serve(), name="zigbee-requests")

    def frame_received(self, device: Any, packet: Any) -> None:
        """Pass a device's frame to its reader, as a line."""
        reader = self._readers.get(_ieee(device))
        frame = packet.data.serialize()
        if reader is None or len(frame) > MAX_FRAME_BYTES:
            return
        self._left.discard(reader.ieee)
        line = line_of(
            reader.ieee,
            packet.src_ep,
            packet.profile_id,
            packet.cluster_id,
            frame,
            None if packet.rssi is None else int(packet.rssi),
        )
        reader.receive(line, is_report=is_report(frame))

    def device_appeared(self, device: Any) -> None:
        """Read a device that has joined, or has come back."""
        if self._application is None or device.ieee == self._application.state.node_info.ieee:
            return
        self._left.discard(_ieee(device))
        reader = self._readers.get(_ieee(device))
        if reader is not None and reader.device is device:
            reader.reopen()
            return
        self._forget(device)
        reader = self._reader_of(device)
        if reader is not None:
            LOGGER.info("ZigBee device %s has joined", reader.ieee)
            reader.open(slots=0)

    def device_gone(self, device: Any) -> None:
        """Stop asking a device that has left; it may come back."""
        ieee = _ieee(device)
        self._left.add(ieee)
        if ieee in self._readers:
            LOGGER.warning("ZigBee device %s has left the network", ieee)
            self._readers[ieee].stop()

    def radio_lost(self, reason: BaseException | None) -> None:
        """End the link; the caller opens it again, which starts the stick anew."""
        self._fail(
            LinkError(
                f"the ZigBee stick on {self._name} was lost: {reason!r}",
                hint="it is started again by itself; if that does not help, check its cable",
            )
        )

    def _fail(self, failure: LinkError) -> None:
        self._failure = self._failure or failure
        self._arrived.set()

    def _put(self, line: bytes) -> None:
        if self._queue.put(line) and self._queue.dropped % DROPS_PER_WARNING == 1:
            LOGGER.warning("%s: %d lines dropped, nobody reads them", self._name, self.dropped)
        self._arrived.set()

    def _open_known(self, device: Any) -> None:
        """Read a device the network's database knows, healing what ended while nobody listened."""
        reader = self._reader_of(device)
        if reader is None:
            return
        heard_ms = None if device.last_seen is None else int(device.last_seen * MS_PER_SECOND)
        reader.heard_ms = heard_ms
        # A hub without a clock of its own may wake an hour before it fell asleep.
        reader.open(slots=max(1, reader.slots_since(heard_ms)))

    def _reader_of(self, device: Any) -> Any:
        """Make a device's reader; None for a device that has nothing to tell."""
        from firmware_bridge.links.zigbee import description, reading  # noqa: PLC0415

        if not description.is_interesting(device):
            return None
        reader = reading.DeviceReader(device, self._put, clock=self._clock, pace=self._pace)
        self._readers[reader.ieee] = reader
        return reader

    def _forget(self, device: Any) -> None:
        reader = self._readers.pop(_ieee(device), None)
        if reader is not None:
            reader.stop()

    async def _serve(self) -> None:
        """Carry out requests and keep the list of devices, until cancelled."""
        if self._folder is None:
            return
        while True:
            try:
                await self._obey(door.take_request(self._folder))
                self._tell(self._folder)
            except (OSError, BadInputError) as error:
                LOGGER.warning("%s: %s", self._name, error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _obey(self, request: door.Request | None) -> None:
        if request is None:
            return
        self._told_s = float("-inf")
        if request.permit_s is not None:
            seconds = min(request.permit_s, door.LONGEST_PERMIT_S)
            LOGGER.info("%s: devices may join for %d s", self._name, seconds)
            await self._call(self._application.permit(seconds))
            self._permit_until_ms = self._clock.utc_ms() + seconds * MS_PER_SECOND
        for device in list(self._application.devices.values()):
            if _ieee(device) == request.remove:
                LOGGER.info("%s: device %s is removed", self._name, request.remove)
                await self._call(self._application.remove(device.ieee))
                self._forget(device)
                self._left.discard(request.remove)

    async def _call(self, request: Any) -> None:
        from zigpy.exceptions import ZigbeeException  # noqa: PLC0415

        try:
            await request
        except (TimeoutError, ZigbeeException, RuntimeError) as error:
            LOGGER.warning("%s: the stick did not do as asked: %r", self._name, error)

    def _tell(self, folder: Path) -> None:
        """Write the list of devices when it has changed, or is TELL_EVERY_S old."""
        now_s = asyncio.get_running_loop().time()
        devices = tuple(self._describe(device) for device in self._known_devices())
        settled = tuple((one.ieee, one.state, one.model) for one in devices)
        before = tuple((one.ieee, one.state, one.model) for one in self._told)
        if settled == before and now_s - self._told_s < TELL_EVERY_S:
            return
        self._told_s, self._told = now_s, devices
        network = door.Network(
            written_ms=self._clock.utc_ms(),
            channel=int(self._application.state.network_info.channel),
            permit_until_ms=self._permit_until_ms,
            devices=devices,
        )
        door.write_network(folder, network)

    def _known_devices(self) -> list[Any]:
        own = self._application.state.node_info.ieee
        return [device for device in self._application.devices.values() if device.ieee != own]

    def _describe(self, device: Any) -> door.Device:
        from firmware_bridge.links.zigbee.description import MEASURED, measuring  # noqa: PLC0415

        ieee = _ieee(device)
        reader = self._readers.get(ieee)
        state = "interview" if not device.is_initialized else "no meter"
        if reader is not None:
            state = reader.state
        return door.Device(
            ieee=ieee,
            manufacturer=str(device.manufacturer or ""),
            model=str(device.model or ""),
            measures=tuple(MEASURED[meter.number] for meter in measuring(device)),
            state="left" if ieee in self._left else state,
            heard_ms=reader.heard_ms if reader is not None else None,
        )


async def open_zigbee(
    address: str,
    settings: LinkSettings,
    *,
    clock: Clock | None = None,
    pace: Pace = DEFAULT_PACE,
) -> ZigbeeLink:
    """Start the stick an address names and read its network, forming one if it has none.

    Raises LinkError where trying again may help, OperatorError where something must be installed
    or changed. Without a state folder devices are forgotten when the process ends.
    """
    stick = parse_zigbee_address(address)
    folder = settings.state_dir
    link = ZigbeeLink(stick.path, folder=folder, clock=clock or SystemClock(), pace=pace)
    database = None if folder is None else folder / door.DATABASE_NAME
    baud = stick.baud or settings.baud
    if database is not None:
        prepare_database(database)

    def make() -> Any:
        return make_application(stick, baud=baud, database=database)

    await link.begin(await start(make, stick))
    if folder is None:
        LOGGER.warning("%s: no state folder; devices must join again after a restart", stick.path)
    return link


def _ieee(device: Any) -> str:
    return str(device.ieee).replace(":", "").lower()
