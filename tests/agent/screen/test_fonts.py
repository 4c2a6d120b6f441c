"""The letters of a screen: which signs there are, and how wide they come out."""

import pytest

from agent.home.words import CURRENCY_SIGNS
from agent.screen.fonts import (
    SIZES_KEPT,
    estimate_width,
    has_signs,
    let_go,
    load_font,
    replace_signs,
    step_down,
)


def test_every_sign_that_figures_are_written_with_is_there() -> None:
    """Pillow's own font lacks the pound."""
    signs = "".join(CURRENCY_SIGNS.values())

    assert has_signs(f"0123456789 .,:%{signs}kWhp/m³−–…≥·'()")


@pytest.mark.parametrize("text", ["Ελλάδα", "Україна", "Łódź", "Größe", "España"])
def test_european_scripts_are_there(text: str) -> None:
    """Latin, Greek and Cyrillic, with their accents."""
    assert replace_signs(text) == text


@pytest.mark.parametrize(("text", "shown"), [("停電 3 May", "?? 3 May"), ("a😀b", "a?b"), ("", "")])
def test_a_sign_that_is_not_there_is_a_question_mark(text: str, shown: str) -> None:
    """And not a box."""
    assert replace_signs(text) == shown
    assert has_signs(text) == (text == shown)


@pytest.mark.parametrize("is_bold", [False, True])
def test_digits_are_as_wide_as_one_another(is_bold: bool) -> None:
    """A figure that changes does not jump."""
    font = load_font(40, is_bold=is_bold)

    assert len({font.getlength(digit) for digit in "0123456789"}) == 1


@pytest.mark.parametrize("size_px", [14, 30, 96])
def test_a_width_is_estimated_closely(size_px: int) -> None:
    """So that few sizes need to be loaded."""
    real = load_font(size_px, is_bold=True).getlength("£100.13 of £135.00")

    assert abs(estimate_width("£100.13 of £135.00", size_px, is_bold=True) - real) < real / 20


def test_large_sizes_come_in_steps() -> None:
    """Each that is loaded takes memory; small ones differ by a pixel that can be seen."""
    used = {step_down(size_px) for size_px in range(1, 300)}

    assert {step_down(one) for one in used} == used
    assert set(range(1, 24)) <= used
    assert len(used) < 70
    assert step_down(0) == 1


def test_no_more_sizes_are_kept_than_are_meant_to_be() -> None:
    """However many are asked for."""
    for size_px in range(8, 8 + 2 * SIZES_KEPT):
        load_font(size_px, is_bold=False)

    assert load_font.cache_info().currsize <= SIZES_KEPT


def test_a_font_that_was_let_go_is_opened_again() -> None:
    """With the same letters."""
    width = load_font(20, is_bold=False).getlength("Month")

    let_go()

    assert load_font.cache_info().currsize == 0
    assert load_font(20, is_bold=False).getlength("Month") == width
