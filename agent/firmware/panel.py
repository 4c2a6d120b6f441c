"""Brings firmware into the hub's panel: judged, sent, tried, and reported in words.

Owns files and the order; the line is lent by who holds the panel's port. The libraries of SMP are
loaded with the first update, so that a hub without one does not carry them.
"""

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from agent.firmware.installer import Tell
from agent.firmware.journal import UpdateJournal
from firmware_bridge.display.image import FirmwareImage, read_image
from firmware_bridge.display.image_rules import KEYS_HINT, admit_image, parse_keys
from shared.errors import BadInputError, OperatorError, RetryableError
from shared.jobs import Artefact

if TYPE_CHECKING:
    from firmware_bridge.display.update_moves import Ended
    from firmware_bridge.display.update_run import OpenLine

MISSING = "updating a panel needs the package {name}, which is not installed here"
MISSING_HINT = "pip install 'hearthlink[agent,panel]'"
JOURNAL = "panel-update.json"
CABLE_S_MAX = 120.0
"""Somebody who pulled the cable out finds the right socket meanwhile; else it is put off."""


def admitted(content: bytes, keys_file: Path | None) -> FirmwareImage:
    """Read an image and check all that can be checked without its panel.

    Raises BadInputError for an image that is none, is altered, or is signed by no known key.
    """
    if keys_file is None:
        raise OperatorError(
            "no public keys for firmware are named, so no image can be believed",
            hint="give --keys FILE, or name it in update.panel_keys_file",
        )
    try:
        keys = parse_keys(keys_file.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{keys_file} cannot be read: {error}", hint=KEYS_HINT) from error
    try:
        return admit_image(read_image(content), keys)
    except ModuleNotFoundError as error:
        raise OperatorError(MISSING.format(name=error.name), hint=MISSING_HINT) from error


class PanelInstaller:
    """Updates one panel; `open_line` borrows its line."""

    def __init__(
        self,
        open_line: "OpenLine",
        keys_file: Path | None,
        journal: Path,
        cable_s_max: float = CABLE_S_MAX,
    ) -> None:
        self._open_line = open_line
        self._cable_s_max = cable_s_max
        self._keys_file = keys_file
        self._journal = UpdateJournal(journal)

    async def update(
        self,
        content: bytes,
        tell: Tell = lambda _step, _percent: None,
        *,
        allows_older: bool = False,
    ) -> "Ended":
        """Bring an image in; an update of it that was cut off goes on. Raises as `admitted`."""
        image = admitted(content, self._keys_file)
        from firmware_bridge.display.update import PanelUpdate  # noqa: PLC0415 (brings pydantic)
        from firmware_bridge.display.update_run import run_update  # noqa: PLC0415 (as above)

        state = self._journal.resume(image, allows_older=allows_older)
        update = PanelUpdate(image, state, secrets.randbits(32), self._journal.note)
        ended = await run_update(
            update,
            self._open_line,
            lambda now: tell(now.step, 100 * now.sent_bytes // now.total_bytes),
            cable_s_max=self._cable_s_max,
        )
        if not ended.is_put_off and not ended.is_installed:
            self.forget()
        return ended

    def forget(self) -> None:
        """Whoever asked for the update knows how it ended: there is nothing to go on with."""
        self._journal.close()

    async def install(self, file: Path, artefact: Artefact, tell: Tell) -> str:
        """Bring an artefact's image in; say what the panel runs now.

        Raises BadInputError before anything was sent, OperatorError where it did not stay, and
        RetryableError where it was put off.
        """
        content = await asyncio.to_thread(file.read_bytes)
        version = str(admitted(content, self._keys_file).version).partition("+")[0]
        if version != artefact.version:
            raise BadInputError(f"signed as {artefact.version}, the image says {version}")
        ended = await self.update(content, tell)
        if ended.is_installed:
            return ended.reason
        if ended.is_put_off:
            raise RetryableError(ended.reason)
        raise OperatorError(ended.reason)
