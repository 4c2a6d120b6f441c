"""An M-Bus link: whole rounds over a pseudo-terminal and a gateway, its address, its faults."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.links import Link, open_link
from firmware_bridge.links.addresses import check_address, device_of
from firmware_bridge.links.mbus import EVERY_S, Bus, MbusLink, bus_of, open_mbus
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.iec62056_dialogue import Action, Pause, Wait
from firmware_bridge.meters.mbus import MbusCodec
from firmware_bridge.meters.mbus_dialogue import MbusDialogue, Primary, Secondary
from firmware_bridge.simulator.mbus_meter import MbusMeter, Reply
from firmware_bridge.simulator.mbus_port import BusPort, Slave, Slaves
from shared.errors import LinkError, OperatorError

LONDON = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000


class Household:
    """The simulated meters on a bus; remembers what each has shown."""

    def __init__(self) -> None:
        self._meter = MbusMeter(5, START_MS)
        self._now_ms = START_MS
        self.shown: list[tuple[str, int, dict[str, int]]] = []

    def slaves(self) -> list[Slave]:
        """Return the three meters as they hang on the bus."""
        meters = (
            (1, self._meter.gas_id, "03", self._meter.read_gas),
            (2, self._meter.water_id, "07", self._meter.read_water),
            (5, self._meter.heat_id, "04", self._meter.read_heat),
        )
        return [
            Slave(address, self.secondary(name, medium), self._reader(read))
            for address, name, medium, read in meters
        ]

    @staticmethod
    def secondary(name: str, medium: str) -> bytes:
        """Return a meter's secondary address: number, maker, version, medium."""
        return (
            bytes.fromhex(name.rpartition("-")[2])[::-1] + b"\x8b\x21\x01" + bytes.fromhex(medium)
        )

    def _reader(self, read: Callable[[int], Reply]) -> Callable[[], Sequence[bytes]]:
        def frames() -> Sequence[bytes]:
            self._now_ms += 1_000
            reply = read(self._now_ms)
            self.shown.append((reply.shown.meter, reply.shown.taken_at_ms, reply.shown.registers))
            return reply.frames

        return frames


@contextmanager
def serving(port: BusPort) -> Iterator[BusPort]:
    """Let a bus answer in a thread."""
    stopping = threading.Event()
    server = threading.Thread(target=port.serve, args=(stopping.is_set,))
    server.start()
    try:
        yield port
    finally:
        stopping.set()
        server.join()
        port.close()


class FastDialogue(MbusDialogue):
    """The real dialogue, less patient: a simulated bus answers at once."""

    def start(self) -> list[Action]:
        return hurried(super().start())

    def receive(self, chunk: bytes) -> list[Action]:
        return hurried(super().receive(chunk))

    def time_out(self) -> list[Action]:
        return hurried(super().time_out())


def hurried(actions: list[Action]) -> list[Action]:
    """Shorten the waiting."""
    return [
        Wait(0.15) if isinstance(one, Wait) else one
        for one in actions
        if not isinstance(one, Pause)
    ]


async def read_telegrams(link: Link, count: int) -> list[Telegram | Refused]:
    """Decode what a link gives until there is enough of it, then close it."""
    codec = MbusCodec(LONDON)
    found: list[Telegram | Refused] = []
    try:
        async with asyncio.timeout(20):
            while len(found) < count:
                found += codec.feed(await link.read())
    finally:
        await link.close()
    return found


def said_by(found: list[Telegram | Refused]) -> list[tuple[str, int, dict[str, int]]]:
    """Return what telegrams say, in the form of what was shown."""
    samples = [sample for one in found if isinstance(one, Telegram) for sample in one.samples]
    return [(one.meter, one.meter_time_ms or 0, one.registers) for one in samples]


