"""Firmware for a radio module: the adapter, its refusals, and the extra that is not there."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.firmware.radio import GBL_BYTES_MAX, GBL_START, Radio, RadioInstaller, open_radio
from shared.errors import BadInputError, OperatorError
from shared.jobs import Artefact, Target

ARTEFACT = Artefact(Target.RADIO, "7.4.3", "https://example.org/ncp.gbl", "0" * 64, 9, "key", "")


class FakeFlasher:
    """A module that takes firmware, or does not."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.done: list[object] = []
        self._fault = fault

    async def enter_bootloader(self) -> None:
        """Stop the firmware."""
        self.done.append("bootloader")
        if self._fault is not None:
            raise self._fault

    async def flash_firmware(
        self,
        firmware: Any,
        run_firmware: bool = True,
        progress_callback: Callable[[int, int], Any] | None = None,
    ) -> None:
        """Take the firmware in two halves."""
        self.done.append((firmware, run_firmware))
        if progress_callback is not None:
            progress_callback(64, 128)
            progress_callback(128, 128)


class OddFaultError(Exception):
    """Some error of the library's own."""


def gbl(path: Path, content: bytes = GBL_START + b"firmware") -> Path:
    """Write a file."""
    path.write_bytes(content)
    return path


def test_firmware_is_sent_through_the_bootloader_and_started(tmp_path: Path) -> None:
    """In this order, with progress in percent."""
    flasher, told = FakeFlasher(), []
    asked: list[tuple[str, bytes]] = []

    def opener(device: str, content: bytes) -> Radio:
        asked.append((device, content))
        return Radio(flasher, "parsed")

    installer = RadioInstaller("/dev/ttyUSB7", opener=opener)
    said = asyncio.run(
        installer.install(gbl(tmp_path / "f"), ARTEFACT, lambda *now: told.append(now))
    )

    assert said == "the radio runs version 7.4.3"
    assert asked == [("/dev/ttyUSB7", GBL_START + b"firmware")]
    assert flasher.done == ["bootloader", ("parsed", True)]
    assert told == [("uploading", 50), ("uploading", 100)]


def test_the_radio_is_flashed_while_it_is_borrowed(tmp_path: Path) -> None:
    """And given back, also where the library fails: a meter is read through it."""
    turns: list[str] = []

    @contextlib.asynccontextmanager
    async def borrow() -> AsyncIterator[None]:
        turns.append("borrowed")
        yield
        turns.append("given back")

    class Flasher(FakeFlasher):
        async def enter_bootloader(self) -> None:
            turns.append("flashed")

    installer = RadioInstaller("/dev/x", borrow, lambda *_: Radio(Flasher(), "parsed"))
    asyncio.run(installer.install(gbl(tmp_path / "f"), ARTEFACT, lambda *_: None))

    assert turns == ["borrowed", "flashed", "given back"]


@pytest.mark.parametrize("content", [b"", b"\x1e\xf1\xee\x0b", GBL_START + bytes(GBL_BYTES_MAX)])
def test_another_kind_of_file_never_reaches_the_radio(tmp_path: Path, content: bytes) -> None:
    """Nor does the library see it."""

    def opener(device: str, content: bytes) -> Radio:
        raise AssertionError(device)

    with pytest.raises(BadInputError, match="Gecko"):
        asyncio.run(
            RadioInstaller("/dev/x", opener=opener).install(
                gbl(tmp_path / "f", content), ARTEFACT, lambda *_: None
            )
        )


@pytest.mark.parametrize("fault", [OSError("gone"), RuntimeError("no radio"), OddFaultError("odd")])
def test_a_radio_that_takes_nothing_is_told_in_words(tmp_path: Path, fault: Exception) -> None:
    """Whatever the library raises; the bootloader waits, and it can be done again."""
    flasher = FakeFlasher(fault)
    installer = RadioInstaller(
        "/dev/x", opener=lambda *_: Radio(flasher, "parsed", (OddFaultError,))
    )

    with pytest.raises(OperatorError, match="/dev/x took no firmware") as caught:
        asyncio.run(installer.install(gbl(tmp_path / "f"), ARTEFACT, lambda *_: None))

    assert "do it again" in caught.value.hint
    installer.forget()


@pytest.mark.parametrize("name", ["pygbl", "universal_silabs_flasher"])
def test_the_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """In plain words, with what to install."""
    monkeypatch.setitem(sys.modules, "pygbl", None)
    monkeypatch.setitem(sys.modules, "universal_silabs_flasher", None)

    with pytest.raises(OperatorError, match="needs the package") as caught:
        open_radio("/dev/x", GBL_START)

    assert "hearthlink[agent,radio]" in caught.value.hint
    assert name in ("pygbl", "universal_silabs_flasher")
