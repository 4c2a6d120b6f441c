"""Texts in several lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.screen.wrapping import is_whole, wrap_text


def wrap(text: str, chars: int, lines: int) -> list[str]:
    """Wrap by counting characters."""
    return wrap_text(text, lambda one: len(one) <= chars, lines)


def test_lines_break_at_spaces() -> None:
    """As many words in each as fit."""
    assert wrap("power will be off on 3 May", 10, 4) == ["power will", "be off on", "3 May"]


def test_a_text_that_fits_is_one_line() -> None:
    """However many there could be."""
    assert wrap("short", 10, 4) == ["short"]
    assert wrap("", 10, 4) == []


def test_what_does_not_fit_ends_in_dots() -> None:
    """After a whole word."""
    lines = wrap("power will be off on 3 May", 10, 2)

    assert lines == ["power will", "be off on…"]
    assert not is_whole("power will be off on 3 May", lines)


def test_a_word_longer_than_a_line_goes_on_in_the_next() -> None:
    """Without losing a letter."""
    assert wrap("stroomonderbreking", 8, 3) == ["stroomon", "derbreki", "ng"]


def test_an_accent_does_not_begin_a_line() -> None:
    """It belongs to the letter before it."""
    assert wrap("ae\u0301e\u0301e\u0301", 4, 3) == ["ae\u0301", "e\u0301e\u0301"]


@pytest.mark.parametrize("width", [0, 1])
def test_no_room_is_no_line(width: int) -> None:
    """Nothing hangs in an endless loop."""
    assert all(len(line) <= width for line in wrap("ab cd", width, 3))


@given(st.text(max_size=60), st.integers(0, 12), st.integers(1, 5))
@settings(max_examples=50)
def test_every_line_fits_and_there_are_no_more_than_asked_for(
    text: str, chars: int, lines: int
) -> None:
    """Whatever comes."""
    wrapped = wrap(text, chars, lines)

    assert len(wrapped) <= lines
    assert all(len(line) <= chars for line in wrapped)
