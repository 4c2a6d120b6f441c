"""Writes the checks down: for a person at a terminal, or as JSON for a program. Pure."""

from collections.abc import Sequence

import msgspec

from agent.doctor.check import Check, Result, worst_of
from agent.home.words import format_count

COLOURS = {
    Result.OK: "\x1b[32m",
    Result.ABSENT: "\x1b[2m",
    Result.WARNING: "\x1b[33m",
    Result.FAULT: "\x1b[31m",
}
"""ECMA-48: green, faint, yellow, red. The word says the same, for who sees or has no colours."""

PLAIN = "\x1b[0m"
FIX_INDENT = 4


class _Report(msgspec.Struct):
    checks: Sequence[Check]
    worst: Result


def to_json(checks: Sequence[Check]) -> str:
    """Write the checks as one JSON object: `checks` and `worst`."""
    return msgspec.json.format(msgspec.json.encode(_Report(checks, worst_of(checks)))).decode()


def to_text(checks: Sequence[Check], *, colours: bool) -> str:
    """Write a line for each check, its fix indented below, and a sum at the end."""
    word_width = max(len(one.value) for one in Result)
    name_width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        word = f"{check.result.value:<{word_width}}"
        if colours:
            word = f"{COLOURS[check.result]}{word}{PLAIN}"
        lines.append(f"{word}  {check.name:<{name_width}}  {_printable(check.finding)}".rstrip())
        if check.fix:
            lines.append(" " * FIX_INDENT + _printable(check.fix))
    return "\n".join([*lines, "", _sum(checks)])


def _sum(checks: Sequence[Check]) -> str:
    counted = {one: sum(check.result is one for check in checks) for one in Result}
    said = [
        format_count(counted[one], one.value)
        for one in (Result.FAULT, Result.WARNING)
        if counted[one]
    ]
    return f"{format_count(len(checks), 'check')}: {', '.join(said) or 'nothing wrong'}"


def _printable(text: str) -> str:
    """Keep a meter's or a broker's bytes from steering the terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
