"""Files that are whole or not there, also after a power cut. Knows nothing of what is in them."""

import contextlib
import os
import shutil
from pathlib import Path

PRIVATE_MODE = 0o600
FOLDER_MODE = 0o700


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place, durable before its name is; only this user may read it."""
    draft = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def point(link: Path, target: str) -> None:
    """Let a symbolic link name another folder beside it, in one step."""
    draft = link.with_name(f".{link.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    draft.symlink_to(target)
    draft.replace(link)
    sync_folder(link.parent)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all in it; what is not there is removed already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(path: Path) -> Path:
    """Make a folder that only this user may enter; return it."""
    if not path.is_dir():
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        sync_folder(path.parent)
    return path


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
