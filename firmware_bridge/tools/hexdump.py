"""Bytes from dumps that carry offsets: xxd, hexdump, od, Wireshark, tcpdump. Pure.

The offsets say how many bytes a line has, so that the characters printed beside them are never
taken for bytes. Nothing here raises on content.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_LINE_BYTES = 64
"""The widest dump in use has 32 bytes a line."""

MAX_REPEATED_BYTES = 65_536
"""How many bytes one `*` line may stand for: no telegram is so long."""

MIN_GOOD_PERCENT = 60
"""So many of the offsets must fit the line before them; the rest are breaks and new dumps."""

BASES = (16, 8, 10)
"""hexdump and Wireshark, od, and tools that count in decimal."""

_OFFSET = re.compile(r"\s*(?:0x)?([0-9A-Fa-f]{3,16})(:?)(?:(\s+)(\S.*)?)?$")
_PAIRS = re.compile(r"[0-9A-Fa-f]{2,8}")
_WORD_DIGITS = 4
_HALF_DIGITS = 16


@dataclass(frozen=True, slots=True)
class _Line:
    """An offset, whether it is set apart (by a colon, or by two spaces), and what follows it."""

    offset: str
    has_colon: bool
    is_apart: bool
    rest: str
    has_bar: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """How a dump is written: the base its offsets count in, and whether its words are swapped."""

    base: int
    is_swapped: bool


def read_dump(lines: Sequence[str]) -> bytes | None:
    """Return the bytes of a dump, or None where the lines do not carry fitting offsets."""
    layout = layout_of(lines)
    return None if layout is None else b"".join(stream_dump(lines, layout))


def layout_of(lines: Iterable[str]) -> Layout | None:
    """Find how a dump is written; None where the lines do not carry fitting offsets."""
    parsed = [_parse(line) for line in lines]
    base = _base_of(parsed)
    return None if base is None else Layout(base, _is_swapped(parsed))


def stream_dump(lines: Iterable[str], layout: Layout) -> Iterator[bytes]:
    """Yield the bytes of a dump row by row, as the lines come."""
    before = ""
    last: tuple[int, bytes] | None = None
    for text, following in _with_next(lines):
        line = _parse(text)
        offset = None if line is None else _number(line.offset, layout.base)
        if line is not None and offset is not None:
            # A row is held back until the line after it: hexdump's closing offset may shorten it.
            if last is not None and not line.rest and last[0] <= offset < last[0] + len(last[1]):
                last = (last[0], last[1][: offset - last[0]])
            if last is not None:
                yield last[1] + _repeated(before, last, offset)
            width = _width(offset, following, layout.base)
            last = (offset, _bytes_of(line, width, is_swapped=layout.is_swapped))
            if not line.rest:
                last = None
        before = text
    if last is not None:
        yield last[1]


def _with_next(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each line with the one after it, "" after the last."""
    held: str | None = None
    for line in lines:
        if held is not None:
            yield held, line
        held = line
    if held is not None:
        yield held, ""


def _parse(line: str) -> _Line | None:
    match = _OFFSET.match(line)
    if match is None:
        return None
    rest, bar, _ = (match[4] or "").partition("|")
    is_apart = bool(match[2]) or len(match[3] or "") > 1
    return _Line(match[1], bool(match[2]), is_apart, rest.rstrip(), bool(bar))


def _number(offset: str, base: int) -> int | None:
    try:
        return int(offset, base)
    except ValueError:
        return None


def _base_of(parsed: Sequence[_Line | None]) -> int | None:
    """Find the base in which the offsets count the bytes."""
    found = [line for line in parsed if line is not None]
    if found and all(_is_zero(line) and line.is_apart for line in found):
        return BASES[0]
    scores = {base: _fitting_percent(parsed, base) for base in BASES}
    best = max(BASES, key=lambda base: scores[base])
    return best if scores[best] >= MIN_GOOD_PERCENT else None


def _fitting_percent(parsed: Sequence[_Line | None], base: int) -> int:
    """Count the offsets that are the one before plus what that line holds; breaks aside."""
    fitting = counted = 0
    for before, after in pairwise(parsed):
        if before is None or after is None:
            continue
        first, second = _number(before.offset, base), _number(after.offset, base)
        if second == 0:
            continue
        counted += 1
        if first is not None and second is not None:
            bytes_between = second - first
            # Characters beside the bytes may look like half as many bytes again.
            most = _capacity(before.rest)
            fitting += 0 < bytes_between <= most <= bytes_between * 3 // 2
    return 100 * fitting // counted if counted else 0


def _is_zero(line: _Line) -> bool:
    return len(line.offset) >= _WORD_DIGITS and not line.offset.strip("0")


def _capacity(rest: str) -> int:
    return min(MAX_LINE_BYTES, sum(len(pair) // 2 for pair in _PAIRS.findall(rest)))


def _width(offset: int, following: str, base: int) -> int | None:
    """Say how many bytes a line has by the offset after it; None where none tells."""
    line = _parse(following)
    after = None if line is None else _number(line.offset, base)
    if after is None or not 0 < after - offset <= MAX_LINE_BYTES:
        return None
    return after - offset


def _bytes_of(line: _Line, width: int | None, *, is_swapped: bool) -> bytes:
    """Read a line's bytes: `width` of them, else as far as its columns go."""
    digits = ""
    columns = re.split(r"\s{2,}", line.rest)
    for place, column in enumerate(columns):
        groups = column.split()
        is_full = width is not None and len(digits) >= 2 * width
        if is_full or not all(_is_group(group) for group in groups):
            break
        # Without a width, a second column is bytes only after a first of eight.
        if (
            width is None
            and place
            and not (
                place == 1
                and len(digits) == _HALF_DIGITS
                and (line.has_bar or len(columns) > place + 1)
            )
        ):
            break
        digits += "".join(_swap(group) if is_swapped else group for group in groups)
    row = bytes.fromhex(digits)
    if width is not None and len(row) < width:
        row = _first_groups(line.rest, width, is_swapped=is_swapped)
    return row[: width or MAX_LINE_BYTES]


def _first_groups(rest: str, width: int, *, is_swapped: bool) -> bytes:
    """Read `width` bytes group by group, where single spaces divide bytes from characters too."""
    digits = ""
    for group in rest.split():
        if not _is_group(group) or len(digits) >= 2 * width:
            break
        digits += _swap(group) if is_swapped else group
    return bytes.fromhex(digits)


def _is_group(group: str) -> bool:
    return len(group) % 2 == 0 and _PAIRS.fullmatch(group) is not None


def _is_swapped(parsed: Sequence[_Line | None]) -> bool:
    """Tell hexdump's and od's native words, printed last byte first on most machines."""
    found = [line for line in parsed if line is not None and line.rest]
    return bool(found) and all(
        not line.has_colon
        and not line.has_bar
        and all(len(group) == _WORD_DIGITS and _is_group(group) for group in line.rest.split())
        for line in found
    )


def _swap(group: str) -> str:
    return group[2:] + group[:2] if len(group) == _WORD_DIGITS else group


def _repeated(before: str, last: tuple[int, bytes], offset: int) -> bytes:
    """Return what a `*` line stands for: the last row again, up to the next offset."""
    start, row = last[0] + len(last[1]), last[1]
    if before.strip() != "*" or not row or not 0 < offset - start <= MAX_REPEATED_BYTES:
        return b""
    return (row * ((offset - start) // len(row) + 1))[: offset - start]
