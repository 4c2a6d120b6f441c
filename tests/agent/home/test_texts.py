"""Texts from outside: cleaned, and cut between what a reader takes for characters."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.home.texts import (
    ELLIPSIS,
    clean_text,
    cut_at_space,
    cut_text,
    cut_to_chars,
    split_graphemes,
)

FAMILY = "👩\u200d👩\u200d👧"
WAVE = "👋🏽"
FLAGS = "🇬🇧🇳🇱"


def test_a_plain_text_stays_as_it_is() -> None:
    """Spaces and line ends become single spaces."""
    assert (
        clean_text("Power off  on 3 May,\r\n 9:00\t– 10:00") == "Power off on 3 May, 9:00 – 10:00"
    )


@pytest.mark.parametrize(
    "text",
    ["Отключение 3 мая", "停電のお知らせ", "انقطاع التيار", "정전 안내", "ไฟฟ้าดับ", FAMILY, WAVE],
)
def test_any_script_is_a_text(text: str) -> None:
    """Nothing is lost of it."""
    assert clean_text(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "unshown",
    ["\x07", "\x1b[2J"[:1], "\u202e", "\u2066", "\ufeff", "\ue000", "\U000e0041", "\ud800"],
)
def test_what_could_move_or_hide_is_left_out(unshown: str) -> None:
    """Controls, turns of direction, private signs, and half of a pair."""
    assert clean_text(f"pay{unshown}able") == "payable"


def test_a_tower_of_accents_is_held_to_its_height() -> None:
    """It would cover the lines above and below."""
    cleaned = clean_text("a" + "\u0335" * 400 + "b")

    assert len(cleaned) <= 10
    assert (cleaned[0], cleaned[-1]) == ("a", "b")


def test_an_accent_without_a_letter_is_left_out() -> None:
    """It would sit on what stands before the text."""
    assert clean_text("\u0301\u0301 Bill") == "Bill"
    assert clean_text("\u0301") == ""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("cafe\u0301s", ["c", "a", "f", "e\u0301", "s"]),
        (f"a{FAMILY}b", ["a", FAMILY, "b"]),
        (f"{WAVE}!", [WAVE, "!"]),
        (FLAGS, ["🇬🇧", "🇳🇱"]),
        ("\u1100\u1161\u11a8x", ["\u1100\u1161\u11a8", "x"]),
        ("กำ", ["กำ"]),
        ("क्ष", ["क्", "ष"]),
        ("", []),
    ],
)
def test_a_letter_keeps_what_belongs_to_it(text: str, parts: list[str]) -> None:
    """Accents, families, colours, flags, and the parts of a Korean syllable."""
    assert list(split_graphemes(text)) == parts


def test_a_cut_is_between_graphemes() -> None:
    """Half of a family, or a letter without its accent, would say something else."""
    assert cut_to_chars(f"ab{FAMILY}cd", 6) == "ab…"
    assert cut_to_chars("e\u0301e\u0301e\u0301", 5) == "e\u0301e\u0301…"
    assert cut_to_chars("short", 5) == "short"


def test_no_space_stands_before_the_ellipsis() -> None:
    """The words end, then the dots."""
    assert cut_to_chars("power will be off", 7) == "power…"


def test_where_nothing_fits_nothing_is_shown() -> None:
    """A display without room for the ellipsis shows no half of one."""
    assert cut_text("text", lambda one: not one) == ""


@given(st.text(max_size=60), st.integers(0, 40))
@settings(max_examples=50)
def test_a_cut_text_fits_and_begins_as_the_text_does(text: str, chars: int) -> None:
    """Whatever comes."""
    cut = cut_to_chars(text, chars)

    assert len(cut) <= chars
    assert cut == text or text.startswith(cut.removesuffix(ELLIPSIS))


@given(st.text(max_size=80))
@settings(max_examples=50)
def test_a_cleaned_text_is_one_line_and_stays_so(text: str) -> None:
    """Cleaning it again changes nothing; no line end, control or surrogate is left."""
    cleaned = clean_text(text)

    assert clean_text(cleaned) == cleaned
    assert not {unicodedata.category(one) for one in cleaned} & {"Cc", "Cs", "Co", "Zl", "Zp"}
    assert "".join(split_graphemes(cleaned)) == cleaned
    cleaned.encode()


def test_a_figure_is_not_cut_in_two() -> None:
    """£100.13 must not come out as £10."""
    assert cut_at_space("Budget £100.13 of £135.00", lambda one: len(one) <= 13) == "Budget…"
    assert cut_at_space("Budget £100.13", lambda one: len(one) <= 14) == "Budget £100.13"


def test_a_single_long_word_is_cut_within() -> None:
    """There is no other way."""
    assert cut_at_space("stroomonderbreking", lambda one: len(one) <= 7) == "stroom…"
