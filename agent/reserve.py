"""The reserve: room on the disk that only deleting may use, because SQLite needs room to delete in.

A file of zeros beside the database; given up when a start or a commit meets a full disk, made anew
when there is room again. Owns that one file.
"""

import logging
import os
import shutil
from pathlib import Path

RESERVE_NAME = "reserve"

RESERVE_BYTES = 4 << 20
"""A WAL of the size it is kept at: thinning a day of one meter writes a tenth of it."""

LOW_DISK_BYTES = 4 * RESERVE_BYTES
"""Below this the reserve is not made, and the log makes its room within its own file."""

FULL_BELOW_BYTES = 1 << 20
"""A disk with less is full for the log: what opening it or thinning has to write must still fit."""

_logger = logging.getLogger(__name__)


class Reserve:
    """The reserve of one state folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RESERVE_NAME

    @property
    def is_there(self) -> bool:
        """Tell whether it can be given up."""
        return self._path.exists()

    def make(self) -> bool:
        """Set the room aside if it is not, and the disk has it to spare; say whether it is."""
        if self.is_there:
            return True
        if self.free_bytes() < LOW_DISK_BYTES:
            return False
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.posix_fallocate(file, 0, RESERVE_BYTES)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            _logger.warning("no reserve could be set aside in %s: %s", self._path, error)
            self._path.unlink(missing_ok=True)
            return False
        return True

    def give_up(self) -> bool:
        """Free the room; say whether there was any."""
        if not self.is_there:
            return False
        self._path.unlink()
        _logger.warning("the disk is full: the reserve %s was given up", self._path)
        return True

    def give_up_where_full(self) -> bool:
        """Free the room if the disk is full before the log is opened; say whether there was any."""
        return self.free_bytes() < FULL_BELOW_BYTES and self.give_up()

    def free_bytes(self) -> int:
        """Measure the room left on the disk; raises OSError."""
        return shutil.disk_usage(self._path.parent).free
