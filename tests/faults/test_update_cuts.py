"""An update cut off at any change of the disk leaves a hub that starts, and comes to its end."""

from pathlib import Path

import pytest

from tests.support.update_cuts import cut_everywhere

EVERY = 2


@pytest.mark.parametrize("ends_well", [True, False])
def test_no_cut_of_an_update_loses_the_hub(tmp_path: Path, *, ends_well: bool) -> None:
    """Every second change of fetching, unpacking, swapping, counting, confirming or going back."""
    losses = cut_everywhere(tmp_path, ends_well=ends_well, every=EVERY)

    assert losses.cuts >= 20
    assert (losses.lost, losses.unfinished) == (0, 0), losses.faults
