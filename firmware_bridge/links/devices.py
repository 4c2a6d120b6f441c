"""Looks at serial devices without opening them: opening one would steal the running hub's bytes."""

import errno
import grp
import os
import stat
from dataclasses import dataclass
from pathlib import Path

PROCESSES = Path("/proc")
LOCKS = Path("/proc/locks")
BY_ID = Path("/dev/serial/by-id")
MAX_LISTED = 5


@dataclass(frozen=True, slots=True)
class Device:
    """A device: there, of which kind and group, open to this user, held by which processes."""

    is_there: bool
    is_serial: bool = False
    is_permitted: bool = False
    group: str = ""
    holders: tuple[str, ...] = ()


def probe_device(path: Path) -> Device:
    """Look at a device's entry and at who holds it; one that may not even be looked at is there."""
    try:
        status = path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR):
            return Device(is_there=False)
        # A folder above it is closed to this user.
        return Device(is_there=True, is_serial=True)
    return Device(
        is_there=True,
        is_serial=stat.S_ISCHR(status.st_mode),
        is_permitted=os.access(path, os.R_OK | os.W_OK),
        group=_group_name(status.st_gid),
        holders=tuple(sorted(_name_of(pid) for pid in _holders(path, status))),
    )


def joinable_group(device: Device) -> str:
    """Name the group to join to be let in: the device's own, or the usual one."""
    return device.group if device.group not in ("", "root") else "dialout"


def list_devices() -> list[str]:
    """List the serial devices that are plugged in, by the names that stay the same."""
    if not BY_ID.is_dir():
        return []
    return sorted(str(entry) for entry in BY_ID.iterdir())[:MAX_LISTED]


def lock_holders(locks: str, device: int, inode: int) -> set[int]:
    """Find the processes that lock a file, in the text of /proc/locks (proc(5)).

    `device` is that of the file system the entry lies on. The hub locks the port it reads.
    """
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}:{inode}"
    found = set()
    for line in locks.splitlines():
        fields = line.split()
        if wanted in fields and "->" not in fields:
            pid = fields[fields.index(wanted) - 1]
            if pid.isdigit():
                found.add(int(pid))
    return found


def _holders(path: Path, status: os.stat_result) -> set[int]:
    """Find who has the device open: of other users' programs only those that lock it are seen."""
    found: set[int] = set()
    if LOCKS.exists():
        found |= lock_holders(LOCKS.read_text(), status.st_dev, status.st_ino)
    target = str(path.resolve())
    for process in PROCESSES.iterdir():
        if process.name.isdigit() and target in _open_files(process):
            found.add(int(process.name))
    return found - {os.getpid(), 0}


def _open_files(process: Path) -> set[str]:
    opened = set()
    try:
        for descriptor in (process / "fd").iterdir():
            opened.add(str(descriptor.readlink()))
    except OSError:
        # Another user's process, or one that has just ended.
        return opened
    return opened


def _name_of(pid: int) -> str:
    try:
        name = (PROCESSES / str(pid) / "comm").read_text().strip()
    except OSError:
        name = "a program"
    return f"{name} (process {pid})"


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
