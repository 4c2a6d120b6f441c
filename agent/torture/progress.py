"""Waits until the cloud stores more of a hub than it did: the way carries on."""

import time

from agent.torture.cast import Cast
from shared.errors import OperatorError

RECOVERY_S_MAX = 120.0
"""Every timeout of the protocol's backlog has passed twice by then."""

POLL_S = 0.2


def await_progress(cast: Cast, hub: str) -> float:
    """Wait for it; say how long that took. Raises OperatorError where nothing more comes."""
    started = time.monotonic()
    before: int | None = None
    while time.monotonic() - started < RECOVERY_S_MAX:
        stored = cast.stored(hub)
        if stored is not None:
            count = sum(last - first + 1 for ranges in stored.values() for first, last in ranges)
            if before is not None and count > before:
                return time.monotonic() - started
            before = count if before is None else before
        time.sleep(POLL_S)
    raise OperatorError(
        f"nothing more of {hub} was stored for {RECOVERY_S_MAX:.0f} s", hint=f"see {cast.state}"
    )
