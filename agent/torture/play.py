"""Plays a torture: fault after fault while the meter speaks, then peace, then the last receipts."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from agent.torture.cast import WORKERS, Cast
from agent.torture.evidence import Evidence
from agent.torture.relay import Link
from agent.torture.strikes import STRIKES
from shared.errors import OperatorError

BETWEEN_S = 1.0
RECOVERY_S_MAX = 120.0
"""Every timeout of the protocol's backlog has passed twice by then."""

POLL_S = 0.2
ROUNDS_MAX = 5
ALL = ("broker", "api", *WORKERS, "hub")


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
    kinds = [kind for kind in only or STRIKES if kind not in cast.lacking()]
    if not kinds:
        raise OperatorError(f"cannot strike here: {cast.lacking()}")
    for number, kind in enumerate(_schedule(seed, faults, kinds), 1):
        time.sleep(draw.uniform(0, BETWEEN_S))
        _say(f"{number:4} of {faults}  {kind}")
        STRIKES[kind](cast, evidence, draw)
        course.note(kind, _await_progress(cast))
        _check_alive(cast, kind)
    _come_to_rest(cast, evidence)
    return course


def _schedule(seed: int, faults: int, kinds: Sequence[str]) -> list[str]:
    """Draw the faults by their names: each of them strikes before one does again."""
    draw = Random(f"torture {seed}: kinds")  # noqa: S311
    drawn: list[str] = []
    while len(drawn) < faults:
        drawn += draw.sample(sorted(kinds), len(kinds))
    return drawn[:faults]


def _await_progress(cast: Cast) -> float:
    """Wait until the cloud stores more than it did; say how long that took."""
    started = time.monotonic()
    before: int | None = None
    while time.monotonic() - started < RECOVERY_S_MAX:
        stored = cast.stored()
        if stored is not None:
            count = sum(last - first + 1 for ranges in stored.values() for first, last in ranges)
            if before is not None and count > before:
                return time.monotonic() - started
            before = count if before is None else before
        time.sleep(POLL_S)
    raise OperatorError(
        f"nothing more was stored for {RECOVERY_S_MAX:.0f} s", hint=f"see {cast.state}"
    )


def _check_alive(cast: Cast, kind: str) -> None:
    ended = cast.ended()
    if ended:
        raise OperatorError(f"after {kind}: {', '.join(ended)} ended", hint=f"see {cast.state}")


def _come_to_rest(cast: Cast, evidence: Evidence) -> None:
    """End the meter, then stop and start the hub until all it holds is stored."""
    cast.relay.set(Link.UP)
    for name in ALL:
        cast.again(name)
    cast.end_meter()
    missing: int | None = None
    for _ in range(ROUNDS_MAX):
        deadline = time.monotonic() + RECOVERY_S_MAX
        cast.stop("hub")
        held = evidence.look()
        missing = cast.missing(held)
        if missing == 0:
            return
        cast.again("hub")
        while cast.missing(held) != 0 and time.monotonic() < deadline:
            time.sleep(POLL_S)
    raise OperatorError(f"{missing} samples were never stored", hint=f"see {cast.state}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # progress, for who watches
