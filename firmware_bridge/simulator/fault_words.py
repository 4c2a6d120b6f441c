"""The words that scripts of faults are written in: `word[=value][@time[+length]]`, or a TOML file.

Owns the grammar and its errors; what a word means is `fault_spec.py`'s for meters and
`panel_faults.py`'s for panels.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from shared.errors import OperatorError
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND

UNITS_MS = {
    "ms": 1,
    "s": MS_PER_SECOND,
    "m": MS_PER_MINUTE,
    "h": MS_PER_HOUR,
    "d": MS_PER_DAY,
}

_TOKEN = re.compile(r"([a-z]+)(?:=([^@]*))?(?:@([^+]*)(?:\+(.*))?)?")
_LENGTH = re.compile(r"(?:(\d+)(ms|[smhd]))")
_RATE = re.compile(r"(\d{1,9})(?:/(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Written:
    """One word as it was written, taken apart."""

    token: str
    word: str
    value: str | None
    at: str | None
    length: str | None

    def fault(self, form: str) -> OperatorError:
        """Say that this word is not written as it must be."""
        return OperatorError(f"fault {self.token!r} cannot be read", hint=f"write {form}")


def split_words(text: str, known: Iterable[str]) -> Iterator[Written]:
    """Take a script apart, from its text or from the TOML file it names; raises OperatorError."""
    tokens = _from_file(Path(text)) if text.endswith(".toml") else iter(text.split(","))
    allowed = sorted({*known, "seed"})
    return (_take_apart(token.strip(), allowed) for token in tokens)


def read_rate(written: Written) -> Fraction:
    """Read one in so many; raises OperatorError."""
    match = _RATE.fullmatch(written.value or "")
    if match is not None and written.at is None:
        whole, parts = int(match[1]), int(match[2] or 1)
        if 0 < whole <= parts:
            return Fraction(whole, parts)
    raise written.fault(f"{written.word}=1/500, one in so many")


def read_seed(written: Written) -> int:
    """Read a seed; raises OperatorError."""
    value = written.value or ""
    if written.at is not None or not value.isdecimal() or len(value) > len(str(2**63)):
        raise written.fault("seed=7, a whole number")
    return int(value)


def length_ms(text: str | None) -> int | None:
    """Read `1d12h`, `30s`, `250ms`; None where it is no length of time."""
    if not text or _LENGTH.sub("", text):
        return None
    return sum(int(number) * UNITS_MS[unit] for number, unit in _LENGTH.findall(text))


def _from_file(path: Path) -> Iterator[str]:
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OperatorError(
            f"faults {path} cannot be read: {error}", hint='write lines such as stall = "30s@1h"'
        ) from error
    for word, value in content.items():
        for one in value if isinstance(value, list) else [value]:
            yield _token_of(word, one)


def _token_of(word: str, value: Any) -> str:
    text = str(value)
    return f"{word}{text}" if text.startswith("@") else f"{word}={text}"


def _take_apart(token: str, known: list[str]) -> Written:
    match = _TOKEN.fullmatch(token)
    if match is None or match[1] not in known:
        raise OperatorError(f"fault {token!r} is not known", hint=f"use one of: {', '.join(known)}")
    return Written(token, *match.groups())
