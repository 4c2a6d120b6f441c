"""What befalls a hub's wall clock: it jumps, under a running hub or while it is away, and back."""

from random import Random

from agent.ntp import clock_error_ms
from agent.torture.cast import CLOCK_JUMP, Cast
from agent.torture.evidence import Evidence
from agent.torture.pause import pause
from agent.torture.progress import await_progress
from agent.torture.stage import SECOND
from shared.clock import SystemClock
from shared.errors import OperatorError
from shared.units import MS_PER_SECOND

HOUR_S = 3_600
DAY_S = 24 * HOUR_S
JUMPS_S = (-HOUR_S, HOUR_S, -DAY_S, DAY_S, -400 * DAY_S, 400 * DAY_S)


def jump_clock(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Let the wall clock of the second hub jump, go on so until more is stored, and jump back.

    Where the kernel says that NTP disciplines the clock, the hub has to believe it: what it dates
    then is put right once the clock is, and a server's certificate may not count meanwhile.
    """
    wall = cast.start_second()
    if wall is None:
        raise OperatorError(cast.lacking()[CLOCK_JUMP])
    to_1970_s = -SystemClock().utc_ms() // MS_PER_SECOND
    _set(cast, draw, draw.choice((*JUMPS_S, to_1970_s)))
    if clock_error_ms() is None:
        await_progress(cast, SECOND)
    else:
        pause(draw)
    _set(cast, draw, 0)


def _set(cast: Cast, draw: Random, offset_s: int) -> None:
    is_away = draw.random() < 1 / 2
    if is_away:
        draw.choice((cast.kill, cast.stop))(SECOND)
    if cast.wall is not None:
        cast.wall.jump(offset_s)
    if is_away:
        cast.again(SECOND)
