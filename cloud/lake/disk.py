"""A lake's objects as files in a folder."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pyarrow import fs  # type: ignore[import-untyped]  # it ships no types

from cloud.lake.objects import LakeError
from shared.units import MS_PER_DAY, MS_PER_SECOND

PARTS = ".parts"
"""Folder of what is still being written: on the lake's own disk, so that a link can publish it."""

PART_AGE_MS = MS_PER_DAY
"""A part as old as this was left by a process that was killed."""


class DiskObjects:
    """Objects as files under a folder, each linked to its name once it is safe on the disk."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).expanduser().absolute()

    def put(self, name: str, content: bytes) -> bytes:
        """See `Objects.put`: a link never replaces what has the name already."""
        target = self._folder / name
        with _reaching(self._folder):
            if target.exists():
                return target.read_bytes()
            target.parent.mkdir(parents=True, exist_ok=True)
            parts = self._folder / PARTS
            parts.mkdir(exist_ok=True)
            handle, part = tempfile.mkstemp(dir=parts)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fchmod(file.fileno(), 0o640)
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    os.link(part, target)
            finally:
                Path(part).unlink(missing_ok=True)
            self._sync_folders(target.parent)
            return target.read_bytes()

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        with _reaching(self._folder):
            try:
                return (self._folder / name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See `Objects.sizes`."""
        folder, _, _ = prefix.rpartition("/")
        with _reaching(self._folder):
            for path in sorted((self._folder / folder).rglob("*")):
                name = path.relative_to(self._folder).as_posix()
                if name.startswith(prefix) and not name.startswith(PARTS) and path.is_file():
                    yield name, path.stat().st_size

    def delete(self, prefix: str) -> int:
        """See `Objects.delete`; folders that it empties go too."""
        names = [name for name, _ in self.sizes(prefix)]
        with _reaching(self._folder):
            for name in names:
                path = self._folder / name
                path.unlink(missing_ok=True)
                for folder in path.parents:
                    if folder == self._folder or any(folder.iterdir()):
                        break
                    folder.rmdir()
        return len(names)

    def sweep(self, now_ms: int) -> None:
        """See `Objects.sweep`."""
        with _reaching(self._folder):
            for path in (self._folder / PARTS).glob("*"):
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime * MS_PER_SECOND < now_ms - PART_AGE_MS:
                        path.unlink()

    def filesystem(self) -> fs.FileSystem:
        """See `Objects.filesystem`."""
        return fs.SubTreeFileSystem(str(self._folder), fs.LocalFileSystem())

    def _sync_folders(self, folder: Path) -> None:
        """Have the name survive a power cut, and those of the folders that were made for it."""
        while True:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            if folder == self._folder:
                return
            folder = folder.parent


@contextlib.contextmanager
def _reaching(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LakeError(
            f"the lake at {folder} cannot be used: {error}", hint="is it mounted, and writable?"
        ) from error
