"""The flash of a simulated panel: two slots, MCUboot's swap between them, and power that fails.

Owns what survives a power cut, and what its bootloader makes of it at each start
(https://docs.mcuboot.com/design.html, swap using scratch). Knows no protocol.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.display.image import FirmwareImage, describe_image, read_image
from shared.errors import BadInputError

SECTOR_BYTES = 4_096
WRITE_BYTES = 256
"""What is programmed at once: a power cut leaves whole pages."""

SLOT_SECTORS = 64
CORRUPT_AT = 2_048
"""Within the payload of all but the smallest images."""

ERASED = 0xFF

Judge = Callable[[FirmwareImage], None]
"""The bootloader's own check; raises BadInputError for what it does not start."""


class BrownOutError(Exception):
    """The power failed in the middle of a change of the flash."""


class Swap(enum.Enum):
    """Why slots are swapped."""

    TEST = "started once"
    PERMANENT = "kept at once"
    REVERT = "not confirmed"


@dataclass
class Slot:
    """A slot: the image's bytes, and the flags in its trailer."""

    content: bytearray
    is_pending: bool = False
    is_permanent: bool = False
    is_copied: bool = False
    is_confirmed: bool = False

    def image(self) -> FirmwareImage | None:
        """Read what the image in it says of itself, if there is one; its bytes may be spoilt."""
        try:
            return describe_image(bytes(self.content[: image_bytes(self.content)]))
        except BadInputError:
            return None


@dataclass
class Flash:
    """All that stays when the power is away; slot 0 runs.

    `cut_after` counts changes till then, `corrupt_after` those till a bit of slot 1 turns.
    """

    slots: tuple[Slot, Slot]
    scratch: bytes = b""
    swap: Swap | None = None
    swap_steps: int = 0
    cut_after: int | None = None
    corrupt_after: int | None = None
    changes: int = field(default=0)

    @classmethod
    def with_image(cls, content: bytes, sectors: int = SLOT_SECTORS) -> "Flash":
        """Make the flash of a panel as it is delivered: one confirmed image."""
        blank = bytearray([ERASED]) * (sectors * SECTOR_BYTES)
        first = Slot(bytearray(content) + blank[len(content) :], is_confirmed=True)
        return cls((first, Slot(blank)))

    def spend(self) -> None:
        """Count one change of the flash; BrownOutError where it is the last the power allows."""
        self.changes += 1
        if self.corrupt_after is not None:
            self.corrupt_after -= 1
            if self.corrupt_after < 0:
                self.corrupt_after = None
                self.slots[1].content[CORRUPT_AT] ^= 1
        if self.cut_after is None:
            return
        self.cut_after -= 1
        if self.cut_after < 0:
            self.cut_after = None
            raise BrownOutError

    def erase(self, number: int) -> None:
        """Erase a slot, sector after sector, its trailer first."""
        slot = self.slots[number]
        self.spend()
        slot.is_pending = slot.is_permanent = slot.is_copied = slot.is_confirmed = False
        for start in range(0, len(slot.content), SECTOR_BYTES):
            self.spend()
            slot.content[start : start + SECTOR_BYTES] = bytes([ERASED]) * SECTOR_BYTES

    def write(self, number: int, offset: int, content: bytes) -> None:
        """Program bytes, page after page."""
        for start in range(0, len(content), WRITE_BYTES):
            self.spend()
            page = content[start : start + WRITE_BYTES]
            at = offset + start
            self.slots[number].content[at : at + len(page)] = page

    def mark(self, *, is_permanent: bool) -> None:
        """Have slot 1 started at the next start: once, or for good."""
        self.spend()
        self.slots[1].is_permanent = is_permanent
        self.slots[1].is_pending = True

    def confirm(self) -> None:
        """Keep what runs."""
        self.spend()
        self.slots[0].is_confirmed = True

    def boot(self, judge: Judge) -> FirmwareImage | None:
        """Do what MCUboot does at a start; return what it starts, None where it starts nothing."""
        if self.swap is None:
            self.swap = self._wanted_swap(judge)
        if self.swap is not None:
            self._finish_swap(self.swap)
        return self._good(0, judge)

    def _wanted_swap(self, judge: Judge) -> Swap | None:
        first, second = self.slots
        if second.is_pending:
            if self._good(1, judge) is not None:
                return Swap.PERMANENT if second.is_permanent else Swap.TEST
            self.erase(1)
            return None
        is_on_trial = first.is_copied and not first.is_confirmed
        if is_on_trial and self._good(1, judge) is not None:
            return Swap.REVERT
        return None

    def _finish_swap(self, swap: Swap) -> None:
        """Swap sector by sector; what was done is noted, so that any cut is gone on from."""
        first, second = (slot.content for slot in self.slots)
        while self.swap_steps < 3 * (len(first) // SECTOR_BYTES):
            sector, step = divmod(self.swap_steps, 3)
            at = slice(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES)
            if step == 0:
                self.scratch = bytes(first[at])
            elif step == 1:
                first[at] = second[at]
            else:
                second[at] = self.scratch
            # A cut here repeats the step, which changes nothing any more.
            self.spend()
            self.swap_steps += 1
        self.spend()
        self.slots[0].is_copied, self.slots[0].is_confirmed = True, swap is not Swap.TEST
        self.slots[0].is_pending = self.slots[0].is_permanent = False
        self.slots[1].is_pending = self.slots[1].is_permanent = False
        self.slots[1].is_copied = self.slots[1].is_confirmed = False
        self.swap, self.swap_steps, self.scratch = None, 0, b""

    def _good(self, number: int, judge: Judge) -> FirmwareImage | None:
        image = self.slots[number].image()
        if image is None:
            return None
        try:
            judge(read_image(image.content))
        except BadInputError:
            return None
        return image


def image_bytes(content: bytes | bytearray) -> int:
    """Tell by header and tag areas how long the image at the start of a slot is; 0 for none."""
    if len(content) < 32:  # noqa: PLR2004 (the header)
        return 0
    header, protected = (int.from_bytes(content[at : at + 2], "little") for at in (8, 10))
    tags_at = header + int.from_bytes(content[12:16], "little") + protected
    if tags_at + 4 > len(content):
        return 0
    return tags_at + int.from_bytes(content[tags_at + 2 : tags_at + 4], "little")
