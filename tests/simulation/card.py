"""The card a run's hub keeps its files on: emptied, imaged, put back.

What is done here is done behind the hub's back.
"""

import shutil
from pathlib import Path

from agent.database import open_database
from agent.marks import MARKS_NAME

DATABASE = "hub.sqlite"


class Card:
    """One folder; the database's file keeps its place while its content comes and goes."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / DATABASE
        self._marks = folder / MARKS_NAME
        self._template = folder / "template.sqlite"
        open_database(self._template).close()
        self._image: dict[Path, bytes | None] = {}

    def begin(self) -> None:
        """Begin with an empty database of the newest schema."""
        for path in self._files():
            if path != self.database:
                path.unlink(missing_ok=True)
        shutil.copyfile(self._template, self.database)
        self.take_image()

    def take_image(self) -> None:
        """Copy every file as it is at this moment: another card with the same on it."""
        self._image = {path: path.read_bytes() if path.exists() else None for path in self._files()}

    def put_back(self, *, is_whole: bool) -> None:
        """Put the last image back; one that is not whole is the database alone, its marks newer."""
        for path, content in self._image.items():
            if path == self._marks and not is_whole:
                continue
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)

    def _files(self) -> list[Path]:
        beside = [Path(f"{self.database}-{end}") for end in ("wal", "shm")]
        return [self.database, *beside, self._marks]
