"""The household's part: it lets less leave for a while, at the hub's own page."""

import time
from random import Random

from agent.torture.cast import Cast
from agent.torture.consent import Narrowing
from agent.torture.evidence import Evidence
from shared.consent import Granularity
from shared.errors import OperatorError
from shared.ranges import subtract

NARROWER = (Granularity.HALF_HOURLY, Granularity.DAILY, Granularity.NONE)
SETTLED_S = 1.5
"""What the meter said before is committed by then: three of the torture's commit windows."""

NARROW_S = (1.0, 5.0)
"""Half an hour to some hours of the household's."""


def narrow_consent(cast: Cast, evidence: Evidence, draw: Random) -> None:
    """Let less leave, and after a while as much as before.

    The meter holds its breath at both choices, so that each reading is surely before or after.
    """
    granularity = draw.choice(NARROWER)
    with cast.pace.silence():
        time.sleep(SETTLED_S)
        stored = cast.stored()
        if stored is None:
            raise OperatorError("the API does not say what is stored", hint=f"see {cast.state}")
        cast.choose(granularity)
        before = _look(cast, evidence)
    time.sleep(draw.uniform(*NARROW_S))
    with cast.pace.silence():
        time.sleep(SETTLED_S)
        after = _look(cast, evidence)
        cast.choose(cast.granularity)
    narrow, undecided = {}, {}
    for log_id, (first, last) in after.items():
        narrow[log_id] = (before.get(log_id, (first, first - 1))[1] + 1, last)
        undecided[log_id] = subtract([(first, last)], stored.get(log_id, []))
    evidence.narrowings.append(Narrowing(granularity, narrow, undecided))


def _look(cast: Cast, evidence: Evidence) -> dict[str, tuple[int, int]]:
    cast.freeze("hub")
    try:
        return evidence.look()
    finally:
        cast.resume("hub")
