"""How often a network's devices are asked, and how long they may be silent. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a device is asked and how long it may be silent, in seconds."""

    opening_s: float = 5.0
    """How long reports wait for the description and the reading at most."""
    answer_s: float = 5.0
    poll_s: float = 10.0
    slow_poll_s: float = 1_800.0
    silence_s: float = 60.0
    """Without a report for so long, a device is asked."""
    slow_silence_s: float = 7_200.0
    told_s: float = 300.0
    """From one question for the price to the next."""
    settle_s: float = 2.0
    """A device announces itself in two ways at once; the second is no news."""


DEFAULT_PACE = Pace()
"""What households get; tests are quicker."""
