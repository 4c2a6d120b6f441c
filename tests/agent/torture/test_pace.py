"""The meter speaks by turns, says nothing while it is to be silent, and goes on at the end."""

import threading

from agent.torture.pace import Pace

TURNS_S_MAX = 10.0


def test_a_meter_speaks_by_turns_and_goes_on_at_the_end() -> None:
    """Each turn ends frozen, the last one does not."""
    said: list[str] = []
    has_turned = threading.Event()

    def freeze() -> None:
        said.append("freeze")
        has_turned.set()

    pace = Pace(lambda: said.append("resume"), freeze)
    pace.start()
    assert has_turned.wait(TURNS_S_MAX)

    pace.end()

    assert said[:2] == ["resume", "freeze"]
    assert said[-1] == "resume"


def test_a_meter_is_silent_meanwhile() -> None:
    """It does not begin before it may."""
    has_spoken = threading.Event()
    pace = Pace(has_spoken.set, lambda: None)

    with pace.silence():
        pace.start()
        spoke_early = has_spoken.is_set()

    assert has_spoken.wait(TURNS_S_MAX)
    pace.end()
    assert not spoke_early
