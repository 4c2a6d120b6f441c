"""The starts of a simulated panel that takes updates: what its bootloader starts, and a server.

Owns nothing but the flash between starts; who simulates the panel itself asks at each start.
"""

from typing import NamedTuple

from firmware_bridge.display.image import FirmwareImage
from firmware_bridge.display.image_rules import check_signature, parse_keys
from firmware_bridge.simulator.smp_flash import BrownOutError, Flash
from firmware_bridge.simulator.smp_server import BUFFER_BYTES, SmpServer
from shared.errors import OperatorError


class Started(NamedTuple):
    """What runs from one start to the next."""

    image: FirmwareImage
    server: SmpServer

    @property
    def firmware(self) -> str:
        """The version, as HELLO says it."""
        return str(self.image.version)


class SmpBoots:
    """One panel's, through all of its starts; `keys_pem` are those its bootloader knows."""

    def __init__(self, flash: Flash, keys_pem: str, buffer_bytes: int = BUFFER_BYTES) -> None:
        self.flash = flash
        self._keys = parse_keys(keys_pem)
        self._buffer_bytes = buffer_bytes

    def start(self) -> Started:
        """Start the panel; raises OperatorError where it starts nothing any more.

        BrownOutError where the power fails in the bootloader: then it is started again.
        """
        image = self.flash.boot(lambda found: check_signature(found, self._keys))
        if image is None:
            raise OperatorError(
                "the simulated panel starts nothing any more: no slot has a good image",
                hint="give it an image signed by a key that its bootloader knows",
            )
        return Started(image, SmpServer(self.flash, self._buffer_bytes))

    def start_surely(self) -> Started:
        """Start the panel, again where the power fails in its bootloader."""
        while True:
            try:
                return self.start()
            except BrownOutError:
                # The power is back, and the bootloader goes on where it was cut off.
                continue
