"""Makes a finding of whatever a check stumbles over, so that the other checks go on."""

import sqlite3
from collections.abc import Callable

from agent.doctor.check import Check, Result
from shared.errors import HearthlinkError


def guard(name: str, examine: Callable[[], Check]) -> Check:
    """Make a check; an error of the system or of ours becomes a fault with its text."""
    try:
        return examine()
    except HearthlinkError as error:
        return Check(name, Result.FAULT, error.message, error.hint)
    except (OSError, sqlite3.Error, ValueError, TypeError) as error:
        # The last two: a damaged file holds values of the wrong kind.
        return Check(name, Result.FAULT, f"the check itself failed: {error}", _fix_of(error))


def _fix_of(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "run hearthlink doctor as the user that runs the hub"
    if isinstance(error, sqlite3.Error):
        return "see what the checks 'database' and 'integrity' say, and look at the disk"
    return "look at the file or device the text names"
