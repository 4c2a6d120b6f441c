"""An optical head: the whole dialogue over a pseudo-terminal, and its faults over a fake line."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.links import open_link
from firmware_bridge.links.addresses import check_address
from firmware_bridge.links.optical import LONGEST_READOUT_S, OpticalLink, head_of, open_optical
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.iec62056 import Iec62056Codec
from firmware_bridge.meters.iec62056_dialogue import (
    Action,
    Send,
    SetBaud,
    Wait,
)
from firmware_bridge.simulator.iec62056_meter import emissions
from firmware_bridge.simulator.iec62056_port import OpticalPort
from shared.errors import LinkError, OperatorError
from tests.support.optical import ANSWERS, BLOCK, IDENTIFICATION, FakeLine, FastDialogue

LONDON = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000


@pytest.fixture
def port(tmp_path: Path) -> Iterator[OpticalPort]:
    """Give a meter that answers on a pseudo-terminal, and hears its reader's light as an echo."""
    readouts = emissions(5, START_MS, START_MS + 600_000, checked=True)
    meter = OpticalPort(
        tmp_path / "head",
        lambda: next(readouts).telegram.partition(b"\r\n")[2],
        is_echoing=True,
    )
    stopping = threading.Event()
    server = threading.Thread(target=meter.serve, args=(stopping.is_set,))
    server.start()
    yield meter
    stopping.set()
    server.join()
    meter.close()


def test_whole_dialogue_gives_readouts_at_the_speed_agreed(
    tmp_path: Path, port: OpticalPort
) -> None:
    """Two readouts one after the other, 300 to 9600 baud and back, decoded by the codec."""
    codec = Iec62056Codec(LONDON)

    async def scenario() -> list[Telegram | Refused]:
        link = open_optical(str(tmp_path / "head"), every_s=0)
        found: list[Telegram | Refused] = []
        try:
            async with asyncio.timeout(20):
                while len(found) < 2:
                    found += codec.feed(await link.read())
        finally:
            await link.close()
        return found

    found = asyncio.run(scenario())

    expected = emissions(5, START_MS, START_MS + 600_000, checked=True)
    for telegram, emission in zip(found, expected, strict=False):
        assert isinstance(telegram, Telegram)
        (sample,) = telegram.samples
        assert sample.registers == emission.shown[0].registers
        assert sample.meter_time_ms == emission.shown[0].taken_at_ms
        assert sample.quality == 0
    assert port.bauds == [300, 9_600, 300, 9_600]


def test_readout_is_asked_for_sent_on_and_signed_off() -> None:
    """Everything the meter sends reaches the reader, in order."""
    line = FakeLine(ANSWERS)

    async def scenario() -> list[bytes]:
        link = OpticalLink(line, FastDialogue(), every_s=0)
        got = [await link.read() for _ in range(4)]
        await link.close()
        return got

    got = asyncio.run(scenario())

    assert got == [IDENTIFICATION, BLOCK] * 2
    once = [300, b"/?!\r\n", b"\x06050\r\n", 9_600, b"\x01B0\x03q", 300]
    assert line.log == [*once, *once[:-2]]
    assert line.is_closed


def test_silent_meter_is_a_link_error_with_its_fix() -> None:
    """After three requests; the caller's loop tries again later."""
    line = FakeLine({})
    link = OpticalLink(line, FastDialogue(), every_s=0)

    with pytest.raises(LinkError, match="did not answer"):
        asyncio.run(link.read())

    assert line.log.count(b"/?!\r\n") == 3


def test_readouts_keep_their_distance() -> None:
    """The next request waits until it is due, and may be given up meanwhile."""
    line = FakeLine(ANSWERS)

    async def scenario() -> None:
        link = OpticalLink(line, FastDialogue(), every_s=600)
        await link.read()
        await link.read()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await link.read()

    asyncio.run(scenario())

    assert line.log.count(b"/?!\r\n") == 1


def test_message_is_not_sent_twice_when_a_read_is_given_up() -> None:
    """Cancelled while the meter is waited for, the dialogue goes on where it was."""
    line = FakeLine({b"\x06050\r\n": BLOCK})

    class Slow(FastDialogue):
        def start(self) -> list[Action]:
            return [SetBaud(300), Send(b"/?!\r\n"), Wait(5)]

    async def scenario() -> bytes:
        link = OpticalLink(line, Slow(), every_s=0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await link.read()
        line.arrive(IDENTIFICATION)
        return await link.read()

    assert asyncio.run(scenario()) == IDENTIFICATION
    assert line.log == [300, b"/?!\r\n"]


def test_missing_port_says_so(tmp_path: Path) -> None:
    """As every serial port does."""
    with pytest.raises(LinkError, match="not there"):
        open_optical(str(tmp_path / "none"))


def test_an_address_says_how_often_to_ask() -> None:
    """Once a minute where it does not."""
    assert head_of("optical:/dev/ttyUSB0") == ("/dev/ttyUSB0", 60)
    assert head_of("optical:/dev/ttyUSB0?every_s=10") == ("/dev/ttyUSB0", 10)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("optical:ttyUSB0", "names no port"),
        ("optical:/dev/ttyUSB0?every_s=4", "every_s '4' is not usable"),
        ("optical:/dev/ttyUSB0?every_s=", "every_s '' is not usable"),
        ("optical:/dev/ttyUSB0?every=10", "'every', which is not known"),
        ("optical:/dev/ttyUSB0?every_s", "optical:/dev/ttyUSB0?every_s"),
    ],
)
def test_a_wrong_address_is_told_with_what_is_wrong_in_it(address: str, words: str) -> None:
    """Before anything is opened."""
    with pytest.raises(OperatorError) as caught:
        check_address(address)

    assert words in caught.value.message
    assert caught.value.hint


def test_an_open_head_asks_as_often_as_its_address_says(tmp_path: Path, port: OpticalPort) -> None:
    """The silence watchdog knows it too."""
    del port

    async def scenario() -> float:
        link = await open_link(f"optical:{tmp_path / 'head'}?every_s=10")
        await link.close()
        return link.longest_pause_s

    assert asyncio.run(scenario()) == 10 + LONGEST_READOUT_S
