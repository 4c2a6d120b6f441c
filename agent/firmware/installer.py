"""What brings one kind of firmware in, as the job that fetches it sees it. Loads no library."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from shared.jobs import Artefact

Tell = Callable[[str, int], None]
"""Hears the step, and how many percent of it are done."""


class Installer(Protocol):
    """Brings one kind of firmware in."""

    async def install(self, file: Path, artefact: Artefact, tell: Tell) -> str:
        """Do it, or go on with it; say in words what runs now.

        Raises BadInputError before anything was done where it must not be, and any other
        HearthlinkError where it failed.
        """

    def forget(self) -> None:
        """How it ended is durable elsewhere: there is nothing to go on with."""
