"""Passwords that are tried first: whatever is put together of a few well-known pieces.

With twelve characters the old lists of short passwords say little; what people make of them is
repetition, keyboard rows, counting, years, and words of `common.txt` in a row. A password that
falls apart wholly into such pieces is refused.
"""

from functools import cache
from importlib import resources
from typing import NamedTuple

WALK_CHARS_MIN = 3
KINDS_MIN = 4
"""Different characters a password has at least."""

PIECES_MAX = 6
"""More pieces in a row than this are a phrase, which nobody tries all of."""

LEET = str.maketrans("@4310$57!", "aaeiossti")
"""What people write for letters; a piece counts with or without it."""

MARKS = frozenset("!?.,-_#*$@&+ ")


class _Known(NamedTuple):
    """What passwords are made of: whole words, and the text that walks are parts of."""

    words: frozenset[str]
    walks: str


def is_common(password: str) -> bool:
    """Tell whether a password is made of a few well-known pieces, or of few characters."""
    text = password.casefold()
    if len(set(text)) < KINDS_MIN or _is_repeated(text):
        return True
    return _pieces(text) <= PIECES_MAX


def _is_repeated(text: str) -> bool:
    """Tell whether up to a third of a text, again and again, is all of it."""
    return any(
        text == (text[:length] * (len(text) // length + 1))[: len(text)]
        for length in range(1, len(text) // 3 + 1)
    )


def _pieces(text: str) -> int:
    """Count the fewest well-known pieces that make up a text; more than allowed where none do."""
    fewest = [0] + [PIECES_MAX + 1] * len(text)
    for end in range(1, len(text) + 1):
        for start in range(end):
            piece = text[start:end]
            if fewest[start] < fewest[end] and (
                _is_known(piece) or _is_known(piece.translate(LEET))
            ):
                costs_one = piece not in MARKS
                fewest[end] = min(fewest[end], fewest[start] + costs_one)
    return fewest[-1]


@cache
def _known() -> _Known:
    """Read the lists; walks count backwards too."""
    text = resources.files("cloud.accounts").joinpath("common.txt").read_text(encoding="utf-8")
    words, rows = text.partition("\n")[2].split("\n\n")
    walks = " ".join(walk for row in rows.split() for walk in (row, row[::-1]))
    return _Known(frozenset(words.split()), walks)


def _is_known(piece: str) -> bool:
    if piece in _known().words or piece in MARKS:
        return True
    if piece.isdecimal() and len(piece) in (2, 4):
        return True  # a year, a day, a PIN
    if len(piece) < WALK_CHARS_MIN:
        return False
    return len(set(piece)) == 1 or (" " not in piece and piece in _known().walks)
