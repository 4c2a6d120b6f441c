"""When the simulated meter sends: on a grid in history, each second when live. Pure and seeded."""

import random
from collections.abc import Iterator

from shared.units import MS_PER_SECOND

LATE_PERCENT = 3
"""How often a telegram of the history comes one second after its place on the grid."""

MISSED_ONE_IN = 50
"""How many seconds, on average, hold one without a telegram when live."""

JITTER_MS = 100
"""A live telegram leaves this much before or after its second at most."""


def history_times(seed: int, start_ms: int, cadence_s: int) -> Iterator[int]:
    """Yield for ever the meter's times from `start_ms` on, on the grid of `cadence_s` seconds."""
    draw = random.Random(f"{seed}/history/{start_ms}")  # noqa: S311 (a simulation, no secret)
    step_ms = cadence_s * MS_PER_SECOND
    time_ms = -(-start_ms // step_ms) * step_ms
    while True:
        late = cadence_s > 1 and draw.random() * 100 < LATE_PERCENT
        yield time_ms + (MS_PER_SECOND if late else 0)
        time_ms += step_ms


class LiveTimes:
    """The seconds at which a live meter sends, and how far off each leaves."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(f"{seed}/live")  # noqa: S311 (a simulation, no secret)

    def after(self, time_ms: int) -> tuple[int, int]:
        """Return the meter time of the next telegram, a whole second, and when it leaves."""
        next_ms = (time_ms // MS_PER_SECOND + 1) * MS_PER_SECOND
        if self._draw.randrange(MISSED_ONE_IN) == 0:
            next_ms += MS_PER_SECOND
        return next_ms, next_ms + self._draw.randint(-JITTER_MS, JITTER_MS)
