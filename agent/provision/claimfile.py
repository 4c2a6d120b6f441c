"""A claim in a file that an installer put where a card reader reaches: the boot partition."""

import contextlib
import hashlib
import logging
from pathlib import Path

from agent.config import Config
from agent.provision.joining import Ticket
from agent.provision.tickets import read_ticket_file
from shared.errors import OperatorError

REFUSED_SUFFIX = ".refused.txt"
DONE_NAME = "claim.done"

_logger = logging.getLogger(__name__)


class ClaimFile:
    """The one file, or none; `host` is where a code alone is redeemed.

    What was dealt with is noted in `done_file`: the boot partition may not be the hub's to write,
    and a used claim that stays there must not be tried again.
    """

    def __init__(self, path: Path | None, host: str, done_file: Path | None = None) -> None:
        self._path = path
        self._host = host
        self._done_file = done_file

    def read(self) -> Ticket | None:
        """Read the claim; one that cannot be read is put aside with the reason."""
        if self._path is None or not self._path.is_file() or self._is_done(self._path):
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
        self._note_done(self._path)
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            # The boot partition may be mounted read-only; a used claim opens nothing any more.
            _logger.warning("%s cannot be removed: %s", self._path, error)

    def refuse(self, reason: str) -> None:
        """Put the file aside, so that it is not tried for ever: of it the reason alone is left."""
        if self._path is None:
            return
        self._note_done(self._path)
        aside = self._path.with_name(self._path.stem + REFUSED_SUFFIX)
        try:
            aside.write_text(f"# {' '.join(reason.split())}\n", encoding="utf-8")
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _logger.warning("%s cannot be put aside: %s", self._path, error)

    def _is_done(self, path: Path) -> bool:
        if self._done_file is None:
            return False
        with contextlib.suppress(OSError):
            return self._done_file.read_text(encoding="ascii") == _digest(path)
        return False

    def _note_done(self, path: Path) -> None:
        if self._done_file is None or not path.is_file():
            return
        try:
            self._done_file.write_text(_digest(path), encoding="ascii")
        except OSError as error:
            _logger.warning("%s cannot be written: %s", self._done_file, error)


def claim_file_of(config: Config) -> ClaimFile:
    """The claim's file of this hub, with the note of what was dealt with in its state folder."""
    done_file = config.hub_state_dir / DONE_NAME
    return ClaimFile(config.provision_claim_file, config.provision_host, done_file)


def _digest(path: Path) -> str:
    """Name what a file says, and nothing of it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
