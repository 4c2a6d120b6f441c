"""The kernel's count of what was written to a device, over a sysfs made by hand."""

import os
from pathlib import Path

import pytest

from agent.disk import DiskCounter, read_counter

STAT = "   88799  17622  7672538  22549  1526437  458243  {sectors}  404423  0  112236  468369\n"


class Sysfs:
    """A tree as /sys has it: devices, and a link to each by its number."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.block = root / "dev" / "block"
        self.block.mkdir(parents=True)
        self._devices = root / "devices"
        number = folder.stat().st_dev
        self.number = f"{os.major(number)}:{os.minor(number)}"

    def device(self, path: str, sectors: int) -> Path:
        """Make a device with its counter."""
        made = self._devices / path
        made.mkdir(parents=True)
        (made / "stat").write_text(STAT.format(sectors=sectors))
        return made

    def holds_the_folder(self, device: Path) -> None:
        """Let the folder lie on this device."""
        (self.block / self.number).symlink_to(device)


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    """A tree without a device."""
    return Sysfs(tmp_path / "sys", tmp_path)


def test_a_partition_counts_as_its_whole_card(sysfs: Sysfs, tmp_path: Path) -> None:
    """Every partition wears the same card; the card's own number tells one from another."""
    card = sysfs.device("mmc0/mmcblk0", 2_000)
    partition = sysfs.device("mmc0/mmcblk0/mmcblk0p2", 500)
    (partition / "partition").write_text("2\n")
    (card / "device").mkdir()
    (card / "device" / "cid").write_text("0353445343313247\n")
    sysfs.holds_the_folder(partition)

    assert read_counter(tmp_path, sysfs.block) == DiskCounter(
        "mmcblk0", "0353445343313247", 2_000 * 512
    )


def test_an_encrypted_volume_counts_as_what_it_lies_on(sysfs: Sysfs, tmp_path: Path) -> None:
    """A mapped device says where it lies; its partition leads to the disk."""
    sysfs.device("sda", 9_000)
    partition = sysfs.device("sda/sda3", 7_000)
    (partition / "partition").write_text("3\n")
    mapped = sysfs.device("virtual/dm-0", 6_000)
    (mapped / "slaves").mkdir()
    (mapped / "slaves" / "sda3").symlink_to(partition)
    sysfs.holds_the_folder(mapped)

    assert read_counter(tmp_path, sysfs.block) == DiskCounter("sda", "", 9_000 * 512)


def test_a_volume_of_several_disks_counts_as_itself(sysfs: Sysfs, tmp_path: Path) -> None:
    """Which of them wears how much cannot be told."""
    mapped = sysfs.device("virtual/md0", 6_000)
    (mapped / "slaves").mkdir()
    for name in ("sda", "sdb"):
        (mapped / "slaves" / name).symlink_to(sysfs.device(name, 1))
    sysfs.holds_the_folder(mapped)

    assert read_counter(tmp_path, sysfs.block) == DiskCounter("md0", "", 6_000 * 512)


def test_devices_that_lie_on_each_other_in_a_circle_are_none(sysfs: Sysfs, tmp_path: Path) -> None:
    """No kernel says so; no search may go on for ever either."""
    mapped = sysfs.device("virtual/dm-0", 6_000)
    (mapped / "slaves").mkdir()
    (mapped / "slaves" / "dm-0").symlink_to(mapped)
    sysfs.holds_the_folder(mapped)

    assert read_counter(tmp_path, sysfs.block) is None


@pytest.mark.parametrize("stat", ["", "1 2 3\n", "a b c d e f g h\n"])
def test_a_counter_that_cannot_be_read_is_none(sysfs: Sysfs, tmp_path: Path, stat: str) -> None:
    """An old kernel, or another's idea of the file."""
    device = sysfs.device("sda", 1)
    (device / "stat").write_text(stat)
    sysfs.holds_the_folder(device)

    assert read_counter(tmp_path, sysfs.block) is None


def test_a_folder_on_no_disk_has_no_counter(sysfs: Sysfs, tmp_path: Path) -> None:
    """In memory, on the network, or not there at all."""
    assert read_counter(tmp_path, sysfs.block) is None
    assert read_counter(tmp_path / "absent", sysfs.block) is None
