"""Brings firmware into a Silicon Labs radio module, through universal-silabs-flasher.

Owns nothing but the adapter: the Gecko bootloader checks the image's own signature, and keeps what
it has until the new firmware is whole. A meter's link that uses the radio lets go of it meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from agent.firmware.installer import Tell
from shared.errors import BadInputError, OperatorError
from shared.jobs import Artefact

GBL_START = b"\xeb\x17\xa6\x03"
"""The header tag of Gecko bootloader files (UG266, 0x03A617EB)."""

GBL_BYTES_MAX = 4 << 20
MISSING = "updating a radio module needs the package {name}, which is not installed here"
MISSING_HINT = "pip install 'hearthlink[agent,radio]'"


class Flasher(Protocol):
    """What of universal-silabs-flasher is used."""

    async def enter_bootloader(self) -> None:
        """Have the module stop its firmware and wait for another."""

    async def flash_firmware(
        self,
        firmware: Any,
        run_firmware: bool = True,
        progress_callback: Callable[[int, int], Any] | None = None,
    ) -> None:
        """Send the firmware and start it."""


class Radio(NamedTuple):
    """A module's flasher, the library's view of a file, and what the library raises."""

    flasher: Flasher
    firmware: Any
    faults: tuple[type[Exception], ...] = ()


def open_radio(device: str, content: bytes) -> Radio:
    """Return the library's flasher for a port and a file.

    Raises OperatorError where the extra is not installed, BadInputError where the file is damaged.
    """
    try:
        from pygbl import GBLError, parse_firmware_image  # noqa: PLC0415 (an extra)
        from universal_silabs_flasher import flasher, gecko_bootloader  # noqa: PLC0415 (as above)
    except ModuleNotFoundError as error:
        raise OperatorError(MISSING.format(name=error.name), hint=MISSING_HINT) from error
    try:
        firmware = parse_firmware_image(content)
    except (GBLError, ValueError) as error:
        raise BadInputError(f"the radio's firmware file is damaged: {error}") from error
    faults = (
        flasher.FailedToEnterBootloaderError,
        gecko_bootloader.UploadError,
        gecko_bootloader.NoFirmwareError,
    )
    return Radio(flasher.Flasher(device=device), firmware, faults)


class RadioInstaller:
    """Updates the radio module at one serial port, which `borrow` has a meter's link let go of."""

    def __init__(
        self,
        device: str,
        borrow: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext,
        opener: Callable[[str, bytes], Radio] = open_radio,
    ) -> None:
        self._device = device
        self._borrow = borrow
        self._opener = opener

    async def install(self, file: Path, artefact: Artefact, tell: Tell) -> str:
        """Send a file; done again from the start where it was cut off.

        Raises BadInputError for another kind of file, OperatorError where the module or the
        library does not do it.
        """
        content = await asyncio.to_thread(file.read_bytes)
        if not content.startswith(GBL_START) or len(content) > GBL_BYTES_MAX:
            raise BadInputError("the file is no firmware for a Gecko bootloader (GBL)")
        radio = self._opener(self._device, content)

        def show(sent: int, total: int) -> None:
            tell("uploading", 100 * sent // max(total, 1))

        faults: tuple[type[Exception], ...] = (OSError, RuntimeError, ValueError, *radio.faults)
        try:
            async with self._borrow():
                await radio.flasher.enter_bootloader()
                await radio.flasher.flash_firmware(radio.firmware, progress_callback=show)
        except faults as error:
            raise OperatorError(
                f"the radio at {self._device} took no firmware: {error!r:.200}",
                hint="is the port the radio's, and no other program's? then do it again",
            ) from error
        return f"the radio runs version {artefact.version}"

    def forget(self) -> None:
        """Nothing is kept of an update: it begins anew where it was cut off."""
