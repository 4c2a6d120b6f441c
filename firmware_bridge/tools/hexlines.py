"""Bytes from text in which they are written as hexadecimal: pasted lines, logs, C arrays. Pure.

Dumps that carry offsets are `hexdump.py`'s. Nothing here raises on content: what is no hexadecimal
is passed over, for a codec finds its way through a byte too many or too few.
"""

import ast
import re
from collections.abc import Iterable, Iterator

MIN_WORDY_BYTES = 4
"""Beside words, shorter hexadecimal is as likely a number or a word such as `added`."""

MAX_LITERAL_CHARS = 65_536
"""A Python bytes literal longer than this is no log line."""

MAX_STAMPS = 8
"""A line begins with a date, a time, a level and a tag or two."""

_STAMP = re.compile(
    r"\s*(?:\[[^\]]*\]|\d{4}-\d\d-\d\d[T ]?(?=[\d\s])"
    r"|(?:[01]?\d|2[0-3]):[0-5]\d:[0-5]\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?(?![:.,\w-])"
    r"|\d{9,13}\.\d{1,9}(?=\s))[\s:]*"
)
"""Log levels, tags, dates, times and epoch seconds at the start of a line."""

_COMMENT = re.compile(r"(?:\s|^)(?:#|//|<--|\|).*$|\(?\b\d+ bytes?\b\)?")
_SENT = re.compile(r">>>|\bTX\b")
"""What the host sent to the meter: no part of what the meter said."""

_GROUP = r"(?:0[xX])?[0-9A-Fa-f]+"
_RUN = re.compile(rf"(?<!\w){_GROUP}(?!\w)(?:[ \t]{{0,4}}[ \t,:;\-.][ \t]{{0,4}}{_GROUP}(?!\w))*")
_MARKED = re.compile(r"[:><]\s*$")
_LITERAL = re.compile(r"\bb(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
_WORD = re.compile(r"\w")


def read_lines(lines: Iterable[str]) -> bytes:
    """Join the bytes that lines hold, a byte split by a line's end included."""
    return b"".join(stream_lines(lines))


def stream_lines(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield the same piece by piece, as the lines come."""
    waiting = ""
    for digits in _digits(lines):
        if waiting and len(digits) % 2:
            # Two odd lines in a row are one text wrapped anywhere; one alone lost a digit.
            yield bytes.fromhex(waiting + digits)
            waiting = ""
            continue
        if waiting:
            yield bytes.fromhex(waiting[:-1])
            waiting = ""
        if len(digits) % 2:
            waiting = digits
        else:
            yield bytes.fromhex(digits)
    yield bytes.fromhex(waiting[: len(waiting) // 2 * 2])


def digits_of(line: str) -> str:
    """Return the hexadecimal digits of the bytes on one line, "" where it holds none."""
    literal = _LITERAL.search(line)
    if literal is not None and len(line) <= MAX_LITERAL_CHARS:
        return _of_literal(literal[0])
    if _SENT.search(line):
        return ""
    rest = _COMMENT.sub("", _without_stamps(line))
    runs = list(_RUN.finditer(rest))
    if not runs:
        return ""
    best = max(runs, key=lambda run: (run.end() - run.start(), run.start()))
    digits = join_groups(best[0])
    others = rest[: best.start()] + rest[best.end() :]
    is_marked = _MARKED.search(rest[: best.start()]) is not None
    if len(digits) < 2 * MIN_WORDY_BYTES and not is_marked and _WORD.search(others):
        return ""
    return digits


def join_groups(run: str) -> str:
    """Join groups of digits, a lone digit being a byte whose leading zero was left out."""
    groups: list[str] = re.findall(_GROUP, run)
    plain = [group[2:] if group[:2] in ("0x", "0X") else group for group in groups]
    if len(plain) == 1:
        return plain[0]
    return "".join(f"0{group}" if len(group) == 1 else group for group in plain)


def _digits(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        digits = digits_of(line)
        if digits:
            yield digits


def _without_stamps(line: str) -> str:
    place = 0
    for _ in range(MAX_STAMPS):
        stamp = _STAMP.match(line, place)
        if stamp is None or not line[stamp.end() :].strip():
            break
        place = stamp.end()
    return line[place:]


def _of_literal(text: str) -> str:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ""
    return value.hex() if isinstance(value, bytes) else ""
