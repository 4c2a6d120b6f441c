"""Texts in several lines: broken at spaces, and within a word that is longer than a line. Pure."""

from collections.abc import Callable

from agent.home.texts import ELLIPSIS, cut_at_space, most_words, split_graphemes


def wrap_text(text: str, fits: Callable[[str], bool], lines_max: int) -> list[str]:
    """Break a text into lines that fit, at most so many; where it is longer the last ends in dots.

    `fits` must hold for the shorter where it does for the longer.
    """
    lines: list[str] = []
    rest = text
    while rest and len(lines) < lines_max:
        if fits(rest):
            return [*lines, rest]
        if len(lines) == lines_max - 1:
            last = cut_at_space(rest, fits)
            return [*lines, last] if last else lines
        line = _first_line(rest, fits)
        if not line:
            break
        lines.append(line)
        rest = rest[len(line) :].lstrip()
    return lines


def is_whole(text: str, lines: list[str]) -> bool:
    """Tell whether wrapping has cut nothing off."""
    return bool(lines) and (text.endswith(ELLIPSIS) or not lines[-1].endswith(ELLIPSIS))


def _first_line(text: str, fits: Callable[[str], bool]) -> str:
    """Take the words that fit into one line; of a word longer than that, as much as fits."""
    words = text.split(" ")
    count = most_words(words, fits)
    if count:
        return " ".join(words[:count])
    line = ""
    for part in split_graphemes(text):
        if not fits(line + part):
            break
        line += part
    return line
