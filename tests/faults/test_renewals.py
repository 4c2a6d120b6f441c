"""A certificate's renewal, cut off at random points: no hub is ever lost."""

from pathlib import Path

from tests.support.renewals import cut_renewals

CUTS = 200


def test_renewals_cut_off_at_random_lose_no_hub(tmp_path: Path) -> None:
    """Two hundred cuts in one hub's life, some while it recovers; `make soak` makes more."""
    toll = cut_renewals(tmp_path, CUTS, seed=5)

    print(f"\n{toll.cuts} cuts, {toll.finished} renewals finished, {toll.lost} hubs lost")
    assert toll.cuts >= CUTS
    assert toll.lost == 0
