"""What an update of a panel does next: from what its bootloader holds, and how far we had come.

Pure. Owns the decision and what must survive a cut; asking and sending is `update.py`'s.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

TRIALS_MAX = 2
"""A power cut in a trial looks like firmware that failed: an image is tried once more."""


class Phase(enum.StrEnum):
    """How far an update had come; noted before anything is done that belongs to it."""

    UPLOADING = "uploading"
    MARKING = "marking"
    TRIED = "tried"
    REVERTING = "reverting"


class UpdateState(msgspec.Struct, frozen=True):
    """What of an update must survive a cut; `image_hash` is that of MCUboot, in hexadecimal."""

    image_hash: str
    version: str
    board: str
    phase: Phase = Phase.UPLOADING
    trials: int = 0
    reason: str = ""
    allows_older: bool = False


class Move(enum.Enum):
    """The next step."""

    UPLOAD = "send the image"
    MARK = "have it started once"
    RESET = "start the panel anew, into the image"
    CONFIRM = "keep the image, if the panel says its version"
    GO_BACK = "start the panel anew, out of the image"
    DONE = "the panel keeps the image"
    NOT_STARTED = "the bootloader did not take the image"
    WENT_BACK = "the panel started the image and went back"
    GIVEN_UP = "the panel runs what it ran before, as was wanted"


@dataclass(frozen=True, slots=True)
class Ended:
    """How an update ended. Where `is_put_off`, it goes on when it is started anew."""

    is_installed: bool
    reason: str
    is_put_off: bool = False


class Slot(Protocol):
    """One slot as a panel describes it: smp's ImageState."""

    @property
    def hash(self) -> bytes | None:
        """The hash of the image in it."""

    @property
    def active(self) -> bool | None:
        """Whether it runs."""

    @property
    def confirmed(self) -> bool | None:
        """Whether it is kept."""

    @property
    def pending(self) -> bool | None:
        """Whether it is started next."""


def next_move(slots: Sequence[Slot], state: UpdateState) -> Move:
    """Say what comes next; the same slots and state say the same, however one got there."""
    wanted = bytes.fromhex(state.image_hash)
    ours = [slot for slot in slots if slot.hash == wanted]
    running = next((slot for slot in ours if slot.active), None)
    if running is not None:
        if running.confirmed:
            return Move.DONE
        return Move.GO_BACK if state.phase is Phase.REVERTING else Move.CONFIRM
    if state.phase is Phase.REVERTING:
        return Move.GIVEN_UP
    is_last = state.phase is Phase.TRIED and state.trials >= TRIALS_MAX
    if not ours:
        return Move.NOT_STARTED if is_last else Move.UPLOAD
    if any(slot.pending for slot in ours):
        return Move.RESET
    return Move.WENT_BACK if is_last else Move.MARK
