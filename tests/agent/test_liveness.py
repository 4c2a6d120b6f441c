"""Which parts of the hub answer in time."""

import pytest

from agent.liveness import Liveness, meter_bound_s


class Seconds:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_part_is_late_past_its_own_bound() -> None:
    """Each part has its own, and is late by what has gone since it last answered."""
    seconds = Seconds()
    liveness = Liveness(seconds)
    liveness.expect("commit", 10)
    liveness.expect("meter a", 60)

    seconds.now_s = 30.0

    assert liveness.late() == {"commit": 30.0}


def test_an_answer_begins_the_bound_anew() -> None:
    """What answered just now is not late, whatever was before."""
    seconds = Seconds()
    liveness = Liveness(seconds)
    liveness.expect("commit", 10)
    seconds.now_s = 30.0

    liveness.expect("commit", 10)

    assert liveness.late() == {}


def test_a_part_that_has_ended_is_never_late() -> None:
    """A replay that is over answers no more, and need not."""
    seconds = Seconds()
    liveness = Liveness(seconds)
    liveness.expect("meter a", 10)

    liveness.release("meter a")
    liveness.release("meter a")
    seconds.now_s = 1_000.0

    assert liveness.late() == {}


@pytest.mark.parametrize(
    ("link", "longest_s"),
    [
        ("/dev/ttyUSB0", 180),
        ("tcp://192.0.2.7:2001", 180),
        ("mbus:/dev/ttyUSB0?every_s=3600", 7_260),
        ("optical:/dev/ttyUSB0", 7_260),
        ("zigbee:/dev/ttyUSB0", 7_260),
        ("replay:a.p1?speed=1", float("inf")),
    ],
)
def test_a_silent_meter_is_no_hung_loop(link: str, longest_s: float) -> None:
    """The bound is past the silence after which the link itself says something."""
    assert meter_bound_s(link, 60) == longest_s
