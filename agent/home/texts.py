"""Texts that come from outside, made fit for a screen: cleaned, and cut where a reader would cut.

Owns what of a text is shown at all; how wide it comes out is the display's business. Pure.
"""

import unicodedata
from collections.abc import Callable, Iterator

ELLIPSIS = "…"
MAX_MARKS = 8
"""What follows one letter (accents, a family's emoji); more only towers over the next lines."""

_JOINER, _NON_JOINER = "\u200d", "\u200c"
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Controls, turns of direction, halves of pairs, and what has no meaning that all agree on."""

_FOLLOWING = frozenset({"Mn", "Mc", "Me"})
_FOLLOWERS = frozenset({_JOINER, _NON_JOINER, "\u0e33", "\u0eb3"})
"""Joiners, and the vowels of Thai and Lao that no category tells."""


def clean_text(text: str) -> str:
    """Put a text into one line without anything that could move, hide or tower over what is beside.

    Text of any script stays as it is; spaces and line ends become single spaces.
    """
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    shown = "".join(one for one in spaced if _is_shown(one))
    return " ".join("".join(_held(one) for one in split_graphemes(shown)).split())


def split_graphemes(text: str) -> Iterator[str]:
    """Part a text into what a reader takes for one character, as UAX #29 does for the most part.

    A letter keeps its accents, an emoji its colour and its family, a flag both of its letters.
    """
    cluster = ""
    for one in text:
        if cluster and _goes_on(cluster, one):
            cluster += one
            continue
        if cluster:
            yield cluster
        cluster = one
    if cluster:
        yield cluster


def cut_text(text: str, fits: Callable[[str], bool]) -> str:
    """Return the text where it fits, else as much of it as fits before an ellipsis.

    `fits` must hold for the shorter where it does for the longer; "" where not even the ellipsis
    fits.
    """
    if fits(text):
        return text
    parts = list(split_graphemes(text))
    least, most = 0, len(parts)
    while least < most:
        middle = (least + most + 1) // 2
        if fits("".join(parts[:middle]).rstrip() + ELLIPSIS):
            least = middle
        else:
            most = middle - 1
    kept = "".join(parts[:least]).rstrip() + ELLIPSIS
    return kept if fits(kept) else ""


def cut_at_space(text: str, fits: Callable[[str], bool]) -> str:
    """Cut a text after a word, for a part of a figure would be another; else within the first."""
    if fits(text):
        return text
    words = text.split(" ")
    count = most_words(words[:-1], lambda one: fits(one + ELLIPSIS))
    return " ".join(words[:count]) + ELLIPSIS if count else cut_text(text, fits)


def most_words(words: list[str], fits: Callable[[str], bool]) -> int:
    """Count how many of the first words fit into one line."""
    least, most = 0, len(words)
    while least < most:
        middle = (least + most + 1) // 2
        if fits(" ".join(words[:middle])):
            least = middle
        else:
            most = middle - 1
    return least


def cut_to_chars(text: str, chars_max: int) -> str:
    """Cut a text to so many code points at the most, between two graphemes."""
    return cut_text(text, lambda one: len(one) <= chars_max)


def _is_shown(one: str) -> bool:
    return one in _FOLLOWERS or unicodedata.category(one) not in _UNSHOWN


def _held(cluster: str) -> str:
    """Hold what follows one letter to its limit; what follows nothing is left out."""
    if _follows(cluster[0]):
        return ""
    return cluster[: 1 + MAX_MARKS].rstrip(_JOINER + _NON_JOINER)


def _goes_on(cluster: str, one: str) -> bool:
    last = cluster[-1]
    if _follows(one):
        return True
    if last == _JOINER:
        return unicodedata.category(one) == "So"
    if _is_regional(one):
        return len(cluster) == 1 and _is_regional(cluster)
    return _is_jamo(one) and (_is_jamo(last) or "\u1100" <= last < "\u1160" or _is_hangul(last))


def _follows(one: str) -> bool:
    return (
        one in _FOLLOWERS
        or unicodedata.category(one) in _FOLLOWING
        or "\U0001f3fb" <= one <= "\U0001f3ff"
    )


def _is_regional(one: str) -> bool:
    return "\U0001f1e6" <= one <= "\U0001f1ff"


def _is_jamo(one: str) -> bool:
    """Tell a vowel or an end of a Korean syllable, which never begins one."""
    return "\u1160" <= one <= "\u11ff"


def _is_hangul(one: str) -> bool:
    return "\uac00" <= one <= "\ud7a3"
