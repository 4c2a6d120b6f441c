"""What a check says, and which of several is the worst. Pure."""

import enum
from collections.abc import Iterable

import msgspec


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
