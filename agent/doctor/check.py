"""What a check says, which of several is the worst, and how an error becomes a finding. Pure."""

import enum
import sqlite3
from collections.abc import Callable, Iterable

import msgspec

from shared.errors import HearthlinkError


class Result(enum.StrEnum):
    """The one word of a check."""

    OK = "ok"
    ABSENT = "not set up"
    WARNING = "warning"
    FAULT = "fault"


class Check(msgspec.Struct, frozen=True):
    """One check: what was looked at, how it is, what was found, and what to do ("" for nothing)."""

    name: str
    result: Result
    finding: str
    fix: str = ""


_MILDEST_FIRST = (Result.OK, Result.WARNING, Result.FAULT)


def worst_of(checks: Iterable[Check]) -> Result:
    """Tell the worst result; what is not set up counts as ok."""
    found = {check.result for check in checks}
    return next((one for one in reversed(_MILDEST_FIRST) if one in found), Result.OK)


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
