"""Plays a torture: fault after fault while the meter speaks, then peace, then the last receipts."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from agent.torture.cast import CLOCK_JUMP, Cast
from agent.torture.evidence import Evidence
from agent.torture.progress import POLL_S, RECOVERY_S_MAX, await_progress
from agent.torture.relay import Link
from agent.torture.stage import HUB, SECOND, WORKERS
from agent.torture.strikes import STRIKES
from shared.errors import OperatorError

BETWEEN_S = 1.0
ROUNDS_MAX = 5
ALL = ("broker", "api", *WORKERS)

WATCHED = {CLOCK_JUMP: SECOND}
"""Which hub is to carry on after a fault, where it is not the first."""


@dataclass
class Course:
    """What was struck, and how long the way took to carry on after each."""

    struck: dict[str, int] = field(default_factory=dict)
    longest_recovery_s: float = 0.0
    slowest: str = ""

    def note(self, kind: str, recovery_s: float) -> None:
        """Note a fault and what came after it."""
        self.struck[kind] = self.struck.get(kind, 0) + 1
        if recovery_s > self.longest_recovery_s:
            self.longest_recovery_s, self.slowest = recovery_s, kind


def play(
    cast: Cast, evidence: Evidence, seed: int, faults: int, only: Sequence[str] = ()
) -> Course:
    """Strike so often, as the seed says, and bring everything to rest."""
    draw = Random(f"torture {seed}")  # noqa: S311  # a schedule, no secret
    course = Course()
    kinds = _schedule(seed, faults, only or list(STRIKES), cast.lacking())
    for number, kind in enumerate(kinds, 1):
        time.sleep(draw.uniform(0, BETWEEN_S))
        _say(f"{number:4} of {faults}  {kind}")
        STRIKES[kind](cast, evidence, draw)
        course.note(kind, await_progress(cast, WATCHED.get(kind, HUB)))
        _check_alive(cast, kind)
    _come_to_rest(cast, evidence)
    return course


def _schedule(
    seed: int, faults: int, kinds: Sequence[str], lacking: Mapping[str, str]
) -> list[str]:
    """Draw the faults by their names: each of them strikes before one does again.

    What cannot strike on this machine is passed over, so that the others come as they do elsewhere.
    """
    if set(kinds) <= lacking.keys():
        raise OperatorError(f"cannot strike here: {dict(lacking)}")
    draw = Random(f"torture {seed}: kinds")  # noqa: S311
    drawn: list[str] = []
    while len(drawn) < faults:
        drawn += [one for one in draw.sample(sorted(kinds), len(kinds)) if one not in lacking]
    return drawn[:faults]


def _check_alive(cast: Cast, kind: str) -> None:
    ended = cast.ended()
    if ended:
        raise OperatorError(f"after {kind}: {', '.join(ended)} ended", hint=f"see {cast.state}")


def _come_to_rest(cast: Cast, evidence: Evidence) -> None:
    """End the meters, then stop and start the hubs until all they hold is stored."""
    cast.relay.set(Link.UP)
    for name in (*ALL, *cast.hubs):
        cast.again(name)
    cast.end_meters()
    missing: int | None = None
    for _ in range(ROUNDS_MAX):
        deadline = time.monotonic() + RECOVERY_S_MAX
        held: dict[str, tuple[int, int]] = {}
        for name, database in cast.hubs.items():
            cast.stop(name)
            held |= evidence.look(database)
        missing = cast.missing(held)
        if missing == 0:
            return
        for name in cast.hubs:
            cast.again(name)
        while cast.missing(held) != 0 and time.monotonic() < deadline:
            time.sleep(POLL_S)
    raise OperatorError(f"{missing} samples were never stored", hint=f"see {cast.state}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # progress, for who watches
