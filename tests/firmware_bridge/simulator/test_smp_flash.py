"""The simulated bootloader: test, confirm, revert, and a power cut after every change."""

import random

import pytest

from firmware_bridge.display.image import FirmwareImage
from firmware_bridge.display.image_rules import check_signature, parse_keys
from firmware_bridge.simulator.smp_flash import (
    SECTOR_BYTES,
    BrownOutError,
    Flash,
    image_bytes,
)
from tests.support.firmware import FirmwareMaker

MAKER = FirmwareMaker()
KEYS = parse_keys(MAKER.public_pem())
OLD, NEW = MAKER.make((1, 0, 0, 0)), MAKER.make((1, 1, 0, 0))
SECTORS = 4


def judge(image: FirmwareImage) -> None:
    """Start what the maker signed."""
    check_signature(image, KEYS)


def started(flash: Flash) -> str:
    """Start the panel, again after each power cut; say which version runs."""
    for _ in range(10):
        try:
            image = flash.boot(judge)
        except BrownOutError:
            continue
        return "nothing" if image is None else str(image.version)
    raise AssertionError("it never starts")


def loaded(content: bytes = NEW) -> Flash:
    """Have an image in slot 1, not marked."""
    flash = Flash.with_image(OLD, SECTORS)
    flash.write(1, 0, content)
    return flash


def test_a_panel_starts_what_it_was_delivered_with() -> None:
    """Again and again."""
    flash = loaded()

    assert [started(flash) for _ in range(3)] == ["1.0.0"] * 3


def test_a_marked_image_is_started_once_then_goes_back() -> None:
    """Unless it is confirmed; and it does not come again."""
    flash = loaded()
    flash.mark(is_permanent=False)

    assert [started(flash) for _ in range(4)] == ["1.1.0", "1.0.0", "1.0.0", "1.0.0"]


def test_a_confirmed_image_stays() -> None:
    """The one before lies in the other slot."""
    flash = loaded()
    flash.mark(is_permanent=False)
    assert started(flash) == "1.1.0"
    flash.confirm()

    assert [started(flash) for _ in range(3)] == ["1.1.0"] * 3
    told = flash.slots[1].image()
    assert told is not None
    assert str(told.version) == "1.0.0"


def test_a_permanent_mark_needs_no_confirmation() -> None:
    """MCUboot can; the hub never asks for it, because it can brick."""
    flash = loaded()
    flash.mark(is_permanent=True)

    assert [started(flash) for _ in range(2)] == ["1.1.0"] * 2


@pytest.mark.parametrize("at", [10, 600, 5_000, len(NEW) - 3])
def test_a_spoilt_image_is_never_started_and_is_thrown_away(at: int) -> None:
    """Header, payload or signature."""
    spoilt = bytearray(NEW)
    spoilt[at] ^= 0xFF
    flash = loaded(bytes(spoilt))
    flash.mark(is_permanent=False)

    assert [started(flash) for _ in range(2)] == ["1.0.0"] * 2
    assert flash.slots[1].image() is None


def test_a_strangers_image_is_never_started() -> None:
    """The bootloader checks by itself, whatever the hub let through."""
    flash = loaded(FirmwareMaker().make((9, 0, 0, 0)))
    flash.mark(is_permanent=False)

    assert started(flash) == "1.0.0"


def test_a_power_cut_after_any_change_of_a_swap_ends_in_the_same_firmware() -> None:
    """There and back: each change of the flash is the last before the power fails once."""
    whole = loaded()
    whole.mark(is_permanent=False)
    before = whole.changes
    started(whole)
    swap_changes = whole.changes - before
    assert swap_changes == 3 * SECTORS + 1
    for cut_after in range(swap_changes):
        flash = loaded()
        flash.mark(is_permanent=False)
        flash.cut_after = cut_after
        assert started(flash) == "1.1.0"
        flash.cut_after = cut_after
        assert started(flash) == "1.0.0"
        assert started(flash) == "1.0.0"


def test_power_cuts_at_random_in_swaps_never_leave_nothing() -> None:
    """Several in one swap, too."""
    chance = random.Random(2)
    for _ in range(25):
        flash = loaded()
        flash.mark(is_permanent=False)
        for _ in range(6):
            flash.cut_after = chance.randrange(20)
            assert started(flash) in ("1.0.0", "1.1.0")


def test_a_brown_out_leaves_whole_pages_of_a_write() -> None:
    """The rest is what was there before."""
    flash = Flash.with_image(OLD, SECTORS)
    flash.cut_after = 2
    with pytest.raises(BrownOutError):
        flash.write(1, 0, b"\x55" * 1_000)

    content = flash.slots[1].content
    assert content[:512] == b"\x55" * 512
    assert content[512] == 0xFF
    flash.write(1, 0, b"\x55" * 1_000)
    assert content[999] == 0x55


def test_an_erased_slot_holds_nothing_and_is_not_marked() -> None:
    """The mark goes first: half an erased image must not be started."""
    flash = loaded()
    flash.mark(is_permanent=False)
    flash.cut_after = 2
    with pytest.raises(BrownOutError):
        flash.erase(1)

    assert not flash.slots[1].is_pending
    assert flash.slots[1].content[:SECTOR_BYTES] == b"\xff" * SECTOR_BYTES
    assert started(flash) == "1.0.0"


def test_a_panel_whose_only_image_is_spoilt_starts_nothing() -> None:
    """That is a brick, and the simulation can say so."""
    flash = Flash.with_image(OLD, SECTORS)
    flash.slots[0].content[700] ^= 1

    assert started(flash) == "nothing"


def test_a_way_back_that_is_spoilt_is_not_gone() -> None:
    """What runs unconfirmed is better than nothing."""
    flash = loaded()
    flash.mark(is_permanent=False)
    assert started(flash) == "1.1.0"
    flash.slots[1].content[700] ^= 1

    assert started(flash) == "1.1.0"


def test_the_length_of_an_image_in_a_slot_follows_from_its_header() -> None:
    """And is none for an erased slot, or a header that lies."""
    flash = loaded()

    assert image_bytes(flash.slots[1].content) == len(NEW)
    assert image_bytes(b"\xff" * 8_192) == 0
    assert image_bytes(b"") == 0
    assert image_bytes(NEW[:-200]) in (0, len(NEW))
