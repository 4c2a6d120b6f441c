"""How much is written to the disk that the state folder lies on, as the kernel counts it.

Reads sysfs and decides nothing. `/proc/self/io` would count what a program dirties in memory, many
times what reaches the card; the block device counts the sectors that did, of every program.
"""

import os
from pathlib import Path
from typing import NamedTuple

SYSFS = Path("/sys/dev/block")

SECTOR_BYTES = 512
"""The kernel's statistics count these, whatever the device's own sectors are."""

SECTORS_WRITTEN = 6
"""The seventh field of `stat` (Documentation/block/stat.rst)."""

MAX_LAYERS = 8
"""A partition in a volume in an encrypted device is three; a circle cannot be."""

IDENTITIES = ("device/cid", "device/serial", "wwid")
"""Where a card, a disk or a namespace says who it is, so that a changed card is noticed."""


class DiskCounter(NamedTuple):
    """A whole device, who it is, and the bytes written to it since it was attached."""

    device: str
    identity: str
    written_bytes: int


def read_counter(folder: Path, sysfs: Path = SYSFS) -> DiskCounter | None:
    """Read the counter of the device that a folder lies on.

    None where there is none to read: no such folder, or one in memory, on the network, or in a file
    system of several devices.
    """
    try:
        number = folder.stat().st_dev
        device = _whole_device(sysfs / f"{os.major(number)}:{os.minor(number)}")
        if device is None:
            return None
        written = int((device / "stat").read_text().split()[SECTORS_WRITTEN])
    except (OSError, ValueError, IndexError):
        return None
    return DiskCounter(device.name, _identity(device), written * SECTOR_BYTES)


def _whole_device(place: Path) -> Path | None:
    """Follow a partition to its disk, and a volume or an encrypted device to what it lies on."""
    for _ in range(MAX_LAYERS):
        if not place.exists():
            return None
        place = place.resolve()
        if (place / "partition").exists():
            place = place.parent
        below = sorted((place / "slaves").iterdir()) if (place / "slaves").is_dir() else []
        if len(below) != 1:
            return place
        place = below[0]
    return None


def _identity(device: Path) -> str:
    for name in IDENTITIES:
        try:
            return (device / name).read_text().strip()
        except OSError:
            continue
    return ""
