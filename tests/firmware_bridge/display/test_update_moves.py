"""What comes next, by what a panel's bootloader holds and how far the update had come."""

from dataclasses import dataclass

import pytest

from firmware_bridge.display.update_moves import (
    TRIALS_MAX,
    Move,
    Phase,
    UpdateState,
    next_move,
)

OURS, OLD, OTHER = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32


@dataclass
class Held:
    """One slot."""

    hash: bytes | None
    active: bool | None = None
    confirmed: bool | None = None
    pending: bool | None = None


OLD_RUNS = Held(OLD, active=True, confirmed=True)


def at(phase: Phase, trials: int = 0) -> UpdateState:
    """Be somewhere in an update."""
    return UpdateState(OURS.hex(), "1.1.0", "panel-a", phase, trials, "because")


@pytest.mark.parametrize("phase", list(Phase))
def test_an_image_that_is_kept_is_the_end_of_it(phase: Phase) -> None:
    """However it came about."""
    assert next_move([Held(OURS, active=True, confirmed=True)], at(phase)) is Move.DONE


@pytest.mark.parametrize("phase", [Phase.UPLOADING, Phase.MARKING, Phase.TRIED])
def test_an_image_on_trial_is_to_be_confirmed(phase: Phase) -> None:
    """A power cut may have started it before we asked for a restart."""
    slots = [Held(OURS, active=True), Held(OLD)]

    assert next_move(slots, at(phase, 1)) is Move.CONFIRM


def test_an_image_that_failed_its_trial_goes_back_and_that_is_the_end() -> None:
    """Also where the hub was killed in between."""
    assert next_move([Held(OURS, active=True), Held(OLD)], at(Phase.REVERTING, 1)) is Move.GO_BACK
    assert next_move([OLD_RUNS, Held(OURS)], at(Phase.REVERTING, 1)) is Move.GIVEN_UP
    assert next_move([OLD_RUNS], at(Phase.REVERTING, 1)) is Move.GIVEN_UP


@pytest.mark.parametrize("slots", [[], [OLD_RUNS], [OLD_RUNS, Held(OTHER)], [OLD_RUNS, Held(None)]])
def test_an_image_that_is_not_there_is_sent(slots: list[Held]) -> None:
    """The other slot may be empty, half written, or hold something else."""
    assert next_move(slots, at(Phase.UPLOADING)) is Move.UPLOAD
    assert next_move(slots, at(Phase.MARKING)) is Move.UPLOAD


def test_an_image_that_is_there_is_marked_then_started() -> None:
    """Each step shows in what the panel holds."""
    assert next_move([OLD_RUNS, Held(OURS)], at(Phase.UPLOADING)) is Move.MARK
    assert next_move([OLD_RUNS, Held(OURS)], at(Phase.MARKING)) is Move.MARK
    assert next_move([OLD_RUNS, Held(OURS, pending=True)], at(Phase.MARKING)) is Move.RESET
    assert next_move([OLD_RUNS, Held(OURS, pending=True)], at(Phase.TRIED, 1)) is Move.RESET


def test_an_image_that_went_back_once_is_tried_once_more() -> None:
    """A power cut in the trial cannot be told from firmware that failed."""
    assert next_move([OLD_RUNS, Held(OURS)], at(Phase.TRIED, TRIALS_MAX - 1)) is Move.MARK
    assert next_move([OLD_RUNS, Held(OURS)], at(Phase.TRIED, TRIALS_MAX)) is Move.WENT_BACK


def test_an_image_that_the_bootloader_threw_away_is_sent_once_more() -> None:
    """Its slot may have been spoilt; or the bootloader knows another key."""
    assert next_move([OLD_RUNS], at(Phase.TRIED, TRIALS_MAX - 1)) is Move.UPLOAD
    assert next_move([OLD_RUNS], at(Phase.TRIED, TRIALS_MAX)) is Move.NOT_STARTED


def test_every_situation_has_an_answer() -> None:
    """All that two slots can say, in every phase: no error, and nothing confirmed that is old."""
    flags = [None, False, True]
    holdings = [
        Held(image, active, confirmed, pending)
        for image in (None, OLD, OURS)
        for active in flags
        for confirmed in flags
        for pending in flags
    ]
    for phase in Phase:
        for first in holdings:
            for second in holdings:
                move = next_move([first, second], at(phase, 1))
                if move in (Move.CONFIRM, Move.DONE):
                    assert any(one.hash == OURS and one.active for one in (first, second))
