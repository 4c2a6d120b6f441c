"""The starts of a simulated panel: which firmware runs, with which server."""

import pytest

from firmware_bridge.simulator.smp_boots import SmpBoots
from firmware_bridge.simulator.smp_flash import BrownOutError, Flash
from shared.errors import OperatorError
from tests.support.firmware import FirmwareMaker

MAKER = FirmwareMaker()
OLD, NEW = MAKER.make((1, 0, 0, 0)), MAKER.make((1, 1, 0, 3))


@pytest.fixture
def boots() -> SmpBoots:
    """A panel with a newer image that is to be started once."""
    flash = Flash.with_image(OLD, sectors=4)
    flash.write(1, 0, NEW)
    flash.mark(is_permanent=False)
    return SmpBoots(flash, MAKER.public_pem())


def test_each_start_says_what_runs(boots: SmpBoots) -> None:
    """The image on trial, then the one before; a server of its own for each."""
    first, second = boots.start(), boots.start()

    assert (first.firmware, second.firmware) == ("1.1.0+3", "1.0.0")
    assert first.server is not second.server
    assert not second.server.wants_restart


def test_a_power_cut_in_the_bootloader_is_gone_on_from(boots: SmpBoots) -> None:
    """By the next start, or by one that starts as often as it takes."""
    boots.flash.cut_after = 3
    with pytest.raises(BrownOutError):
        boots.start()
    boots.flash.cut_after = 4

    assert boots.start_surely().firmware == "1.1.0+3"


def test_a_panel_without_a_good_image_says_so() -> None:
    """Signed by a key that its bootloader does not know."""
    boots = SmpBoots(Flash.with_image(FirmwareMaker().make(), sectors=4), MAKER.public_pem())

    with pytest.raises(OperatorError, match="starts nothing"):
        boots.start_surely()
