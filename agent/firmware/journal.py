"""How far the update of a panel has come, in one small file that survives any cut.

Owns the file; what its words mean is `firmware_bridge.display.update_moves`'s.
"""

from pathlib import Path

import msgspec

from agent.identity.files import make_folder, remove, write_whole
from firmware_bridge.display.image import FirmwareImage
from firmware_bridge.display.update_moves import UpdateState


class UpdateJournal:
    """One panel's; what cannot be read counts as absent, and the panel then says where it is."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def resume(self, image: FirmwareImage, *, allows_older: bool = False) -> UpdateState:
        """Return where this image's update was cut off, or its beginning."""
        state = self.read()
        if state is not None and state.image_hash == image.hash.hex():
            return msgspec.structs.replace(state, allows_older=allows_older or state.allows_older)
        return UpdateState(
            image_hash=image.hash.hex(),
            version=str(image.version),
            board=str(image.board),
            allows_older=allows_older,
        )

    def read(self) -> UpdateState | None:
        """Return what was noted last."""
        try:
            state = msgspec.json.decode(self._path.read_bytes(), type=UpdateState)
            bytes.fromhex(state.image_hash)
        except (OSError, ValueError):
            return None
        return state

    def note(self, state: UpdateState) -> None:
        """Write where the update stands, durable when this returns."""
        make_folder(self._path.parent)
        write_whole(self._path, msgspec.json.encode(state))

    def close(self) -> None:
        """The update has ended: there is nothing to go on with."""
        if self._path.exists():
            remove(self._path)
