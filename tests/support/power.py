"""Power cuts for code that writes files: the n-th change of a file system does not happen any more.

Python's audit events tell of every open, rename, link and removal before it is done; the cut is an
exception that nothing catches, raised there. A hook can never be taken away: it is switched off.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHANGES = frozenset(
    {"os.rename", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "os.unlink", "shutil.rmtree"}
)


class PowerCutError(BaseException):
    """The power is gone; no handler of errors may catch it."""


class _Fuse:
    def __init__(self) -> None:
        self.folder = ""
        self.left: int | None = None
        self.is_installed = False

    def watch(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.left is None or not _changes(event, arguments):
            return
        if not any(str(one).startswith(self.folder) for one in arguments):
            return
        self.left -= 1
        if self.left < 0:
            raise PowerCutError


def _changes(event: str, arguments: tuple[object, ...]) -> bool:
    if event == "open":
        flags = arguments[2] if len(arguments) > 2 else 0
        return isinstance(flags, int) and bool(flags & 0o3)
    return event in CHANGES


_fuse = _Fuse()


@contextmanager
def cut_after(changes: int, folder: Path) -> Iterator[None]:
    """Cut the power at the change that follows so many, in this folder."""
    if not _fuse.is_installed:
        sys.addaudithook(_fuse.watch)
        _fuse.is_installed = True
    _fuse.folder, _fuse.left = str(folder), changes
    try:
        yield
    finally:
        _fuse.left = None
