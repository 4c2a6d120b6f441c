"""A disk of the hub's own that goes read-only as a dying card does: ext4 in a file, mounted.

The mounts are the torture's alone: they are in a namespace of its own, and gone with it, however
it ends. That takes root.
"""

import ctypes
import ctypes.util
import os
import shutil
import subprocess
from pathlib import Path

from shared.errors import OperatorError

CLONE_NEWNS = 0x0002_0000
"""unshare(2): a mount namespace of one's own."""

BYTES = 512 << 20
"""Of a sparse file: it takes what the hub writes. Four months of the torture's meter are 10 MB."""

DONE_S = 60.0
MENDED = 1
"""fsck(8): errors were found, and corrected."""


def take_own_mounts() -> bool:
    """Let whatever is mounted from now on be this process's and its children's alone.

    To be called before there are threads; False where that is not permitted.
    """
    libc = ctypes.CDLL(ctypes.util.find_library("c") or "libc.so.6")
    if libc.unshare(CLONE_NEWNS) != 0:
        return False
    return _run("mount", "--make-rprivate", "/").returncode == 0


class Volume:
    """One file system in one file, mounted on a folder."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image = image
        self._folder = folder

    def make(self) -> None:
        """Make the file system and mount it; raises OperatorError where that cannot be done."""
        with self._image.open("wb") as file:
            os.truncate(file.fileno(), BYTES)
        self._folder.mkdir()
        _do("mke2fs", "-q", "-F", "-t", "ext4", str(self._image))
        self._mount()

    def fail(self) -> None:
        """Let the kernel give the file system up, as it does after an error of the disk.

        It is read-only from now on, for files that are open too; what was not durable yet is gone.
        """
        _do("mount", "-o", "remount,abort", str(self._folder))

    def mend(self) -> None:
        """Check the file system and mount it anew; no file of it may be open."""
        self._unmount()
        done = _run("e2fsck", "-p", str(self._image))
        if done.returncode > MENDED:
            raise OperatorError(f"the hub's file system cannot be mended: {done.stdout.strip()}")
        self._mount()

    def leave(self, aside: Path) -> None:
        """Unmount it for good, and leave what was on it in its folder, by way of `aside`."""
        if not self._folder.is_mount():
            return
        shutil.copytree(self._folder, aside)
        self._unmount()
        self._folder.rmdir()
        aside.rename(self._folder)
        self._image.unlink()

    def _unmount(self) -> None:
        _do("umount", str(self._folder))

    def _mount(self) -> None:
        _do("mount", "-o", "loop", str(self._image), str(self._folder))


def _do(*command: str) -> None:
    done = _run(*command)
    if done.returncode:
        raise OperatorError(f"{' '.join(command)}: {done.stderr.strip()}")


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    path = f"{os.defpath}:/usr/sbin:/sbin"
    return subprocess.run(  # noqa: S603
        command,
        env={"PATH": path, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
        timeout=DONE_S,
    )
