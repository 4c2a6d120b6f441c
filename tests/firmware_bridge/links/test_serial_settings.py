"""A serial port's speed and framing: set on opening, changed later, and answered through."""

import asyncio
import os
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge.links import LinkSettings, open_link
from firmware_bridge.links.serial_port import SerialLink, is_framing, open_serial
from shared.errors import LinkError


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Give the far end of a cable, and the path of the near one."""
    master, slave = os.openpty()
    tty.setraw(slave)
    path = tmp_path / "port"
    path.symlink_to(os.ttyname(slave))
    yield master, path
    os.close(master)
    os.close(slave)


def test_framing_does_not_matter_to_a_pseudo_terminal(ends: tuple[int, Path]) -> None:
    """It has no parity; the kernel would refuse one."""

    async def scenario() -> bytes:
        link = await open_link(str(ends[1]), LinkSettings(9_600, "7E1"))
        os.write(ends[0], b"telegram")
        chunk = await link.read()
        await link.close()
        return chunk

    assert asyncio.run(scenario()) == b"telegram"


@pytest.mark.parametrize("framing", ["", "8N", "9N1", "8N3", "7X1", "8N1 "])
def test_framing_that_is_none_says_so(framing: str, ends: tuple[int, Path]) -> None:
    """With those in use."""
    assert not is_framing(framing)
    with pytest.raises(LinkError, match=r"8N1, 8E1 or 7E1"):
        open_serial(str(ends[1]), baud=9_600, framing=framing)


def test_retuned_port_has_its_new_speed_and_forgets_what_came_before(
    ends: tuple[int, Path],
) -> None:
    """Bytes of another speed would only be garbage."""

    async def scenario() -> bytes:
        link = await open_link(str(ends[1]))
        assert isinstance(link, SerialLink)
        os.write(ends[0], b"garbage")
        link.retune(baud=2_400, framing="8E1")
        os.write(ends[0], b"telegram")
        try:
            return await link.read()
        finally:
            await link.close()

    assert asyncio.run(scenario()) == b"telegram"
    assert termios.tcgetattr(ends[0])[4] == termios.B2400


def test_speed_that_is_none_is_refused_when_retuning(ends: tuple[int, Path]) -> None:
    """As it is on opening."""
    link = open_serial(str(ends[1]), baud=9_600)

    with pytest.raises(LinkError, match="-5 baud"):
        link.retune(baud=-5, framing="8N1")

    asyncio.run(link.close())


def test_written_bytes_arrive_before_write_returns(ends: tuple[int, Path]) -> None:
    """So that the speed may be changed at once."""

    async def scenario() -> None:
        link = open_serial(str(ends[1]), baud=9_600)
        await link.write(b"/?!\r\n")
        await link.close()

    asyncio.run(scenario())

    assert os.read(ends[0], 100) == b"/?!\r\n"


def test_closed_port_cannot_be_written_to(ends: tuple[int, Path]) -> None:
    """It says so as a link does."""

    async def scenario() -> None:
        link = open_serial(str(ends[1]), baud=9_600)
        await link.close()
        await link.write(b"/?!\r\n")

    with pytest.raises(LinkError, match="cannot be written"):
        asyncio.run(scenario())
