"""A claim in a file that an installer put where a card reader reaches: the boot partition."""

import logging
from pathlib import Path

from agent.provision.joining import Ticket
from agent.provision.tickets import read_ticket_file
from shared.errors import OperatorError

REFUSED_SUFFIX = ".refused.txt"

_logger = logging.getLogger(__name__)


class ClaimFile:
    """The one file, or none; `host` is where a code alone is redeemed."""

    def __init__(self, path: Path | None, host: str) -> None:
        self._path = path
        self._host = host

    def read(self) -> Ticket | None:
        """Read the claim; one that cannot be read is put aside with the reason."""
        if self._path is None or not self._path.is_file():
            return None
        try:
            return read_ticket_file(self._path, self._host)
        except OperatorError as error:
            self.refuse(str(error))
            return None

    def remove(self) -> None:
        """Remove the file: its claim is used."""
        if self._path is None:
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            # The boot partition may be mounted read-only; a used claim opens nothing any more.
            _logger.warning("%s cannot be removed: %s", self._path, error)

    def refuse(self, reason: str) -> None:
        """Put the file aside, so that it is not tried for ever: of it the reason alone is left."""
        if self._path is None:
            return
        aside = self._path.with_name(self._path.stem + REFUSED_SUFFIX)
        try:
            aside.write_text(f"# {' '.join(reason.split())}\n", encoding="utf-8")
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _logger.warning("%s cannot be put aside: %s", self._path, error)
