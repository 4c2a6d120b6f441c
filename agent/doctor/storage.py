"""Checks the state folder: there, private, writable, with room."""

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from agent.doctor.check import Check, Result

PRIVATE_MODE = 0o700

BYTES_PER_MB = 1_000_000

FULL_BELOW_MB = 20
"""A group commit, its WAL and the migration of a small file fit in; below this they may fail."""

TIGHT_BELOW_MB = 200
"""Some months of one meter's log at ten seconds: time enough to act."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What was found at the state folder's place; `mode` is its permission bits."""

    is_there: bool
    is_folder: bool = False
    is_writable: bool = False
    is_read_only_disk: bool = False
    mode: int = 0


def probe_folder(path: Path) -> Folder:
    """Look at a folder without touching it; raises OSError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return Folder(is_there=False)
    return Folder(
        is_there=True,
        is_folder=stat.S_ISDIR(status.st_mode),
        is_writable=os.access(path, os.W_OK | os.X_OK),
        is_read_only_disk=bool(os.statvfs(path).f_flag & os.ST_RDONLY),
        mode=stat.S_IMODE(status.st_mode),
    )


def judge_folder(path: Path, folder: Folder) -> Check:
    """Say how the state folder is."""
    name = "state folder"
    if not folder.is_there:
        finding = f"{path} is not there yet; the hub makes it when it first runs"
        return Check(name, Result.WARNING, finding, "run the hub, or correct hub.state_dir")
    if not folder.is_folder:
        return Check(name, Result.FAULT, f"{path} is no folder", "name a folder in hub.state_dir")
    if folder.is_read_only_disk:
        finding = f"{path} is on a disk that is mounted read-only"
        fix = "a card mounts itself read-only when it fails: copy the folder away, change the card"
        return Check(name, Result.FAULT, finding, fix)
    if not folder.is_writable:
        finding = f"{path} is not writable by this user"
        fix = f"run as the user that runs the hub; it must own it: sudo chown -R HUB_USER {path}"
        return Check(name, Result.FAULT, finding, fix)
    if folder.mode & ~PRIVATE_MODE:
        finding = f"{path} has mode {folder.mode:04o}: others may read what the home uses"
        return Check(name, Result.WARNING, finding, f"chmod 700 {path}")
    return Check(name, Result.OK, f"{path}, mode {folder.mode:04o}, writable")


def probe_free_mb(path: Path) -> int:
    """Measure the room left where a folder is, or would be; raises OSError."""
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free // BYTES_PER_MB


def judge_free_mb(free_mb: int) -> Check:
    """Say whether the disk has room."""
    name, finding = "free space", f"{free_mb:,} MB free"
    fix = "make room on the disk that holds hub.state_dir; readings wait in memory meanwhile"
    if free_mb < FULL_BELOW_MB:
        return Check(name, Result.FAULT, f"{finding}: commits may fail", fix)
    if free_mb < TIGHT_BELOW_MB:
        return Check(name, Result.WARNING, f"{finding}: soon full", fix)
    return Check(name, Result.OK, finding)


def check_folder(path: Path) -> Check:
    """Check the state folder."""
    return judge_folder(path, probe_folder(path))


def check_free_space(path: Path) -> Check:
    """Check the room on its disk."""
    return judge_free_mb(probe_free_mb(path))