@pytest.mark.parametrize("is_echoing", [False, True])
def test_meters_are_read_in_turn_and_exactly(tmp_path: Path, *, is_echoing: bool) -> None:
    """Two rounds, the heat meter's answer in two frames; with an echo too."""
    home = Household()
    address = f"mbus:{tmp_path / 'bus'}?addresses=1,2,5&every_s=5"

    async def scenario() -> list[Telegram | Refused]:
        return await read_telegrams(await open_link(address), 3)

    with serving(BusPort(tmp_path / "bus", home.slaves(), is_echoing=is_echoing)) as port:
        found = asyncio.run(scenario())

    assert said_by(found) == home.shown[:3]
    assert [request.hex() for request in port.requests[-3:]] == [
        "1040054516",
        "107b058016",
        "105b056016",
    ]


def test_meters_are_selected_by_their_secondary_address(tmp_path: Path) -> None:
    """With wildcards for what is not known of them."""
    home = Household()
    masks = "70000005FFFFFFFF,FFFFFFFFFFFFFF03"

    async def scenario() -> list[Telegram | Refused]:
        link = await open_mbus(f"mbus:{tmp_path / 'bus'}?secondary={masks}")
        return await read_telegrams(link, 2)

    with serving(BusPort(tmp_path / "bus", home.slaves())):
        found = asyncio.run(scenario())

    assert said_by(found) == home.shown[:2]
    assert [name for name, _, _ in said_by(found)] == ["HLK-70000005", "HLK-30000005"]


def test_lost_and_damaged_answers_are_asked_again(tmp_path: Path) -> None:
    """Every second answer is hurt; nothing is missing in the end."""
    home, answers = Household(), iter(range(1_000))

    def fault(answer: bytes) -> bytes:
        number = next(answers)
        if number % 4 == 1:
            return b""
        return answer[:-1] + b"\0" if number % 4 == 3 else answer

    async def scenario() -> list[Telegram | Refused]:
        line = (await open_mbus(f"mbus:{tmp_path / 'bus'}"))._line
        dialogue = FastDialogue([Primary(1), Primary(2), Primary(5)])
        codec, found = MbusCodec(LONDON), list[Telegram | Refused]()
        link = MbusLink(line, dialogue, every_s=0.2)
        async with asyncio.timeout(20):
            while len(said_by(found)) < 6:
                found += codec.feed(await link.read())
        await link.close()
        return found

    with serving(BusPort(tmp_path / "bus", home.slaves(), fault=fault)):
        found = asyncio.run(scenario())

    assert said_by(found)[:6] == home.shown[:6]
    assert {one.reason for one in found if isinstance(one, Refused)} <= {"noise", "truncated"}


def test_bus_without_addresses_is_scanned(tmp_path: Path) -> None:
    """Whoever acknowledges is read in the same round."""
    home = Household()

    async def scenario() -> list[Telegram | Refused]:
        link = await open_mbus(f"mbus:{tmp_path / 'bus'}?baud=9600")
        return await read_telegrams(link, 2)

    with serving(BusPort(tmp_path / "bus", home.slaves(), baud=9_600)):
        found = asyncio.run(scenario())

    assert said_by(found) == home.shown[:2]


def test_bus_at_another_speed_is_a_fault_that_says_what_to_check(tmp_path: Path) -> None:
    """The caller's loop tries again later."""
    home = Household()

    async def scenario() -> None:
        line = (await open_mbus(f"mbus:{tmp_path / 'bus'}?baud=300"))._line
        link = MbusLink(line, FastDialogue([Primary(1)]), every_s=60)
        try:
            with pytest.raises(LinkError) as caught:
                await link.read()
            assert "no meter answered on the bus" in caught.value.message
            assert "speed" in caught.value.hint
        finally:
            await link.close()

    with serving(BusPort(tmp_path / "bus", home.slaves())):
        asyncio.run(scenario())


def test_gateway_in_the_network_is_asked_the_same() -> None:
    """A level converter with an Ethernet port."""
    home = Household()
    slaves = Slaves(home.slaves())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(64):
            writer.write(slaves.receive(chunk))
        writer.close()

    async def scenario() -> list[Telegram | Refused]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            link = await open_link(f"mbus:tcp://127.0.0.1:{port}?addresses=1,2")
            return await read_telegrams(link, 2)

    assert said_by(asyncio.run(scenario())) == home.shown[:2]


