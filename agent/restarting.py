"""How the hub starts itself anew: it stops in order, and the same process becomes the next one.

A service manager starts the next one by itself; then the process just ends. What started the hub
starts it again: the starter of the slots where there is one, which then chooses the slot.
"""

import logging
import os
from collections.abc import Callable, Sequence

_logger = logging.getLogger(__name__)


class Restarting:
    """Whether the hub is to be started anew once it has stopped; `stop` makes it stop."""

    def __init__(self) -> None:
        self.is_wanted = False
        self.stop: Callable[[], None] = lambda: None

    def ask(self, reason: str) -> None:
        """Have the hub stop and start anew."""
        _logger.warning("the hub is started anew: %s", reason)
        self.is_wanted = True
        self.stop()


def become(command: Sequence[str]) -> None:
    """Be replaced by a command; does not return."""
    logging.shutdown()
    os.execv(command[0], list(command))  # noqa: S606 (no shell is wanted)
