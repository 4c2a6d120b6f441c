"""A disk of a test's own: ext4 on a loop device, whose written sectors the kernel counts."""

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECTOR_BYTES = 512
WRITTEN_SECTORS = 6
"""The seventh field of /sys/block/*/stat."""

IMAGE_BYTES = 256 << 20

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Disk:
    """A mounted disk and its block device's name."""

    folder: Path
    device: str

    def settle(self) -> None:
        """Write out everything of this file system, as half a minute of quiet does."""
        file = os.open(self.folder, os.O_RDONLY)
        try:
            if _libc.syncfs(file):
                raise OSError(ctypes.get_errno(), "syncfs")
        finally:
            os.close(file)

    def written_bytes(self) -> int:
        """Say how much the device has been given to write since it was made."""
        stat = Path(f"/sys/block/{self.device}/stat").read_text().split()
        return int(stat[WRITTEN_SECTORS]) * SECTOR_BYTES


@contextmanager
def loop_disk(size_bytes: int = IMAGE_BYTES, *, block_bytes: int | None = None) -> Iterator[Disk]:
    """Mount a fresh ext4 of this size; raises CalledProcessError where that is not allowed.

    `block_bytes` is chosen by its size where none is named: 1,024 below 512 MB, 4,096 above.
    """
    with tempfile.TemporaryDirectory() as directory:
        image, folder = Path(directory) / "image", Path(directory) / "disk"
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(size_bytes)
        blocks = () if block_bytes is None else ("-b", str(block_bytes))
        lazy = "lazy_itable_init=0,lazy_journal_init=0"
        _run("mkfs.ext4", "-q", "-F", *blocks, "-E", lazy, str(image))
        _run("mount", "-o", "loop", str(image), str(folder))
        try:
            source = _run("findmnt", "-no", "SOURCE", str(folder)).strip()
            yield Disk(folder, Path(source).name)
        finally:
            _run("umount", "--lazy", str(folder))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