def test_cancelled_read_loses_nothing_and_asks_nothing_twice(tmp_path: Path) -> None:
    """A watchdog may look in at any time."""
    home = Household()

    async def scenario() -> list[Telegram | Refused]:
        link = await open_mbus(f"mbus:{tmp_path / 'bus'}?addresses=1")
        codec, found = MbusCodec(LONDON), list[Telegram | Refused]()
        async with asyncio.timeout(20):
            while not found:
                try:
                    async with asyncio.timeout(0.03):
                        chunk = await link.read()
                except TimeoutError:
                    continue
                found += codec.feed(chunk)
        await link.close()
        return found

    with serving(BusPort(tmp_path / "bus", home.slaves())) as port:
        found = asyncio.run(scenario())

    assert said_by(found) == home.shown[:1]
    assert len(port.requests) == 2


def test_silence_between_two_rounds_is_normal() -> None:
    """The watchdog waits for a round and the pause after it."""
    dialogue = MbusDialogue([Primary(1)])

    link = MbusLink(_Nothing(), dialogue, every_s=60)

    assert link.longest_pause_s == 60 + dialogue.longest_silence_s


class _Nothing:
    """A line that is not used."""

    async def read(self) -> bytes:
        raise AssertionError

    async def write(self, content: bytes) -> None:
        raise AssertionError

    async def close(self) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("address", "bus"),
    [
        ("mbus:/dev/ttyUSB0", Bus("/dev/ttyUSB0")),
        (
            "mbus:/dev/ttyUSB0?addresses=1,2,5-7&every_s=300&baud=9600",
            Bus("/dev/ttyUSB0", tuple(Primary(n) for n in (1, 2, 5, 6, 7)), 300, 9_600),
        ),
        ("mbus:/dev/ttyUSB0?addresses=254", Bus("/dev/ttyUSB0", (Primary(254),))),
        (
            "mbus:tcp://gateway:10001?secondary=1234567818c40407",
            Bus("tcp://gateway:10001", (Secondary("1234567818C40407"),), EVERY_S, 2_400),
        ),
    ],
)
def test_address_says_where_the_bus_is_and_who_is_on_it(address: str, bus: Bus) -> None:
    """In one line, as all links."""
    check_address(address)

    assert bus_of(address) == bus


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("mbus:", "names no bus"),
        ("mbus:tcp://gateway", "names no bus"),
        ("mbus:tcp://gateway:99999", "names no bus"),
        ("mbus:/dev/ttyUSB0?addresses=251", "'251' is none"),
        ("mbus:/dev/ttyUSB0?addresses=7-5", "'7-5' is none"),
        ("mbus:/dev/ttyUSB0?addresses=one", "'one' is none"),
        ("mbus:/dev/ttyUSB0?secondary=1234", "'1234' is none"),
        ("mbus:/dev/ttyUSB0?secondary=" + "1234567812345678," * 252, "at most 251"),
        ("mbus:/dev/ttyUSB0?every_s=1", "every_s '1' is not usable"),
        ("mbus:/dev/ttyUSB0?baud=115200", "baud '115200' is not usable"),
        ("mbus:/dev/ttyUSB0?adresses=1", "'adresses', which is not known"),
        ("mbus:/dev/ttyUSB0?addresses", "mbus:/dev/ttyUSB0?addresses"),
    ],
)
def test_wrong_address_is_told_with_what_is_wrong_in_it(address: str, words: str) -> None:
    """Before anything is opened."""
    with pytest.raises(OperatorError) as caught:
        check_address(address)

    assert words in caught.value.message


def test_device_of_a_bus_is_its_port() -> None:
    """For what looks after ports."""
    assert device_of("mbus:/dev/ttyUSB0?addresses=1") == "/dev/ttyUSB0"
