"""How long the backlog will take, as receipts tell it."""

from pathlib import Path

import pytest

from tests.support.sessions import Scene

ROWS = 1_000


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A session over a thousand rows, ten a frame, at five frames a second."""
    made = Scene(tmp_path, ROWS)
    made.connect()
    return made


def test_the_end_is_estimated_from_what_receipts_name(scene: Scene) -> None:
    """Fifty rows a second: after ten seconds 500 are left, which take ten more."""
    scene.answer(stored=[])
    for second in range(1, 11):
        scene.time.pass_by(1_000)
        scene.answer(stored=[(1, second * 50, 0)])

    assert scene.session.left_ms() == 10_000


def test_before_anything_is_measured_nothing_is_promised(scene: Scene) -> None:
    """One receipt tells how much is left, not how fast it goes."""
    before = scene.session.left_ms()
    scene.answer(stored=[(1, 10, 0)])

    assert (before, scene.session.left_ms()) == (None, None)


def test_a_lost_connection_ends_the_estimate(scene: Scene) -> None:
    """Offline nothing shrinks; after it the pace is measured anew."""
    scene.answer(stored=[])
    scene.time.pass_by(5_000)
    scene.answer(stored=[(1, 500, 0)])
    known = scene.session.left_ms()
    scene.uplink.lose()
    scene.step()

    assert known == 5_000
    assert scene.session.left_ms() is None
