"""How long a fault lasts."""

import time
from random import Random

OUTAGE_S = (0.1, 2.0)
"""How long most faults last: long enough for several commits, short enough for hundreds."""


def pause(draw: Random) -> None:
    """Let a fault last for as long as it is drawn to."""
    time.sleep(draw.uniform(*OUTAGE_S))
